"""The unprivileged account, and folders it can use, when the product is started by root.

PostgreSQL refuses to run as root. Root therefore lowers the servers to an account that exists on
every system and is not the one that bot sandboxes or other small jobs use. Folders above the data
keep their permissions: where the account may not pass through them, the data lives in a private
folder under /var/tmp instead, named after the place it stands in for.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from controlplane.embedded.errors import EmbeddedServerError
from controlplane.processes import Account

ACCOUNT_NAMES = ("postgres", "daemon", "nobody")
ASIDE = Path("/var/tmp")


def server_account() -> Account | None:
    """The account servers run as: None (our own) unless we are root."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNT_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        f"Started as root, but none of the accounts {', '.join(ACCOUNT_NAMES)} exists to run PostgreSQL as. "
        "Run as another user, or set DATABASE_URL and REDIS_URL."
    )


def private_folder(wanted: Path, account: Account | None) -> Path:
    """Make and return a 0700 folder that belongs to the account: `wanted`, or its stand-in.

    A stand-in is reached through a symlink at `wanted`; whoever removes that link has removed the
    data too, so a stand-in found without its link is emptied first.
    """
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if account is None:
        wanted.mkdir(mode=0o700, exist_ok=True)
        return wanted
    folder = wanted if _can_reach(wanted.parent, account) else _linked_stand_in(wanted)
    folder.mkdir(mode=0o700, exist_ok=True)
    _take_over(folder, account)
    return folder


def stand_in(wanted: Path) -> Path:
    """Where the data of an unreachable folder lives instead."""
    digest = hashlib.sha256(str(wanted.parent.resolve() / wanted.name).encode()).hexdigest()[:16]
    return ASIDE / f"quarterdeck-{digest}"


def reachable_package(package: Path, home: Path, account: Account | None) -> Path:
    """The installed package if the account can run what is in it, else a copy of it inside `home`.

    The shared libraries of a repaired wheel lie beside it in `<package>.libs` and are found by that
    relative place, so they move along.
    """
    if account is None or _can_reach(package, account):
        return package
    copy = home / "software"
    if not copy.exists():
        unfinished = home / "software.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        for source in (package, package.with_name(f"{package.name}.libs")):
            if source.is_dir():
                shutil.copytree(source, unfinished / source.name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        unfinished.rename(copy)
    return copy / package.name


def _can_reach(path: Path, account: Account) -> bool:
    """Ask the kernel, as the account itself, whether it may enter and list the folder."""
    probe = subprocess.run(
        ["/bin/sh", "-c", 'test -r "$1" && test -x "$1" && cd "$1"', "sh", str(path.resolve())],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        check=False,
    )
    return probe.returncode == 0


def _linked_stand_in(wanted: Path) -> Path:
    folder = stand_in(wanted)
    if not wanted.is_symlink():
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        wanted.symlink_to(folder)
    return folder


def _take_over(folder: Path, account: Account) -> None:
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid not in (0, account.uid):
        raise EmbeddedServerError(f"{folder} belongs to another user; remove it or run as that user.")
    os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)
