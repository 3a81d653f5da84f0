"""The examples' declarations say what the demo has made, and so does its export; the schemas' files are the code's."""

import json
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django import Settings

from apps.access.models import User
from apps.bots.models import Bot
from apps.common.located import read
from apps.console.demo import bots, market, people
from apps.promotions.declarations import rules, schema, selectors
from apps.promotions.declarations.export import export
from apps.promotions.declarations.selectors import Judged

SCHEMAS = settings.ROOT / "docs" / "schemas"


@pytest.fixture
def demo(db: None, tmp_path: Path, settings: Settings) -> dict[str, User]:
    """The people of the demo as it is seeded, but for what runs."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ARTIFACT_ROOT, settings.BUILD_ROOT = tmp_path / "artifacts", tmp_path / "builds"
    buckets, cast = people.make_tree(), people.make_people()
    market.make_markets(buckets, cast)
    for one in bots.BOTS:
        bots.push(one, bots.make_bot(one, buckets[one.desk], cast), cast)
    return cast


def judged(one: bots.DemoBot) -> Judged:
    """The example's declaration against what the demo has."""
    raw = (bots.EXAMPLES / one.folder / "quarterdeck.yaml").read_bytes()
    return selectors.judge(Bot.objects.get(name=one.name), raw)


def test_the_declarations_of_the_examples_are_what_the_demo_has(demo: dict[str, User]) -> None:
    for one in bots.BOTS:
        found = judged(one)

        assert [line.as_json() for line in found.plan.lines] == []
        assert found.warnings == []


def test_against_the_release_that_the_demo_proposes_nothing_widens(demo: dict[str, User]) -> None:
    one = bots.BOTS[0]
    bots.push(one, Bot.objects.get(name=one.name), demo, fast_bars=10, slow_bars=30)

    found = judged(one).plan.lines

    assert [line.path for line in found] == ["code", "parameters.fast_bars", "parameters.slow_bars"]
    assert {line.direction for line in found} == {"neutral"}


def test_what_the_demo_exports_plans_to_nothing(demo: dict[str, User]) -> None:
    for bot in Bot.objects.all():
        text = export(bot)

        assert selectors.judge(bot, text.encode()).plan.lines == ()
        assert "# Release 1, made by" in text
        assert "asked for by Rita Risk" in text


@pytest.mark.parametrize("name", schema.PUBLISHED)
def test_the_shipped_file_of_a_schema_is_the_published_one(name: str) -> None:
    assert json.loads((SCHEMAS / f"{name}.schema.json").read_text()) == schema.PUBLISHED[name]


@pytest.mark.parametrize("folder", ["btc_trend", "eur_revert"])
def test_an_example_names_the_schema_that_it_fits(folder: str) -> None:
    path = bots.EXAMPLES / folder / "quarterdeck.yaml"
    document = read(path.read_bytes())
    named = path.read_text().splitlines()[0].partition("$schema=")[2]

    assert (path.parent / named).resolve() == SCHEMAS / "declaration.schema.json"
    assert rules.misfits(document, document.value, schema.DECLARATION) == []
