"""The rigs as fixtures, and the keys that the stand-ins accept."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.contracts.rigs import PLAIN, WIRES, PaperRig, Rig, WireRig, running_wire
from tests.contracts.server import KEY, SECRET
from tests.markets.conftest import folder, wall

__all__ = ["folder", "wall"]


def write_keys(root: Path, name: str = "alpha-wire", *, mode: int = 0o600, **overrides: object) -> Path:
    """A key file."""
    path = root / f"{name}.json"
    path.write_text(json.dumps({"mode": "paper", "key": KEY, "secret": SECRET} | overrides))
    path.chmod(mode)
    return path


@pytest.fixture
def key_root(tmp_path: Path, settings: Settings) -> Path:
    """The folder of the venue keys, with those of the rigs' account."""
    settings.VENUE_KEYS_ROOT = tmp_path / "keys"
    settings.VENUE_KEYS_ROOT.mkdir()
    write_keys(settings.VENUE_KEYS_ROOT)
    return settings.VENUE_KEYS_ROOT


def _rig(name: str, request: pytest.FixtureRequest) -> Iterator[Rig]:
    if name in WIRES | PLAIN:
        request.getfixturevalue("key_root")
        with running_wire(name) as wire:
            yield wire
    else:
        request.getfixturevalue("db")
        yield PaperRig(request.getfixturevalue("wall"), request.getfixturevalue("folder"))


@pytest.fixture(params=["paper", *WIRES, *PLAIN])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """Each venue in turn."""
    yield from _rig(request.param, request)


@pytest.fixture(params=list(WIRES))
def wire(request: pytest.FixtureRequest, key_root: Path) -> Iterator[WireRig]:
    """Each venue behind HTTP in turn."""
    with running_wire(request.param) as wire:
        yield wire


@pytest.fixture
def rig_of(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The venue that the test's indirect parameter names."""
    yield from _rig(request.param, request)
