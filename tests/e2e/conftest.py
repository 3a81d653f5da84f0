"""The product that the stories share; started once, by whichever of them comes first."""

import logging
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from scripts import browser as installed
from tests.e2e.product import Product, running_product

logging.getLogger("httpx").setLevel(logging.WARNING)  # a line a call would bury what a test prints


@pytest.fixture(scope="session")
def story_product() -> Iterator[Product]:
    """The demo with its markets five times as fast."""
    with running_product(DEMO_SPEED="18000") as product:
        yield product


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    program = installed.found()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()
