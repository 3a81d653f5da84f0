"""Provenance: what a trusted CI says of a build, judged; each single fault has its own refusal."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from quarterdeck.sign import SigningKey, attest

from apps.bots import selectors
from apps.bots import services as bots
from apps.bots.models import CodeVersion, TrustedBuilder
from apps.bots.provenance import judge, pae
from apps.common.clocks import wall_now
from tests import builders
from tests.bots.attesting import REPOSITORY, Ci, as_trusted, resealed, statement, trust_ci
from tests.bots.envelopes import ENVELOPES
from tests.builders import BY, GIT_SHA, Team, fresh, refused

SHA, OTHER_SHA = "5" * 64, "0" * 64
AHEAD = timedelta(days=1)


@pytest.fixture
def ci(team: Team) -> Ci:
    """A CI that the team's desk trusts."""
    return trust_ci(team.desk)


@pytest.fixture
def path(team: Team) -> Path:
    """An artifact of the team's bot."""
    return builders.write_artifact(team.bot)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    """The key of a CI, for what needs no database."""
    return SigningKey.generate()


def judged(envelope: Any, key: SigningKey, **overrides: Any) -> dict[str, str]:
    """What a desk that trusts the key's CI takes the envelope for."""
    known = [as_trusted(key, **overrides)]
    return judge(envelope, artifact_sha256=SHA, git_sha=GIT_SHA, builders=known, now=wall_now())[1]


def nothing_kept() -> bool:
    return not CodeVersion.objects.exists() and not list(Path(settings.ARTIFACT_ROOT).rglob("*.zip"))


def test_the_encoding_is_the_one_of_the_specification() -> None:
    # The example of github.com/secure-systems-lab/dsse, protocol.md.
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_a_build_of_a_trusted_ci_is_kept_with_what_was_attested(team: Team, ci: Ci, path: Path) -> None:
    code = builders.push_code(team, path, provenance=ci.envelope(path))

    facts = selectors.ci_provenance(fresh(code))
    assert facts is not None
    assert (facts["source_repository"], facts["key_id"]) == (REPOSITORY, ci.key.key_id)
    assert code.builder == ci.builder


def test_a_laptops_push_is_kept_and_attests_nothing(team: Team, ci: Ci) -> None:
    code = builders.push_code(team)

    assert (code.provenance, selectors.ci_provenance(code)) == (None, None)


def test_a_claim_that_nobody_has_judged_decides_nothing(team: Team) -> None:
    code = builders.push_code(team)
    code.provenance = {"builder": "ci"}

    assert selectors.ci_provenance(code) is None


def test_a_wrong_provenance_stores_nothing(team: Team, ci: Ci, path: Path) -> None:
    with refused("PROVENANCE_REF"):
        builders.push_code(team, path, provenance=ci.envelope(path, ref="refs/heads/feature"))

    assert nothing_kept()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"artifact_sha256": OTHER_SHA}, "PROVENANCE_SUBJECT"),
        ({"builder_id": "https://ci.example/builders/other"}, "PROVENANCE_BUILDER"),
        ({"source_repository": "https://git.example/mallory/bots"}, "PROVENANCE_SOURCE"),
        ({"source_repository": REPOSITORY + "/"}, "PROVENANCE_SOURCE"),
        ({"ref": "refs/heads/feature"}, "PROVENANCE_REF"),
        ({"ref": "refs/tags/"}, "PROVENANCE_REF"),
        ({"ref": "refs/heads/main2"}, "PROVENANCE_REF"),
        ({"git_sha": "b" * 40}, "PROVENANCE_COMMIT"),
        ({"finished_at": datetime.now(UTC) + AHEAD}, "PROVENANCE_FUTURE"),
        ({"started_at": datetime.now(UTC) + AHEAD}, "PROVENANCE_TIMES"),
    ],
)
def test_what_is_not_what_the_desk_trusts_is_refused(key: SigningKey, changes: dict[str, Any], code: str) -> None:
    with refused(code):
        judged(attest(key, statement(SHA, **changes)), key)


def test_a_clock_may_be_five_minutes_ahead_and_no_more(key: SigningKey) -> None:
    with refused("PROVENANCE_FUTURE"):
        judged(attest(key, statement(SHA, finished_at=wall_now() + timedelta(seconds=310))), key)

    assert judged(attest(key, statement(SHA, finished_at=wall_now() + timedelta(seconds=290))), key)


@pytest.mark.parametrize("ref", ["refs/tags/v1.2.0", "refs/tags/release/1", "refs/heads/main"])
def test_a_pattern_trusts_all_refs_below_it(key: SigningKey, ref: str) -> None:
    assert judged(attest(key, statement(SHA, ref=ref)), key)["ref"] == ref


def forged(said: dict[str, Any], *names: str | int, to: Any) -> dict[str, Any]:
    """The statement with what lies at `names` replaced, or removed where `to` is None."""
    target: Any = said
    for name in names[:-1]:
        target = target[name]
    if to is None:
        del target[names[-1]]
    else:
        target[names[-1]] = to
    return said


