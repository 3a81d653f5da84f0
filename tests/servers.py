"""A pytest plugin (`-p tests.servers`): real PostgreSQL and Redis for the whole run, before settings load.

The controller starts them and hands their addresses to xdist workers by the environment. Addresses that
are already in the environment (`DATABASE_OWNER_URL`) are used instead.
"""

import contextlib
import os
from pathlib import Path

from controlplane.embedded.servers import embedded_servers

ROOT = Path(__file__).resolve().parent.parent
_stack = contextlib.ExitStack()
# Playwright keeps an event loop in the test's thread, next to which Django would refuse the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

if "DATABASE_OWNER_URL" not in os.environ:
    folder = Path(os.environ.get("QUARTERDECK_TEST_VAR", ROOT / "var" / "test"))
    os.environ.update(_stack.enter_context(embedded_servers(folder, fast=True)))


def pytest_unconfigure() -> None:
    """Stop what this process started."""
    _stack.close()
