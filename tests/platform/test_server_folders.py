"""Where the data lives when the account of the servers may not pass through the project's folder."""

import os
from pathlib import Path

import pytest

from controlplane.embedded import accounts
from controlplane.embedded.errors import EmbeddedServerError
from controlplane.processes import Account

US = Account("us", os.getuid(), os.getgid())


@pytest.fixture
def aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The account can reach nothing but the folder kept for stand-ins."""
    folder = tmp_path / "aside"
    folder.mkdir()
    monkeypatch.setattr(accounts, "ASIDE", folder)
    monkeypatch.setattr(accounts, "_can_reach", lambda path, account: folder in (path, *path.parents))
    return folder


def test_unreachable_folder_gets_a_private_stand_in_behind_a_link(tmp_path: Path, aside: Path) -> None:
    before = tmp_path.stat().st_mode

    folder = accounts.private_folder(tmp_path / "var" / "postgres", US)

    assert folder.parent == aside
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "var" / "postgres").resolve() == folder
    assert tmp_path.stat().st_mode == before


def test_stand_in_keeps_its_data_while_the_link_is_there(tmp_path: Path, aside: Path) -> None:
    wanted = tmp_path / "var" / "postgres"
    (accounts.private_folder(wanted, US) / "data").touch()

    assert (accounts.private_folder(wanted, US) / "data").exists()


def test_stand_in_is_emptied_when_its_link_was_removed(tmp_path: Path, aside: Path) -> None:
    wanted = tmp_path / "var" / "postgres"
    (accounts.private_folder(wanted, US) / "data").touch()
    wanted.unlink()

    assert not (accounts.private_folder(wanted, US) / "data").exists()


def test_stand_in_planted_as_a_link_is_refused(tmp_path: Path, aside: Path) -> None:
    wanted = tmp_path / "var" / "postgres"
    wanted.parent.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    accounts.stand_in(wanted).symlink_to(elsewhere)

    with pytest.raises(EmbeddedServerError, match="belongs to another user"):
        accounts.private_folder(wanted, US)

    assert elsewhere.stat().st_mode & 0o777 == 0o755


def test_unreachable_software_is_copied_once_with_its_libraries(tmp_path: Path, aside: Path) -> None:
    package = tmp_path / "site-packages" / "server"
    (package / "bin").mkdir(parents=True)
    (package / "bin" / "serve").write_text("program")
    package.with_name("server.libs").mkdir()

    copy = accounts.reachable_package(package, aside, US)

    assert copy == aside / "software" / "server"
    assert (copy / "bin" / "serve").read_text() == "program"
    assert (aside / "software" / "server.libs").is_dir()
    assert accounts.reachable_package(package, aside, US) == copy


def test_reachable_software_is_used_where_it_is(aside: Path) -> None:
    package = aside / "server"
    package.mkdir()

    assert accounts.reachable_package(package, aside, US) == package
