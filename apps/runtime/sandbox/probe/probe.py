"""A bot that attacks its sandbox and says which attacks got through."""

import ctypes
import os
import socket
import stat
from collections.abc import Callable
from functools import partial
from typing import Any

from quarterdeck import Bar, Strategy

_LIBC = ctypes.CDLL(None, use_errno=True)
_PTRACE_SEIZE = 0x4206
_CLONE_NEWUSER = 0x10000000
_IO_URING_SETUP = 425
_FIRST_OTHER_FD = 3


class Probe(Strategy):
    """On its first bar it tries everything; each attack is an input: blocked (and by what) or LEAKED."""

    def on_bar(self, bar: Bar) -> None:
        for name, attack in self._attacks():
            self.inputs(**{name: _outcome(attack)})

    def _attacks(self) -> list[tuple[str, Callable[[], Any]]]:
        told = self.ctx.parameters
        attacks: list[tuple[str, Callable[[], Any]]] = []
        for name, attack, targets in (
            ("unix_socket", _connect_unix, told["unix_sockets"]),
            ("read_file", _read, told["secret_files"]),
            ("write_folder", _write, told["writable_folders"]),
        ):
            attacks += [(f"{name}_{number}", partial(attack, target)) for number, target in enumerate(targets)]
        parent = told["parent_pid"]
        return [
            *attacks,
            ("abstract_socket", lambda: _connect_unix("\0" + told["abstract_socket"])),
            ("tcp", lambda: _connect_tcp(told["tcp_host"], told["tcp_port"])),
            ("socketpair", _socketpair),
            ("io_uring", lambda: _call(_IO_URING_SETUP, 1, 0)),
            ("environ_of_parent", lambda: _read(f"/proc/{parent}/environ")),
            ("own_environ", _own_environ),
            ("signal_parent", lambda: os.kill(parent, 0)),
            ("signal_all", lambda: os.kill(-1, 0)),
            ("ptrace_parent", lambda: _checked(_LIBC.ptrace(_PTRACE_SEIZE, parent, 0, 0))),
            ("fork", _fork),
            ("spawn", lambda: os.posix_spawn("/bin/sh", ["sh", "-c", "true"], {})),
            ("exec", _exec),
            ("user_namespace", lambda: _checked(_LIBC.unshare(_CLONE_NEWUSER))),
            ("mount", lambda: _checked(_LIBC.mount(b"none", b"/", None, 0, None))),
            ("become_root", lambda: os.setuid(0)),
            ("list_settings", lambda: os.listdir("/etc")),
            ("list_processes", lambda: os.listdir("/proc")),
            ("write_build", lambda: _write(os.path.dirname(__file__))),
            ("link_out", _link_out),
            ("inherited_files", _inherited_files),
            ("memory", lambda: bytearray(told["memory_bytes"])),
        ]


def _outcome(attack: Callable[[], Any]) -> str:
    try:
        attack()
    except (OSError, MemoryError) as error:
        return f"blocked: {type(error).__name__} {error}"[:120]
    return "LEAKED"


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _call(number: int, *arguments: int) -> int:
    return _checked(_LIBC.syscall(number, *(ctypes.c_long(argument) for argument in arguments)))


def _connect_unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(1)
        sock.connect(path)


def _connect_tcp(host: str, port: int) -> None:
    with socket.socket() as sock:
        sock.settimeout(1)
        sock.connect((host, port))


def _socketpair() -> None:
    left, right = socket.socketpair()
    left.close()
    right.close()


def _read(path: str) -> bytes:
    with open(path, "rb") as handle:
        return handle.read(1)


def _write(folder: str) -> None:
    path = os.path.join(folder, "planted-by-the-probe")
    with open(path, "wb") as handle:
        handle.write(b"x")


def _own_environ() -> None:
    """Blocked means empty: a locale the interpreter set itself is no secret."""
    if not set(os.environ) - {"LC_CTYPE"}:
        raise PermissionError("the environment is empty")


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _exec() -> None:
    """A program that is not there: reaching the file system at all is already too far."""
    try:
        os.execv("/no-such-program", ["no-such-program"])
    except FileNotFoundError:
        return


def _link_out() -> None:
    os.symlink("/etc/passwd", "link")
    _read("link")


def _inherited_files() -> None:
    """Anything but pipes among the descriptors is something the worker forgot to close."""
    for descriptor in range(_FIRST_OTHER_FD, 64):
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if not stat.S_ISFIFO(mode):
            return
    raise PermissionError("only pipes are open")
