"""Fetches the browser assets that package-lock.json names and lays out what the pages use.

Run by `make assets`. Uses npm where there is one, else the npm inside requirements-node.txt.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler/tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler/tabler.min.js",
    "@tabler/core/dist/js/tabler-theme.min.js": "tabler/tabler-theme.min.js",
    "@tabler/icons-webfont/dist/tabler-icons.min.css": "tabler-icons/tabler-icons.min.css",
    "@tabler/icons-webfont/dist/fonts/tabler-icons.woff2": "tabler-icons/fonts/tabler-icons.woff2",
    "@tabler/icons-webfont/dist/fonts/tabler-icons.woff": "tabler-icons/fonts/tabler-icons.woff",
    "@tabler/icons-webfont/dist/fonts/tabler-icons.ttf": "tabler-icons/fonts/tabler-icons.ttf",
    "htmx.org/dist/htmx.min.js": "htmx/htmx.min.js",
    "uplot/dist/uPlot.iife.min.js": "uplot/uPlot.iife.min.js",
    "uplot/dist/uPlot.min.css": "uplot/uPlot.min.css",
    "lightweight-charts/dist/lightweight-charts.standalone.production.js": (
        "lightweight-charts/lightweight-charts.standalone.production.js"
    ),
}
# Source maps are not shipped, and a manifest storage refuses a reference to a file that is not there.
SOURCE_MAP = re.compile(rb"(/\*# sourceMappingURL=[^*]*\*/|//# sourceMappingURL=\S*)\s*$")


def main() -> None:
    """Fetch the packages, then lay the files out anew."""
    npm, path = find_npm()
    print("assets: npm ci", flush=True)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PATH": path}, check=True)
    lay_out()
    print(f"assets: {len(FILES)} files in {VENDOR.relative_to(ROOT)}/", flush=True)


def find_npm() -> tuple[str, str]:
    """The npm program and the PATH it needs; installs the packaged one when the machine has none."""
    path = os.environ.get("PATH", "")
    if found := shutil.which("npm"):
        return found, path
    print("assets: no npm here, installing the one in requirements-node.txt", flush=True)
    locked = ["--require-hashes", "-r", str(ROOT / "requirements-node.txt")]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *locked], check=True)
    programs = Path(sys.executable).parent
    return str(programs / "npm"), f"{programs}{os.pathsep}{path}"


def lay_out() -> None:
    """Copy the files that pages use from node_modules/ to static/vendor/."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    for source, target in FILES.items():
        place = VENDOR / target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(SOURCE_MAP.sub(b"", (MODULES / source).read_bytes()))


if __name__ == "__main__":
    main()
