"""The system call filter: a small BPF program that refuses what a bot has no business with."""

import ctypes
import os
import struct
from errno import ENOSYS, EPERM

from apps.runtime.sandbox.denied_syscalls import SYSCALL_NUMBER_MAX, denied
from apps.runtime.sandbox.syscalls import PR_SET_SECCOMP, machine, prctl

_LOAD, _JUMP_EQUAL, _JUMP_ABOVE, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_TGKILL = {"x86_64": 234, "aarch64": 131}
_PRLIMIT = {"x86_64": 302, "aarch64": 261}
_CLONE3 = 435
_CLONE_THREAD = 0x10000
_FILTER_MODE = 2

Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def install() -> None:
    """Filter this thread and all it starts from now on; no_new_privs must be set. OSError when refused."""
    program = build_program(machine(), os.getpid())
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    structure = _Program(len(program), code)
    prctl(PR_SET_SECCOMP, _FILTER_MODE, ctypes.c_void_p(ctypes.addressof(structure)))


def build_program(arch: str, pid: int) -> list[Instruction]:
    """The filter of an architecture for the process pid: (code, jump true, jump false, operand)."""
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[arch]),
        _return(_KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        # Also the x32 numbers of x86_64, which would walk around the table.
        (_JUMP_ABOVE, 0, 1, SYSCALL_NUMBER_MAX),
        _return(_ERRNO | ENOSYS),
        # The C library falls back to clone, whose flags a filter can read.
        *_if_number(_CLONE3, [_return(_ERRNO | ENOSYS)]),
        *_if_number(_CLONE[arch], _allow_when(_JUMP_BITS, 0, _CLONE_THREAD)),
        *_if_number(_TGKILL[arch], _allow_when(_JUMP_EQUAL, 0, pid)),
        *_if_number(_PRLIMIT[arch], _allow_when(_JUMP_EQUAL, 0, 0)),
    ]
    for number in denied(arch).values():
        program += _if_number(number, [_return(_ERRNO | EPERM)])
    return [*program, _return(_ALLOW)]


def _if_number(number: int, body: list[Instruction]) -> list[Instruction]:
    return [(_JUMP_EQUAL, 0, len(body), number), *body]


def _allow_when(test: int, argument: int, operand: int) -> list[Instruction]:
    """Allow when the low word of an argument passes the test, else refuse."""
    return [
        (_LOAD, 0, 0, _ARGUMENT_AT + 8 * argument),
        (test, 0, 1, operand),
        _return(_ALLOW),
        _return(_ERRNO | EPERM),
    ]


def _return(action: int) -> Instruction:
    return (_RETURN, 0, 0, action)
