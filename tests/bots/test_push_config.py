"""Configs and parameters: validated with places, content-addressed, inside the blast radius."""

from typing import Any

import pytest

from apps.bots import services as bots
from apps.bots.models import ConfigBundle, ParameterSet
from apps.common.errors import Invalid
from tests import builders
from tests.builders import LIMITS, Team, refused
from tests.races import race


def test_the_same_content_in_another_order_is_one_bundle(team: Team) -> None:
    first = builders.push_config(team)
    content = dict(reversed(builders.config(team).items()))

    assert bots.push_config(bot=team.bot, content=content, actor=team.engineer, reason="again") == first
    assert ConfigBundle.objects.count() == 1


def test_other_content_gets_the_next_number(team: Team) -> None:
    builders.push_config(team)

    assert builders.push_config(team, limits=LIMITS | {"position": "3"}).number == 2


@pytest.mark.parametrize(
    ("overrides", "place"),
    [
        ({"symbols": []}, "$.symbols"),
        ({"symbols": ["btc usd"]}, "$.symbols[0]"),
        ({"limits": {}}, "$.limits"),
        ({"limits": LIMITS | {"position": 2}}, "$.limits.position"),
        ({"limits": LIMITS | {"position": "NaN"}}, "$.limits.position"),
        ({"limits": LIMITS | {"position": "-1"}}, "$.limits.position"),
        ({"limits": LIMITS | {"position": "1e9"}}, "$.limits.position"),
        ({"limits": LIMITS | {"position": "1\n"}}, "$.limits.position"),
        ({"limits": LIMITS | {"position": "1٣"}}, "$.limits.position"),
        ({"limits": LIMITS | {"luck": "1"}}, "$.limits"),
        ({"surprise": 1}, "$"),
        ({"data_contract": {"interval": "2h", "fields": ["close"], "staleness_ms_max": 1}}, "$.data_contract"),
    ],
)
def test_a_config_outside_its_schema_is_refused_with_the_place(
    team: Team, overrides: dict[str, Any], place: str
) -> None:
    with pytest.raises(Invalid) as caught:
        builders.push_config(team, **overrides)

    assert caught.value.code == "CONFIG_SCHEMA"
    assert any(failure["at"].startswith(place) for failure in caught.value.context["failures"])
    assert not ConfigBundle.objects.exists()


@pytest.mark.parametrize("missing", ["venue", "accounts", "symbols", "feed", "limits", "data_contract"])
def test_a_config_that_lacks_something_is_refused(team: Team, missing: str) -> None:
    content = builders.config(team)
    del content[missing]

    with pytest.raises(Invalid, match=missing):
        bots.push_config(bot=team.bot, content=content, actor=team.engineer, reason="x")

    assert not ConfigBundle.objects.exists()


@pytest.mark.parametrize("overrides", [{"symbols": ["BTC-USD", "ETH-USD"]}, {"accounts": ["beta-paper"]}])
def test_a_config_outside_the_blast_radius_is_refused(team: Team, overrides: dict[str, Any]) -> None:
    with refused("CONFIG_OUTSIDE_BLAST_RADIUS"):
        builders.push_config(team, **overrides)

    assert not ConfigBundle.objects.exists()


def test_two_that_push_one_content_at_once_get_one_bundle(committed_team: Team) -> None:
    first, second = race(*[lambda: builders.push_config(committed_team)] * 2)

    assert first == second
    assert ConfigBundle.objects.count() == 1


def test_many_at_once_are_numbered_without_gaps(committed_team: Team) -> None:
    pushes = [
        lambda n=n: builders.push_config(committed_team, limits=LIMITS | {"position": str(n)}) for n in range(1, 5)
    ]

    assert sorted(bundle.number for bundle in race(*pushes)) == [1, 2, 3, 4]


@pytest.mark.parametrize("content", [{"n": "1"}, {"n": 1.5}, {"n": None}, []])
def test_a_parameter_outside_the_codes_schema_is_refused(team: Team, content: Any) -> None:
    code = builders.push_code(team)

    with refused("PARAMETERS_SCHEMA"):
        builders.push_parameters(team, code, content=content)

    assert not ParameterSet.objects.exists()


def test_parameters_for_another_bots_code_are_refused(team: Team) -> None:
    stranger = builders.make_team("beta")
    code = builders.push_code(stranger)

    with refused("CODE_OTHER_BOT"):
        builders.push_parameters(team, code)

    assert not ParameterSet.objects.exists()


def test_the_same_parameters_are_one_set(team: Team) -> None:
    code = builders.push_code(team)

    assert builders.push_parameters(team, code) == builders.push_parameters(team, code)
    assert ParameterSet.objects.count() == 1
