"""The few system calls Python has no function for."""

import ctypes
import os
import platform

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)
_NUMBERS = {
    "x86_64": {"pivot_root": 155, "capset": 126},
    "aarch64": {"pivot_root": 41, "capset": 91},
}
# One number on every architecture: calls added after Linux 5.0 share the table.
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446


def machine() -> str:
    """The architecture; OSError where the sandbox knows no system call numbers."""
    name = platform.machine()
    if name not in _NUMBERS:
        raise OSError(f"no system call table for {name}")
    return name


def checked(result: int, what: str) -> int:
    """The result of a C call, or OSError with its errno."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, *arguments: int | ctypes.c_void_p) -> None:
    """prctl(2); OSError when refused."""
    padded = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    padded += [ctypes.c_ulong(0)] * (4 - len(padded))
    checked(_libc.prctl(option, *padded), f"prctl {option}")


def syscall(number: int, *arguments: object) -> int:
    """syscall(2) by number; OSError when refused."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return checked(_libc.syscall(ctypes.c_long(number), *wide), f"syscall {number}")


def unshare(flags: int) -> None:
    """unshare(2); OSError when refused."""
    checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2); OSError when refused."""
    encoded = [None if text is None else text.encode() for text in (source, target, kind, data)]
    checked(_libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]), f"mount {target}")


def pivot_root_here() -> None:
    """Make the working directory the root and let go of the old one."""
    syscall(_NUMBERS[machine()]["pivot_root"], ctypes.c_char_p(b"."), ctypes.c_char_p(b"."))
    mnt_detach = 2
    checked(_libc.umount2(b".", mnt_detach), "umount2")


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilityData(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def drop_capabilities() -> None:
    """Give up every capability, those over an own user namespace included."""
    version_3 = 0x20080522
    header = _CapabilityHeader(version_3, 0)
    syscall(_NUMBERS[machine()]["capset"], ctypes.byref(header), ctypes.byref((_CapabilityData * 2)()))
