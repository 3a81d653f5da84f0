"""The audit explorer: search, export, and the history of one object."""

import json

import pytest

from apps.audit.context import acting


@pytest.fixture
def auditor(world, signed_in):
    return signed_in(world.own.people["auditor"])


def test_history_shows_who_changed_what_and_why(world, auditor):
    bot = world.own.bot
    with acting(world.own.people["trader"], "ready for paper"):
        bot.stage = "simulated_execution"
        bot.save(update_fields=["stage"])
    text = auditor.get(f"/audit/bots.bot/{bot.pk}/").content.decode()
    assert "Own-Trader" in text
    assert "ready for paper" in text
    assert "offline_testing" in text


def test_history_of_an_append_only_object_is_its_one_version(world, auditor):
    text = auditor.get(f"/audit/releases.release/{world.own.release.pk}/").content.decode()
    assert "created" in text


@pytest.mark.parametrize("label", ["sessions.session", "no.such", "bots.historicalbot", "risk.exposure"])
def test_only_tracked_kinds_have_a_history_page(world, auditor, label):
    assert auditor.get(f"/audit/{label}/{world.own.bot.pk}/").status_code == 404


def test_records_are_found_by_act(world, auditor):
    text = auditor.get("/audit/?act=test.").content.decode()
    assert "test.arranged" in text
    assert "hold.placed" not in text


def test_a_malformed_filter_is_told_and_ignored(world, auditor):
    response = auditor.get("/audit/?object_id=nonsense")
    assert response.status_code == 200
    assert "object_id:" in response.content.decode()


def test_the_export_is_one_object_a_line_and_only_of_the_own_desk(world, auditor):
    response = auditor.get("/audit/export.jsonl?act=test.arranged")
    rows = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]
    assert [row["object_id"] for row in rows] == [str(world.own.bot.pk)]


def test_the_csv_has_a_header(world, auditor):
    first = b"".join(auditor.get("/audit/export.csv").streaming_content).splitlines()[0]
    assert first.startswith(b"at,act,actor,reason")


def test_whoever_may_not_audit_is_told_so(world, signed_in):
    response = signed_in(world.own.people["engineer"]).get("/audit/")
    assert response.status_code == 403
    assert "PERMISSION_DENIED" in response.content.decode()
