"""Landlock: no path may be opened but those named here (Linux 5.13 on)."""

import ctypes
import os
from collections.abc import Iterable

from apps.runtime.sandbox.syscalls import (
    LANDLOCK_ADD_RULE,
    LANDLOCK_CREATE_RULESET,
    LANDLOCK_RESTRICT_SELF,
    syscall,
)

READ_FILE, READ_DIR = 1 << 2, 1 << 3
WRITE_FILE, REMOVE_DIR, REMOVE_FILE = 1 << 1, 1 << 4, 1 << 5
MAKE_DIR, MAKE_REG, REFER, TRUNCATE = 1 << 7, 1 << 8, 1 << 13, 1 << 14
READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE

_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
# The rights each version of the interface knows: the kernel refuses a bit it has not heard of.
_FILE_RIGHTS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_RIGHTS_BITS_NOW = 16
_NET_RIGHTS = 0b11
_SCOPES = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def version() -> int:
    """The version of the kernel's interface; OSError where there is none."""
    return syscall(LANDLOCK_CREATE_RULESET, None, 0, _VERSION_FLAG)


def prepare(readable: Iterable[str], writable: Iterable[str]) -> int:
    """A ruleset (a file descriptor) under which only these paths can be opened; OSError when refused.

    Where the kernel knows how it also forbids TCP, and signals and abstract sockets past this process.
    """
    abi = version()
    handled = (1 << _FILE_RIGHTS_BITS.get(abi, _FILE_RIGHTS_BITS_NOW)) - 1
    ruleset = _Ruleset(handled, _NET_RIGHTS if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset_fd = syscall(LANDLOCK_CREATE_RULESET, ctypes.byref(ruleset), size, 0)
    for path in readable:
        _allow(ruleset_fd, path, READ & handled)
    for path in writable:
        _allow(ruleset_fd, path, WRITE & handled)
    return ruleset_fd


def enforce(ruleset_fd: int) -> None:
    """Live under a prepared ruleset from now on; no_new_privs must be set. OSError when refused."""
    syscall(LANDLOCK_RESTRICT_SELF, ruleset_fd, 0)
    os.close(ruleset_fd)


def _allow(ruleset_fd: int, path: str, rights: int) -> None:
    path_fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            rights &= READ_FILE | WRITE_FILE | TRUNCATE
        rule = _PathBeneath(rights, path_fd)
        syscall(LANDLOCK_ADD_RULE, ruleset_fd, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(path_fd)
