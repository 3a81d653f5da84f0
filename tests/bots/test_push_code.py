"""Pushing a build: only what a trusted key signed, as it was signed, for this bot."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from quarterdeck.sign import SigningKey

from apps.bots import services as bots
from apps.bots.models import CodeVersion
from tests import builders
from tests.builders import BY, Team, refused
from tests.races import codes, race


def _nothing_kept() -> bool:
    return not CodeVersion.objects.exists() and not list(Path(settings.ARTIFACT_ROOT).rglob("*.zip"))


def test_a_signed_build_is_kept_with_what_it_says(team: Team) -> None:
    code = builders.push_code(team)

    assert (code.number, code.version, code.signer) == (1, "1.0.0", team.signer)
    assert code.manifest["name"] == team.bot.name
    assert code.pushed_by == team.engineer


def test_the_same_bytes_again_are_the_same_version(team: Team) -> None:
    assert builders.push_code(team) == builders.push_code(team)
    assert CodeVersion.objects.count() == 1


def test_other_bytes_under_a_known_version_are_refused(team: Team) -> None:
    builders.push_code(team)
    other = builders.write_artifact(team.bot, body="class Bot: x = 1")

    with refused("VERSION_TAKEN"):
        builders.push_code(team, other)

    assert CodeVersion.objects.count() == 1


def test_the_next_version_gets_the_next_number(team: Team) -> None:
    builders.push_code(team)

    assert builders.push_code(team, builders.write_artifact(team.bot, "1.1.0")).number == 2


def test_an_artifact_changed_after_signing_is_refused(team: Team) -> None:
    path = builders.write_artifact(team.bot)
    signature = builders.signed(path, team.key)
    path.write_bytes(builders.write_artifact(team.bot, body="class Bot: stolen = 1").read_bytes())

    with refused("SIGNATURE_INVALID"):
        builders.push_code(team, path, **signature)

    assert _nothing_kept()


@pytest.mark.parametrize("changed", [{"version": "9.9.9"}, {"git_sha": "b" * 40}, {"name": "other-bot"}])
def test_a_signature_over_another_statement_is_refused(team: Team, changed: dict[str, str]) -> None:
    path = builders.write_artifact(team.bot)

    with refused("SIGNATURE_INVALID"):
        builders.push_code(team, path, **builders.signed(path, team.key, **changed))

    assert _nothing_kept()


@pytest.mark.parametrize("signature", ["", "not base64!", "AAAA"])
def test_a_signature_that_is_none_is_refused(team: Team, signature: str) -> None:
    with refused("SIGNATURE_INVALID"):
        builders.push_code(team, signature=signature, key_id=team.key.key_id)

    assert _nothing_kept()


def test_another_keys_signature_under_a_trusted_name_is_refused(team: Team) -> None:
    path = builders.write_artifact(team.bot)
    signature = builders.signed(path, SigningKey.generate())["signature"]

    with refused("SIGNATURE_INVALID"):
        builders.push_code(team, path, signature=signature, key_id=team.key.key_id)

    assert _nothing_kept()


def test_an_unknown_signer_is_refused(team: Team) -> None:
    path = builders.write_artifact(team.bot)

    with refused("SIGNER_UNKNOWN"):
        builders.push_code(team, path, **builders.signed(path, SigningKey.generate()))

    assert _nothing_kept()


def test_a_signer_of_another_desk_is_refused(team: Team) -> None:
    stranger = builders.make_team("beta")
    path = builders.write_artifact(team.bot)

    with refused("SIGNER_UNKNOWN"):
        builders.push_code(team, path, **builders.signed(path, stranger.key))

    assert _nothing_kept()


def test_a_revoked_signer_is_refused(team: Team) -> None:
    bots.revoke_signer(signer=team.signer, **BY)

    with refused("SIGNER_REVOKED"):
        builders.push_code(team)

    assert _nothing_kept()


def test_a_revoked_key_cannot_be_trusted_again(team: Team) -> None:
    bots.revoke_signer(signer=team.signer, **BY)

    with refused("SIGNER_KNOWN"):
        builders.trust(team.desk, team.key)

    assert builders.fresh(team.signer).revoked_at is not None


@pytest.mark.parametrize("public_key", ["not base64!", "AAAA", ""])
def test_a_key_that_is_none_is_refused(team: Team, public_key: str) -> None:
    with refused("SIGNER_KEY_MALFORMED"):
        bots.trust_signer(desk=team.desk, name="x", public_key=public_key, **BY)


def test_another_bots_artifact_is_refused(team: Team) -> None:
    stranger = builders.make_team("beta")

    with refused("ARTIFACT_OTHER_BOT"):
        builders.push_code(team, builders.write_artifact(stranger.bot))

    assert _nothing_kept()


@pytest.mark.parametrize("git_sha", ["", "a" * 39, "A" * 40, "g" * 40, "a" * 40 + "\n"])
def test_a_malformed_git_sha_is_refused(team: Team, git_sha: str) -> None:
    with refused("GIT_SHA_MALFORMED"):
        builders.push_code(team, git_sha=git_sha)

    assert _nothing_kept()


def test_two_that_push_the_same_bytes_at_once_get_one_version(committed_team: Team) -> None:
    path = builders.write_artifact(committed_team.bot)

    first, second = race(*[lambda: builders.push_code(committed_team, path)] * 2)

    assert first == second
    assert CodeVersion.objects.count() == 1


def test_two_that_push_one_version_at_once_get_one_refusal(committed_team: Team) -> None:
    paths = [builders.write_artifact(committed_team.bot, body=f"class Bot: x = {'1' * n}") for n in (1, 2)]

    outcomes: list[Any] = race(*[lambda path=path: builders.push_code(committed_team, path) for path in paths])

    assert codes(outcomes) == ["VERSION_TAKEN"]
    assert CodeVersion.objects.count() == 1
