"""Keys rotate and are revoked from a moment on; verdicts are kept when they say something new."""

from datetime import timedelta

import pytest
from quarterdeck.sign import SigningKey

from apps.bots import selectors
from apps.bots import services as bots
from apps.bots.models import Signer, TrustedBuilder, Verification
from apps.common.clocks import wall_now
from tests import builders
from tests.bots.attesting import TRUSTED, public, trust_ci
from tests.builders import BY, Team, fresh, refused
from tests.promotions.conftest import Ahead


def rotate(team: Team, key: SigningKey, **overrides: object) -> Signer:
    return bots.rotate(key=team.signer, name="next", public_key=public(key), **(BY | overrides))


def verdicts() -> list[tuple[str, str, str]]:
    rows = Verification.objects.order_by("id")
    return [(row.moment, row.verdict, row.code) for row in rows]


def test_a_new_key_signs_and_the_old_one_until_it_is_revoked(team: Team) -> None:
    key = SigningKey.generate()
    made = rotate(team, key)
    path = builders.write_artifact(team.bot)

    assert (made.replaces, fresh(team.signer).is_trusted) == (team.signer, True)
    assert builders.push_code(team, path, **builders.signed(path, key)).signer == made
    assert builders.push_code(team, builders.write_artifact(team.bot, "1.1.0")).signer == team.signer


def test_a_key_with_an_end_is_trusted_until_then_and_launches_nothing_after(team: Team, wall: Ahead) -> None:
    rotate(team, SigningKey.generate(), old_until=wall_now() + timedelta(hours=1))
    code = builders.push_code(team)
    assert bots.launchable(code)

    wall.ahead = timedelta(hours=2)

    with refused("SIGNER_REVOKED"):
        bots.launchable(code)
    with refused("SIGNER_REVOKED"):
        builders.push_code(team, builders.write_artifact(team.bot, "1.1.0"))


def test_an_end_comes_sooner_and_never_later(team: Team) -> None:
    soon = wall_now() + timedelta(hours=1)
    bots.revoke(key=team.signer, at=soon, **BY)

    with refused("REVOCATION_LATER"):
        bots.revoke(key=team.signer, at=soon + timedelta(hours=1), **BY)
    assert fresh(team.signer).revoked_at == soon

    assert not bots.revoke(key=team.signer, **BY).is_trusted


def test_a_revoked_key_keeps_its_first_end_and_reason(team: Team) -> None:
    first = bots.revoke(key=team.signer, actor=BY["actor"], reason="it was stolen")

    again = bots.revoke(key=team.signer, actor=BY["actor"], reason="tidying")

    assert (again.revoked_at, again.revoked_reason) == (first.revoked_at, "it was stolen")


def test_a_key_that_signs_cannot_attest_nor_the_other_way_round(team: Team) -> None:
    ci = trust_ci(team.desk)

    with refused("KEY_OTHER_ROLE"):
        trust_ci(team.desk, key=team.key)
    with refused("KEY_OTHER_ROLE"):
        builders.trust(team.desk, ci.key)

    assert (Signer.objects.count(), TrustedBuilder.objects.count()) == (1, 1)


def test_a_revoked_builders_key_is_trusted_for_nothing_again(team: Team) -> None:
    ci = trust_ci(team.desk)
    bots.revoke(key=ci.builder, **BY)

    with refused("SIGNER_KNOWN"):
        trust_ci(team.desk, key=ci.key, source_repository="https://git.example/alpha/more")

    assert TrustedBuilder.objects.count() == 1


def test_a_rotated_builder_is_trusted_for_the_same_things(team: Team) -> None:
    ci = trust_ci(team.desk)

    made = bots.rotate(key=ci.builder, name="next", public_key=public(SigningKey.generate()), **BY)

    assert {name: getattr(made, name) for name in TRUSTED} == TRUSTED
    assert made.replaces == ci.builder


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"refs": []}, "REFS_MALFORMED"),
        ({"refs": ["main"]}, "REFS_MALFORMED"),
        ({"refs": ["refs/*/main"]}, "REFS_MALFORMED"),
        ({"refs": ["refs/heads/main", "refs/heads/main"]}, "REFS_MALFORMED"),
        ({"refs": [f"refs/heads/{n}" for n in range(21)]}, "REFS_MALFORMED"),
        ({"builder_id": "our CI"}, "BUILDER_MALFORMED"),
        ({"source_repository": "https://git.example/a b"}, "BUILDER_MALFORMED"),
    ],
)
def test_what_names_no_origin_is_not_trusted(team: Team, changes: dict[str, object], code: str) -> None:
    with refused(code):
        trust_ci(team.desk, **changes)

    assert not TrustedBuilder.objects.exists()


def test_verdicts_are_kept_when_they_say_something_new(team: Team) -> None:
    code = builders.push_code(team)
    bots.launchable(code)
    bots.launchable(code)
    assert verdicts() == [("upload", "verified", "")]

    bots.revoke(key=team.signer, **BY)
    for _ in range(2):
        with refused("SIGNER_REVOKED"):
            bots.launchable(code)

    assert verdicts() == [("upload", "verified", ""), ("launch", "refused", "SIGNER_REVOKED")]


def test_a_verdict_says_what_was_checked(team: Team) -> None:
    ci = trust_ci(team.desk)
    path = builders.write_artifact(team.bot)
    code = builders.push_code(team, path, provenance=ci.envelope(path))

    kept = Verification.objects.get()

    assert kept.facts["provenance"] == selectors.ci_provenance(code)
    assert (kept.facts["key_id"], kept.facts["artifact_sha256"]) == (team.key.key_id, code.artifact_sha256)


def test_a_build_whose_ci_is_not_trusted_any_more_starts_nowhere(team: Team) -> None:
    ci = trust_ci(team.desk)
    path = builders.write_artifact(team.bot)
    code = builders.push_code(team, path, provenance=ci.envelope(path))

    bots.revoke(key=ci.builder, **BY)

    assert selectors.ci_provenance(code) is None
    with refused("PROVENANCE_KEY_REVOKED"):
        bots.launchable(code)
    assert verdicts()[-1] == ("launch", "refused", "PROVENANCE_KEY_REVOKED")
