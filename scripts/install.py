"""Installs locked requirements into the virtual environment that runs this, showing progress.

Run by make: `python scripts/install.py requirements.txt ...`. Also makes the SDK importable by every
process of the environment.
"""

import re
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install")
LOCKED = ("--require-hashes", "--only-binary", ":all:", "--progress-bar", "off")
HANDLED = ("Collecting ", "Requirement already satisfied: ", "Ignoring ")
REPORT_SECONDS = 3.0


def main(names: list[str]) -> int:
    """Install each file in turn; the exit status of the first that fails."""
    for name in names:
        if status := install(ROOT / name):
            return status
    link_sdk()
    return 0


def install(requirements: Path) -> int:
    """Install one locked file; pip's own words are shown only when it fails."""
    total = len(re.findall(r"^\S+==", requirements.read_text(), re.MULTILINE))
    say(f"{requirements.name}: {total} packages")
    lines: list[str] = []
    handled, next_report = 0, time.monotonic() + REPORT_SECONDS
    command = [*PIP, *LOCKED, "-r", str(requirements)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            lines.append(line)
            handled += line.startswith(HANDLED)
            if line.startswith("Installing collected packages"):
                say(f"{requirements.name}: unpacking")
            elif time.monotonic() > next_report:
                say(f"{requirements.name}: {handled} of {total} fetched")
                next_report = time.monotonic() + REPORT_SECONDS
    if pip.returncode:
        sys.stderr.writelines(lines)
    return pip.returncode


def link_sdk() -> None:
    """Put sdk/src on the import path of the environment."""
    place = Path(sysconfig.get_path("purelib")) / "quarterdeck_sdk.pth"
    place.write_text(f"{ROOT / 'sdk' / 'src'}\n")


def say(text: str) -> None:
    """One line of progress."""
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
