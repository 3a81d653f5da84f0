"""The product that the stories share; started once, by whichever of them comes first."""

import logging
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from scripts import browser as installed
from tests.e2e.product import Product, running_product

HERE = Path(__file__).parent
shared = ExitStack()
logging.getLogger("httpx").setLevel(logging.WARNING)  # a line a call would bury what a test prints


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One product at a time: these tests share a worker, and those with a product of their own come first."""
    places = [place for place, item in enumerate(items) if item.path.is_relative_to(HERE)]
    ours = sorted((items[place] for place in places), key=lambda item: "story_product" in _fixtures(item))
    for place, item in zip(places, ours, strict=True):
        items[place] = item


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """What the stories share ends with the last of them: it would trade on, and its event loop stop other tests'."""
    if nextitem is None or not nextitem.path.is_relative_to(HERE):
        shared.close()


@pytest.fixture(scope="session")
def story_product() -> Product:
    """The demo with its markets five times as fast."""
    return shared.enter_context(running_product(DEMO_SPEED="18000"))


@pytest.fixture(scope="session")
def browser() -> Browser:
    """A real Chromium."""
    playwright = shared.enter_context(sync_playwright())
    running = playwright.chromium.launch(executable_path=installed.found(), args=["--no-sandbox"])
    shared.callback(running.close)
    return running
