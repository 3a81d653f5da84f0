"""Namespaces: no network of its own, and a root that holds nothing but what is named here."""

import os
from collections.abc import Iterable

from apps.runtime.sandbox.syscalls import mount, pivot_root_here, unshare

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x40000000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
SCRATCH = "/scratch"


def enter() -> list[str]:
    """Leave the host's namespaces as far as the kernel allows; the measures that were achieved."""
    measures = []
    if os.geteuid() != 0 and _own_user_namespace():
        measures.append("user_namespace")
    for name, flags in (
        ("network_namespace", _NEWNET),
        ("ipc_namespace", _NEWIPC | _NEWUTS),
        ("mount_copy", _NEWNS),
    ):
        try:
            unshare(flags)
            measures.append(name)
        except OSError:
            continue
    return measures


def _own_user_namespace() -> bool:
    """Become a user namespace of one's own, with the same ids inside; False where that is forbidden."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        unshare(_NEWUSER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as handle:
                handle.write(text)
    except OSError:
        return False
    return True


def change_root(mount_point: str, readable: Iterable[str], scratch_bytes_max: int, uid: int) -> None:
    """Make a new root of bind mounts (read-only, same paths) and a small writable SCRATCH owned by uid.

    Needs a mount namespace of one's own; OSError when refused, the old root then still stands.
    """
    mount("none", "/", None, _REC | _PRIVATE)
    mount("tmpfs", mount_point, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=0755")
    for path in readable:
        _bind(path, mount_point + path)
    for link in ("/lib", "/lib64"):
        if os.path.islink(link) and not os.path.lexists(mount_point + link):
            os.symlink(os.readlink(link), mount_point + link)
    os.mkdir(mount_point + SCRATCH, 0o755)
    options = f"size={scratch_bytes_max},nr_inodes=4096,mode=0700,uid={uid}"
    mount("tmpfs", mount_point + SCRATCH, "tmpfs", _NOSUID | _NODEV | _NOEXEC, options)
    mount("none", mount_point, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir(mount_point)
    pivot_root_here()
    os.chdir("/")


def _bind(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, 0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(source, target, None, _BIND)
    mount(source, target, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
