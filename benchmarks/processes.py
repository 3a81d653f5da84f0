"""A process with everything below it: how much memory it takes."""

from collections.abc import Set as AbstractSet
from pathlib import Path

PROC = Path("/proc")
KIBIBYTE = 1_024


def family(root: int) -> set[int]:
    """The process and its descendants, as they are now."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = set(), [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, [])
    return found


def memory_bytes(pids: AbstractSet[int]) -> int:
    """Sum of the proportional set sizes (PSS): shared pages count once over all who share them."""
    return sum(_pss_bytes(pid) for pid in pids)


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None  # it has ended meanwhile


def _pss_bytes(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * KIBIBYTE for line in lines if line.startswith("Pss:"))
