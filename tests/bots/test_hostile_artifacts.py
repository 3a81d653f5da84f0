"""Hostile pushes, one after the other through the product's own service: none is kept, each is quick and small."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from quarterdeck.sign import SigningKey, sign

from apps.bots import artifacts, sbom
from apps.bots import services as bots
from apps.bots.models import CodeVersion, Verification
from apps.common.errors import DomainError
from tests import builders
from tests.bots.attesting import Ci, forged_bill, statement, trust_ci
from tests.bots.hostile import Attack, attacks
from tests.builders import BY, GIT_SHA, Team

SECONDS_MAX = 2.0
EXTRA_MIB_MAX = 64.0
ATTACKS_MIN = 50


@dataclass
class Outcome:
    """What came of one attack."""

    code: str
    seconds: float
    extra_mib: float


@pytest.fixture
def ci(team: Team) -> Ci:
    """A CI that the desk trusts."""
    return trust_ci(team.desk)


@pytest.fixture
def strangers(team: Team) -> dict[str, SigningKey]:
    """Keys that the desk does not trust."""
    revoked = SigningKey.generate()
    bots.revoke(key=builders.trust(team.desk, revoked), **BY)
    return {"unknown": SigningKey.generate(), "other": builders.make_team("beta").key, "revoked": revoked}


def fields_of(attack: Attack, team: Team, data: bytes) -> dict[str, Any]:
    """The push as its attacker would fill it in."""
    asked = dict(attack.fields)
    sha256, git_sha = hashlib.sha256(data).hexdigest(), asked.get("git_sha", GIT_SHA)
    said = {"artifact_sha256": sha256, "name": team.bot.name, "version": "1.2.3", "git_sha": git_sha}
    fields = sign(asked.pop("key", team.key), **(said | asked.pop("signed", {})))
    asked.pop("is_swapped", None)
    if "envelope" in asked:
        asked["provenance"] = asked.pop("envelope")(statement(sha256))
    if "claim" in asked:
        asked["provenance"] = asked.pop("claim")(sha256)
    return {"git_sha": GIT_SHA, **fields, **asked}


@contextmanager
def swapped_after_it_is_verified(path: Path) -> Iterator[None]:
    """Whoever inspects the file gets the good bytes; whoever reads it next, others."""
    real = artifacts.inspect

    def inspect(source: Any) -> Any:
        found = real(source)
        path.write_bytes(path.read_bytes() + b"evil")
        return found

    with patch.object(artifacts, "inspect", inspect):
        yield


def memory_mib(name: str) -> float:
    """VmRSS now, or VmHWM: its peak since the mark was set back."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def attempt(attack: Attack, team: Team, path: Path) -> Outcome:
    """Push it, and measure."""
    data = attack.data()
    path.write_bytes(data)
    fields = fields_of(attack, team, data)
    del data
    Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM back (proc(5))
    before, started, code = memory_mib("VmRSS"), time.monotonic(), "ACCEPTED"
    with swapped_after_it_is_verified(path) if attack.fields.get("is_swapped") else patch.dict({}):
        try:
            bots.push_code(bot=team.bot, artifact=path, actor=team.engineer, reason="an attack", **fields)
        except DomainError as error:
            code = error.code
    return Outcome(code, time.monotonic() - started, memory_mib("VmHWM") - before)


def test_no_hostile_artifact_is_accepted(team: Team, ci: Ci, strangers: dict[str, SigningKey], tmp_path: Path) -> None:
    known = attacks(team.bot.name, team.key, ci.key, strangers)
    with pytest.raises(DomainError):
        sbom.checked(forged_bill(), b"")  # loads the validator of bills once, as a server has

    outcomes = {name: attempt(attack, team, tmp_path / "hostile.zip") for name, attack in known.items()}

    worst = {
        "artifacts": len(outcomes),
        "accepted": sum(one.code == "ACCEPTED" for one in outcomes.values()),
        "seconds_max": round(max(one.seconds for one in outcomes.values()), 3),
        "extra_mib_max": round(max(one.extra_mib for one in outcomes.values()), 1),
    }
    print(json.dumps(worst))
    assert {name: one.code for name, one in outcomes.items()} == {name: one.code for name, one in known.items()}
    assert not CodeVersion.objects.exists()
    assert not Verification.objects.exists()
    assert not list(Path(settings.ARTIFACT_ROOT).rglob("*.zip"))
    assert worst["artifacts"] >= ATTACKS_MIN
    assert worst["seconds_max"] <= SECONDS_MAX
    assert worst["extra_mib_max"] <= EXTRA_MIB_MAX


def test_the_artifact_that_the_attacks_start_from_is_accepted(team: Team, ci: Ci, tmp_path: Path) -> None:
    path = builders.write_artifact(team.bot, "1.2.3")

    assert builders.push_code(team, path, provenance=ci.envelope(path)).version == "1.2.3"
