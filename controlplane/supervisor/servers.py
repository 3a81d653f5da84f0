"""The embedded servers as supervised children, unless the environment names others."""

import subprocess
from collections.abc import Callable, Mapping

from controlplane.embedded import postgres, redis, secrets
from controlplane.embedded.servers import database_environment
from controlplane.processes import Command
from controlplane.supervisor.installation import Installation, RefusedError

DATABASE_NAMES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_READ_URL")
Start = Callable[[Command], subprocess.Popen[bytes]]


def ensure(installation: Installation, given: Mapping[str, str], start: Start) -> dict[str, str]:
    """Start the servers that are not given; return the variables that lead to all of them.

    `start` starts a command under supervision. Raises RefusedError when only some of the database's
    addresses are given, EmbeddedServerError when a server cannot start.
    """
    known = secrets.load_or_create(installation.var)
    found = {"QUARTERDECK_SECRET_KEY": given.get("QUARTERDECK_SECRET_KEY") or known["django"]}
    found |= _database(installation, given, known, start)
    found["REDIS_URL"] = given.get("REDIS_URL") or _redis(installation, known, start)
    return found


def _database(
    installation: Installation, given: Mapping[str, str], known: dict[str, str], start: Start
) -> dict[str, str]:
    if given.get("DATABASE_URL"):
        missing = [name for name in DATABASE_NAMES if not given.get(name)]
        if missing:
            raise RefusedError(
                f"DATABASE_URL is set, so {' and '.join(missing)} must be too: "
                "the product migrates as the owner, runs as the app role and reads as the read role."
            )
        return {name: given[name] for name in DATABASE_NAMES}
    cluster = postgres.prepare_cluster(installation.var)
    postgres.wait_until_ready(cluster, start(cluster.command()))
    postgres.bootstrap(cluster, known)
    return database_environment(known, cluster)


def _redis(installation: Installation, known: dict[str, str], start: Start) -> str:
    server = redis.prepare_redis(installation.var, known["redis"])
    redis.wait_until_ready(server, start(server.command()))
    return server.url
