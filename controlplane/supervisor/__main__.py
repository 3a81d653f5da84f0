"""`run` the product in the foreground, `stop` it, or run a `manage` command beside it."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable

from controlplane.embedded.errors import EmbeddedServerError
from controlplane.supervisor import installation as installations
from controlplane.supervisor.fleet import Fleet, StopRequested
from controlplane.supervisor.installation import ROOT, Installation, RefusedError
from controlplane.supervisor.plan import served
from controlplane.supervisor.startup import bring_up
from controlplane.supervisor.terminal import Terminal

STOP_SECONDS_MAX = 60.0
USAGE = "usage: python -m controlplane.supervisor [run | stop | manage COMMAND ...]"


def run(installation: Installation, start: Callable[[Fleet, dict[str, str]], None] = bring_up) -> int:
    """Bring the product up and keep it up until INT, TERM or HUP; 0 after a clean end."""
    installation.take()
    installation.check_ports()
    terminal = Terminal()
    fleet = Fleet(installation, terminal)
    fleet.install_signal_handlers()
    try:
        start(fleet, dict(os.environ))
        fleet.watch()
    except StopRequested:
        terminal.say("product", "stopping (a second Ctrl-C kills)")
    except (RefusedError, EmbeddedServerError) as error:
        terminal.say("product", str(error))
        return 1
    finally:
        fleet.stop()
        terminal.say("product", "stopped; nothing is left running")
    return 0


def stop(installation: Installation) -> int:
    """Ask the running supervisor to end, and wait for it."""
    pid = installation.running_pid()
    if pid is None:
        print("Quarterdeck is not running here.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while installation.running_pid() == pid:
        if time.monotonic() > deadline:
            print(f"Quarterdeck (pid {pid}) did not end within {STOP_SECONDS_MAX:.0f} s.")
            return 1
        time.sleep(0.1)
    print("Quarterdeck is stopped.")
    return 0


def manage(installation: Installation, arguments: list[str]) -> int:
    """Become a management command of the running product."""
    if installation.running_pid() is None or not installation.environment_file.exists():
        raise RefusedError("Quarterdeck is not running here. Start it first, in another terminal: make run")
    environment = os.environ | json.loads(installation.environment_file.read_text())
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "manage.py", *arguments], served(environment))


def main(arguments: list[str]) -> int:
    """Carry out one word of the command line; the exit status."""
    try:
        installation = installations.from_environment(os.environ)
        match arguments:
            case [] | ["run"]:
                return run(installation)
            case ["stop"]:
                return stop(installation)
            case ["manage", _, *_]:
                return manage(installation, arguments[1:])
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 1
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
