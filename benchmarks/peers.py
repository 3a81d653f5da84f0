"""The environment of the peers: .venv-bench, made on first use from benchmarks/requirements.txt."""

import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import say
from controlplane.supervisor.installation import ROOT

FOLDER = ROOT / ".venv-bench"
REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet")
LOCKED = ("--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS))


def python() -> Path:
    """The interpreter of the peers, with exactly the locked versions installed."""
    found = FOLDER / "bin" / "python"
    stamp = FOLDER / ".installed"
    if not stamp.exists() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        say(f"peers: making {FOLDER.name}; this happens once")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        subprocess.run([str(found), *PIP, *LOCKED], check=True, stdout=sys.stderr)
        stamp.write_bytes(REQUIREMENTS.read_bytes())
    return found
