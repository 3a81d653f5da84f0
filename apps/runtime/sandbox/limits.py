"""What a sandbox may use, and what it managed to enforce."""

from dataclasses import asdict, dataclass, fields
from typing import Any

MEBIBYTE = 1_048_576


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Bounds on one child: resources over its life, wall seconds per start and per slice of events."""

    memory_bytes_max: int = 1024 * MEBIBYTE
    cpu_seconds_max: int = 3_600
    files_open_max: int = 64
    file_bytes_max: int = 64 * MEBIBYTE
    threads_max: int = 32
    slice_seconds_max: float = 10.0
    start_seconds_max: float = 20.0


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """Which walls stand, as the child itself found when it raised them.

    network: no route out even by a socket; sockets: none can be made; files: nothing outside the build,
    the SDK, the interpreter and the scratch folder can be opened; uid: not the worker's user; processes: none
    can be started, traced or signalled; limits: memory, CPU, files; measures: how it was done.
    """

    network: bool
    sockets: bool
    files: bool
    uid: bool
    processes: bool
    limits: bool
    measures: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return asdict(self) | {"measures": list(self.measures)}

    @classmethod
    def from_measures(cls, measures: list[str]) -> "SandboxReport":
        """The walls that a list of achieved measures amounts to."""
        done = set(measures)
        return cls(
            network="network_namespace" in done or "seccomp" in done,
            sockets="seccomp" in done,
            files="landlock" in done or "mount_namespace" in done,
            uid="uid" in done,
            processes="seccomp" in done,
            limits="rlimits" in done,
            measures=tuple(measures),
        )

    @property
    def has_own_scratch(self) -> bool:
        """Whether the child writes to a file system of its own, so that the host's folder is not needed."""
        return "mount_namespace" in self.measures

    def missing(self) -> list[str]:
        """The walls that do not stand, the uid apart: only a root worker can give another one."""
        return [f.name for f in fields(self) if f.name not in ("uid", "measures") and not getattr(self, f.name)]
