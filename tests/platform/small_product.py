"""A product of small dummy processes under the real supervisor, for the supervisor's own tests."""

import os
import signal
import sys
from pathlib import Path

from controlplane.processes import Command
from controlplane.supervisor import installation as installations
from controlplane.supervisor.__main__ import run
from controlplane.supervisor.fleet import Fleet

STEADY = "import time; time.sleep(600)"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
CRASHING = "print('ERROR: it went wrong', flush=True); raise SystemExit(3)"
CHATTY = "for n in range(100): print('ERROR', n, flush=True)\nimport time; time.sleep(600)"
KINDS = {
    "steady": STEADY,
    "parent": PARENT,
    "stubborn": STUBBORN,
    "crashing": CRASHING,
    "chatty": CHATTY,
}


def start(fleet: Fleet, environment: dict[str, str]) -> None:
    """Start the dummies that the command line names."""
    fleet.stop_seconds_max = 1.0
    for name in sys.argv[1:]:
        command = Command(name, (sys.executable, "-c", KINDS[name]), environment, Path("/"))
        fleet.add(command)
    fleet.mark_ready()


if __name__ == "__main__":
    signal.alarm(120)  # whatever a test forgets, this ends
    sys.exit(run(installations.from_environment(os.environ), start))
