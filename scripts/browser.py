"""Makes sure there is a Chromium for the browser tests; says what to do when there cannot be one.

Run by `make test`. Debian's package is preferred where we may install it; elsewhere Playwright's own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APT = ("apt-get", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120")


def main() -> int:
    """Find a browser or install one; the exit status."""
    if name := found():
        print(f"browser: {name}", flush=True)
        return 0
    installed = (os.geteuid() == 0 and shutil.which("apt-get") and install_package()) or install_own()
    if installed and found():
        return 0
    print(
        "browser: no Chromium is installed and none could be fetched. Install one, for example "
        "`sudo apt-get install chromium`, and run the tests again.",
        file=sys.stderr,
    )
    return 1


def found() -> str | None:
    """The browser the tests would use."""
    for name in NAMES:
        if program := shutil.which(name):
            return program
    return own_browser()


def own_browser() -> str | None:
    """Playwright's own Chromium, if it has been fetched."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = playwright.chromium.executable_path
    return program if Path(program).exists() else None


def install_package() -> bool:
    """Install Debian's chromium."""
    print("browser: installing Debian's chromium", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    steps = ([*APT, "update", "-qq"], [*APT, "install", "-y", "-qq", "--no-install-recommends", "chromium"])
    return all(subprocess.run(step, env=environment, check=False).returncode == 0 for step in steps)


def install_own() -> bool:
    """Fetch Playwright's own Chromium."""
    print("browser: fetching Playwright's chromium", flush=True)
    return subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
