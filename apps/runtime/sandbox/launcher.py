"""Runs in the child: takes away everything a bot must not have, then serves the bot's build.

The order matters: files are imported while they can still be read, namespaces need the rights that the
change of user gives up, and the system call filter comes last because it refuses what installs it.
"""

import importlib
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apps.runtime.sandbox import landlock, namespaces, seccomp
from apps.runtime.sandbox.syscalls import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, drop_capabilities, prctl

UID_FIRST = 0x2000_0000
NOBODY = 65_534
# Modules that load shared libraries or are wanted by nearly every bot: loaded while that is still cheap.
_PRELOADED = (
    "hashlib",
    "zlib",
    "math",
    "random",
    "datetime",
    "statistics",
    "collections",
    "quarterdeck.runner",
    # The probe bot needs it: it must fail at the wall, not at the import.
    "socket",
)


def main(config: dict[str, Any]) -> int:
    """Confine this process as config says, report what worked, then run the bot; the exit status."""
    _die_with_parent(config["parent_pid"])
    readable = _readable(config)
    for name in _PRELOADED:
        importlib.import_module(name)
    measures = _confine(config, readable)
    from quarterdeck import runner
    from quarterdeck.protocol import encode

    reader, writer = runner.claim_pipes()
    writer.write(encode("sandbox", {"measures": measures}))
    writer.flush()
    return runner.serve(Path(config["build_dir"]), reader, writer)


def _confine(config: dict[str, Any], readable: list[str]) -> list[str]:
    """Raise every wall that can be raised here; the names of those that stand."""
    uid = UID_FIRST + os.getpid()
    scratch, rules = config["scratch_dir"], None
    measures = namespaces.enter()
    if "mount_copy" in measures:
        owner = uid if os.getuid() == 0 else os.getuid()
        with _measure(measures, "mount_namespace"):
            namespaces.change_root(scratch, readable, config["file_bytes_max"], owner)
            scratch = namespaces.SCRATCH
    measures += _limit_resources(config)
    # Paths are opened for the rules while this is still the user who may.
    with _measure(measures, "landlock_rules"):
        rules = landlock.prepare(readable, [scratch])
    measures += _change_user(uid, scratch, "user_namespace" in measures)
    _die_with_parent(config["parent_pid"])
    os.chdir(scratch)
    drop_capabilities()
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if rules is not None:
        with _measure(measures, "landlock"):
            landlock.enforce(rules)
    with _measure(measures, "seccomp"):
        seccomp.install()
    os.environ.clear()
    return measures


@contextmanager
def _measure(measures: list[str], name: str) -> Iterator[None]:
    """Note a measure that worked; one that this kernel refuses is left out, and the host decides."""
    try:
        yield
        measures.append(name)
    except OSError as error:
        print(f"no {name}: {error}", file=sys.stderr)


def _die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to end this process with its parent; end now when the parent is already gone."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def _readable(config: dict[str, Any]) -> list[str]:
    """What a bot may read: its build, the SDK, the standard library and the shared libraries beside libc."""
    standard = os.path.dirname(os.path.realpath(os.__file__))
    paths = [config["build_dir"], config["sdk_dir"], standard, *_library_dirs()]
    return sorted({os.path.realpath(path) for path in paths})


def _library_dirs() -> list[str]:
    with open("/proc/self/maps") as maps:
        mapped = {line.split(maxsplit=5)[5].strip() for line in maps if "/" in line}
    return [
        os.path.dirname(path) for path in mapped if os.path.basename(path).startswith(("libc.so", "libc-", "ld-musl"))
    ]


def _limit_resources(config: dict[str, Any]) -> list[str]:
    wanted = {
        resource.RLIMIT_AS: config["memory_bytes_max"],
        resource.RLIMIT_CPU: config["cpu_seconds_max"],
        resource.RLIMIT_NOFILE: config["files_open_max"],
        resource.RLIMIT_FSIZE: config["file_bytes_max"],
        resource.RLIMIT_CORE: 0,
    }
    if os.getuid() == 0:
        # Counted per user: only a user of its own can be bounded without counting others.
        wanted[resource.RLIMIT_NPROC] = config["threads_max"]
    for which, value in wanted.items():
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))
    return ["rlimits"]


def _change_user(uid: int, scratch: str, in_user_namespace: bool) -> list[str]:
    """Become a user nobody else is; NOBODY where the high id does not exist (a container's id map)."""
    if os.getuid() != 0 or in_user_namespace:
        return []
    for candidate in (uid, NOBODY):
        try:
            os.setgroups([])
            os.chown(scratch, candidate, candidate)
            os.setresgid(candidate, candidate, candidate)
            os.setresuid(candidate, candidate, candidate)
            return ["uid"]
        except OSError as error:
            print(f"not user {candidate}: {error}", file=sys.stderr)
    os._exit(1)
