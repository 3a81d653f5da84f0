"""From an empty machine to a product that answers, step by step."""

import http.client
import time
from collections.abc import Mapping

from controlplane.embedded.ports import LOOPBACK
from controlplane.supervisor import plan, servers
from controlplane.supervisor.children import State, describe_exit
from controlplane.supervisor.fleet import Fleet
from controlplane.supervisor.installation import Installation, RefusedError

PROVISION_SECONDS_MAX = 900.0
READY_POLL_SECONDS = 0.2
READY_REPORT_SECONDS = 15.0
ANSWER_SECONDS_MAX = 5.0
SHARED_NAMES = (
    *servers.DATABASE_NAMES,
    *(
        "REDIS_URL",
        "QUARTERDECK_SECRET_KEY",
        "QUARTERDECK_VAR",
        "PORT",
        "LIVE_PORT",
        "DJANGO_SETTINGS_MODULE",
    ),
)


def bring_up(fleet: Fleet, given: Mapping[str, str]) -> None:
    """Start servers, provision, start the product, wait for its answer, seed an empty database.

    Raises RefusedError or EmbeddedServerError with a sentence for a person when a step fails.
    """
    terminal = fleet.terminal
    environment = _environment(fleet.installation, given, servers.ensure(fleet.installation, given, fleet.add_server))
    fleet.installation.write_environment({name: environment[name] for name in SHARED_NAMES})
    terminal.say("servers", "PostgreSQL and Redis answer")
    _provision(fleet, environment)
    for command in plan.product(fleet.installation, environment):
        fleet.add(command)
    terminal.say("product", "web, live, workers and beat are started; waiting for the first answer")
    _wait_ready(fleet)
    fleet.add(plan.seed(environment), notable=None, once=True)


def _environment(installation: Installation, given: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    own = {
        "PORT": str(installation.port),
        "LIVE_PORT": str(installation.live_port),
        "QUARTERDECK_VAR": str(installation.var),
        "DJANGO_SETTINGS_MODULE": given.get("DJANGO_SETTINGS_MODULE") or "controlplane.settings.dev",
        "PYTHONUNBUFFERED": "1",
    }
    return {**given, **found, **own}


def _provision(fleet: Fleet, environment: Mapping[str, str]) -> None:
    fleet.terminal.say("provision", "migrating the database and granting rights")
    child = fleet.add(plan.provision(environment), notable=None, once=True)
    if not fleet.wait_until(lambda: child.state is State.ENDED, seconds_max=PROVISION_SECONDS_MAX):
        raise RefusedError(f"provision took longer than {PROVISION_SECONDS_MAX:.0f} s; giving up.")
    if child.exit_code != 0:
        raise RefusedError(
            f"provision failed ({describe_exit(child.exit_code)}): see the lines above or {child.log.path}"
        )


def _wait_ready(fleet: Fleet) -> None:
    port = fleet.installation.port
    next_poll, next_report = 0.0, time.monotonic() + READY_REPORT_SECONDS
    while True:
        fleet.watch_once()
        if time.monotonic() < next_poll:
            continue
        status, body = ask(port, "/readyz")
        if status == 200:
            break
        if time.monotonic() > next_report:
            said = " ".join(body.split())[:300] or "no answer"
            fleet.terminal.say("product", f"not ready yet: {said}")
            next_report = time.monotonic() + READY_REPORT_SECONDS
        next_poll = time.monotonic() + READY_POLL_SECONDS
    fleet.mark_ready()
    fleet.terminal.banner(
        [
            f"Quarterdeck is ready after {fleet.terminal.elapsed_seconds:.1f} s:  http://127.0.0.1:{port}/",
            "Stop it with Ctrl-C here, or with `make stop` from elsewhere.",
        ]
    )


def ask(port: int, path: str) -> tuple[int, str]:
    """GET a path from the web process; (0, "") when nobody answers."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS_MAX)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