DEFINITION, RUN = ("predicate", "buildDefinition"), ("predicate", "runDetails")
SOURCES = (*DEFINITION, "resolvedDependencies")


@pytest.mark.parametrize(
    ("names", "to", "code"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1", "PROVENANCE_PREDICATE"),
        (("predicateType",), "https://slsa.dev/provenance/v0.2", "PROVENANCE_PREDICATE"),
        (("predicateType",), None, "PROVENANCE_PREDICATE"),
        (("subject",), [], "PROVENANCE_MALFORMED"),
        (("subject",), "bot.zip", "PROVENANCE_MALFORMED"),
        (("subject", 0, "digest"), {"sha512": "0" * 128}, "PROVENANCE_SUBJECT"),
        (("predicate",), [], "PROVENANCE_MALFORMED"),
        (SOURCES, [], "PROVENANCE_MALFORMED"),
        (SOURCES, [{"uri": "git+https://a@b"}, {"uri": "git+https://c@d"}], "PROVENANCE_MALFORMED"),
        ((*SOURCES, 0, "uri"), "git+https://git.example/alpha/bots", "PROVENANCE_MALFORMED"),
        ((*SOURCES, 0, "digest"), {"sha1": "a" * 40}, "PROVENANCE_MALFORMED"),
        ((*RUN, "builder"), None, "PROVENANCE_MALFORMED"),
        ((*RUN, "builder", "id"), 7, "PROVENANCE_MALFORMED"),
        ((*RUN, "metadata"), None, "PROVENANCE_MALFORMED"),
        ((*RUN, "metadata", "startedOn"), "2026-01-31T12:00:00", "PROVENANCE_MALFORMED"),
        ((*RUN, "metadata", "finishedOn"), "yesterday", "PROVENANCE_MALFORMED"),
        ((*DEFINITION, "buildType"), "x\0y", "PROVENANCE_MALFORMED"),
        ((*DEFINITION, "buildType"), None, "PROVENANCE_MALFORMED"),
    ],
)
def test_a_statement_that_is_another_is_refused_though_it_is_well_signed(
    key: SigningKey, names: tuple[str | int, ...], to: Any, code: str
) -> None:
    with refused(code):
        judged(resealed(key, forged(statement(SHA), *names, to=to)), key)


@pytest.mark.parametrize("name", ENVELOPES)
def test_an_envelope_with_a_fault_is_refused(key: SigningKey, name: str) -> None:
    forge, code = ENVELOPES[name]

    with refused(code):
        judged(forge(key, statement(SHA)), key)


def test_a_key_without_its_name_counts_too(key: SigningKey) -> None:
    envelope = attest(key, statement(SHA))
    del envelope["signatures"][0]["keyid"]

    assert judged(envelope, key)["key_id"] == key.key_id


def test_a_key_that_is_not_trusted_any_more_attests_nothing(key: SigningKey) -> None:
    with refused("PROVENANCE_KEY_REVOKED"):
        judged(attest(key, statement(SHA)), key, is_trusted=False)


def test_the_key_that_signs_builds_attests_none(team: Team, ci: Ci, path: Path) -> None:
    own = attest(team.key, statement(builders.artifacts.digest(path)))

    with refused("PROVENANCE_KEY_UNKNOWN"):
        builders.push_code(team, path, provenance=own)

    assert nothing_kept()


def test_a_builder_of_another_desk_is_not_trusted(team: Team, path: Path) -> None:
    stranger = trust_ci(builders.make_team("beta").desk)

    with refused("PROVENANCE_KEY_UNKNOWN"):
        builders.push_code(team, path, provenance=stranger.envelope(path))

    assert nothing_kept()


def test_a_revoked_builder_attests_nothing_that_is_pushed(team: Team, ci: Ci, path: Path) -> None:
    bots.revoke(key=ci.builder, **BY)

    with refused("PROVENANCE_KEY_REVOKED"):
        builders.push_code(team, path, provenance=ci.envelope(path))

    assert nothing_kept()


def test_one_key_for_two_repositories_attests_each_for_itself(team: Team, ci: Ci, path: Path) -> None:
    other = trust_ci(
        team.desk, key=ci.key, source_repository="https://git.example/alpha/more", refs=["refs/heads/next"]
    )

    with refused("PROVENANCE_REF"):
        builders.push_code(team, path, provenance=ci.envelope(path, ref="refs/heads/next"))

    more = {"source_repository": "https://git.example/alpha/more", "ref": "refs/heads/next"}
    assert builders.push_code(team, path, provenance=ci.envelope(path, **more)).builder == other.builder


def test_a_stolen_ci_key_is_revoked_for_every_repository(team: Team, ci: Ci) -> None:
    trust_ci(team.desk, key=ci.key, source_repository="https://git.example/alpha/more")

    bots.revoke(key=ci.builder, **BY)

    assert [row.is_trusted for row in TrustedBuilder.objects.all()] == [False, False]
