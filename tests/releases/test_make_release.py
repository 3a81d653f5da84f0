"""A release is a triple with one build id."""

import uuid

import pytest

from apps.bots.models import CodeVersion, ConfigBundle, ParameterSet
from apps.releases import services as releases
from apps.releases.models import Release
from tests import builders
from tests.builders import LIMITS, Team, refused
from tests.races import race

# sha256 of {"code":"aa…","config":"bb…","data_model_version":1,"parameters":"cc…"} (64 digits each), by sha256sum.
VECTOR = "3daebacd74cb26a50dc6787644a6158016e7cceae5a2048266e8f96e58fcdaf1"


def _parts() -> tuple[CodeVersion, ConfigBundle, ParameterSet]:
    return CodeVersion(artifact_sha256="a" * 64), ConfigBundle(digest="b" * 64), ParameterSet(digest="c" * 64)


def test_the_build_id_is_the_digest_of_the_canonical_triple() -> None:
    assert releases.build_id(*_parts()) == VECTOR


def test_the_build_id_depends_on_nothing_but_the_digests() -> None:
    code, config, parameters = _parts()
    code.pk, code.number, code.version = uuid.uuid4(), 7, "9.9.9"
    config.content, parameters.number = {"venue": "other"}, 3

    assert releases.build_id(code, config, parameters) == VECTOR


@pytest.mark.parametrize("part", [0, 1, 2])
def test_every_part_changes_the_build_id(part: int) -> None:
    parts = _parts()
    setattr(parts[part], "artifact_sha256" if part == 0 else "digest", "d" * 64)

    assert releases.build_id(*parts) != VECTOR


def test_the_same_triple_is_one_release(team: Team) -> None:
    assert builders.make_release(team) == builders.make_release(team)
    assert Release.objects.count() == 1


def test_a_release_points_to_the_one_before(team: Team) -> None:
    first = builders.make_release(team)

    second = builders.make_release(team, config_bundle=builders.push_config(team, limits=LIMITS | {"position": "1"}))

    assert (second.number, second.previous) == (2, first)


def test_two_that_make_one_triple_at_once_get_one_release(committed_team: Team) -> None:
    code = builders.push_code(committed_team)
    parts = {
        "code_version": code,
        "config_bundle": builders.push_config(committed_team),
        "parameter_set": builders.push_parameters(committed_team, code),
    }

    first, second = race(*[lambda: builders.make_release(committed_team, **parts)] * 2)

    assert first == second
    assert Release.objects.count() == 1


@pytest.mark.parametrize("part", ["code_version", "config_bundle", "parameter_set"])
def test_a_part_of_another_bot_is_refused(team: Team, part: str) -> None:
    stranger = builders.make_release(builders.make_team("beta"))
    known = Release.objects.count()
    own = builders.push_code(team)
    parts = {
        "code_version": own,
        "config_bundle": builders.push_config(team),
        "parameter_set": builders.push_parameters(team, own),
    }

    with refused("PART_OTHER_BOT"):
        builders.make_release(team, **(parts | {part: getattr(stranger, part)}))

    assert Release.objects.count() == known


def test_parameters_that_do_not_fit_this_code_are_refused(team: Team) -> None:
    first = builders.push_code(team)
    parameters = builders.push_parameters(team, first, content={"n": 1})
    schema = '{"type": "object", "properties": {"n": {"type": "string"}}}'
    stricter = builders.push_code(team, builders.write_artifact(team.bot, "2.0.0", schema=schema))

    with refused("PARAMETERS_SCHEMA"):
        builders.make_release(team, code_version=stricter, parameter_set=parameters)

    assert not Release.objects.exists()
