"""The pages of official marks and of ended days: tables, forms, files, votes and exports."""

import csv
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.context import acting
from apps.common import ids
from apps.execution.models import DayClose
from apps.markets.models import OfficialDay, OfficialMark, OfficialMarkRequest
from apps.markets.services import MARK_FILE_BYTES_MAX
from tests.access.proofs import sign_in_again
from tests.api.world import ARRANGE, START, person

MARKS, DAYS = "/markets/marks/", "/limits/days/"


@pytest.fixture
def risk(world):
    """The risk owner of the firm."""
    with acting(**ARRANGE):
        return person("rita", "risk owner", world.firm.scope)


def mark(world, **overrides):
    fields = {"form": "mark", "instrument": world.instrument.pk, "trading_day": str(START.date()), "price": "60100"}
    return fields | {"kind": "close", "source": "exchange", "reason": "the day's", "verb": "enter"} | overrides


def test_a_mark_is_entered_and_shown_beside_the_feeds_price(world, risk, signed_in):
    client = signed_in(risk)
    assert client.post(f"{MARKS}state/", mark(world)).status_code == 302

    text = client.get(MARKS).content.decode()
    assert "60,100.00" in text
    assert "+0.08 %" in text
    assert "✓ counts" in text


def test_a_mark_that_departs_is_refused_beside_the_form_and_asked_for_instead(world, risk, signed_in):
    client = signed_in(risk)
    answer = client.post(f"{MARKS}state/", mark(world, price="64000"))
    assert (answer.status_code, "OFFICIAL_MARK_DEPARTS" in answer.content.decode()) == (409, True)
    assert OfficialMark.objects.count() == 1

    asked = sign_in_again(client, risk).post(f"{MARKS}state/", mark(world, price="64000", verb="ask"))
    assert (asked.status_code, OfficialMarkRequest.objects.count()) == (302, 2)
    assert "Waits for a second person" in client.get(MARKS).content.decode()


def test_a_second_person_agrees_on_the_page(world, risk, signed_in):
    asked = OfficialMarkRequest.objects.get()
    client = sign_in_again(signed_in(risk), risk)
    ballot = {"form": str(asked.pk), "digest": asked.consent.digest, "verdict": "approve", "reason": "right"}

    assert client.post(f"{MARKS}{asked.pk}/vote/", ballot).status_code == 302
    assert OfficialMark.objects.filter(trading_day=asked.trading_day).exists()


@pytest.mark.parametrize("address", ["state/", "import/"])
def test_who_may_set_no_limits_of_the_firm_enters_no_marks(world, signed_in, address):
    client = signed_in(world.own.people["risk owner"])

    assert client.post(f"{MARKS}{address}", mark(world)).status_code == 403
    assert OfficialMark.objects.count() == 1
    assert "do not let you enter marks" in client.get(MARKS).content.decode()


def test_a_file_with_a_bad_line_names_it_and_enters_nothing(world, risk, signed_in):
    lines = f"instrument,trading_day,price,kind,source\nBTC-USD,{START.date()},60100,close,x\nBTC-USD,never,1,close,x\n"
    body = {"form": "file", "reason": "the day's", "file": SimpleUploadedFile("m.csv", lines.encode())}
    answer = signed_in(risk).post(f"{MARKS}import/", body)

    assert answer.status_code == 422
    assert "Line 3: <strong>OFFICIAL_MARK_DAY</strong>" in answer.content.decode()
    assert OfficialMark.objects.count() == 1


def test_a_file_is_entered(world, risk, signed_in):
    lines = f"instrument,trading_day,price,kind,source\nBTC-USD,{START.date()},60100,close,x\n"
    body = {"form": "file", "reason": "the day's", "file": SimpleUploadedFile("m.csv", lines.encode())}

    assert signed_in(risk).post(f"{MARKS}import/", body).status_code == 302
    assert OfficialMark.objects.count() == 2


def test_a_file_that_is_larger_than_any_may_be_is_refused_unread(world, risk, signed_in, monkeypatch):
    monkeypatch.setattr("apps.console.views.marks.services.import_marks", lambda **_: pytest.fail("it was read"))
    file = SimpleUploadedFile("m.csv", b"x" * (MARK_FILE_BYTES_MAX + 1))
    answer = signed_in(risk).post(f"{MARKS}import/", {"form": "file", "reason": "the day's", "file": file})

    assert (answer.status_code, "split it" in answer.content.decode()) == (422, True)
    assert OfficialMark.objects.count() == 1


def test_a_mark_that_was_corrected_is_shown_as_such(world, signed_in):
    with acting(**ARRANGE):
        mark = OfficialMark.objects.get()
        said = {"instrument": mark.instrument, "price": 60_500, "kind": "close", "source": "x", "stated_by": "job:test"}
        newer = OfficialMark.objects.create(**said, trading_day=mark.trading_day, revision=2)
        OfficialDay.objects.update(mark=newer)
    text = signed_in(world.own.people["trader"]).get(MARKS).content.decode()

    assert (text.count("✓ counts"), text.count("○ corrected")) == (1, 1)


def test_ended_days_show_both_prices_within_reach(world, signed_in):
    with acting(**ARRANGE):
        row = world.own.day_close
        mark = OfficialMark.objects.get()
        DayClose.objects.filter(pk=row.pk).update(provisional_price=59_000, mark=mark, restated_base=1_000)
    client = signed_in(world.own.people["trader"])

    for address in (DAYS, f"/bots/{world.own.bot.name}/positions/"):
        text = client.get(address).content.decode()
        assert "59,000.00" in text
        assert "60,000.00" in text
        assert "+1.69 %" in text
    assert world.other.bot.name not in client.get(DAYS).content.decode()


def test_marks_and_ended_days_are_exported(world, signed_in):
    client = signed_in(world.own.people["trader"])
    marks = b"".join(client.get(f"{MARKS}export.csv").streaming_content).decode().splitlines()
    days = b"".join(client.get(f"{DAYS}export.csv").streaming_content).decode().splitlines()

    assert marks[0].startswith("instrument,trading_day,price")
    assert marks[1].startswith("BTC-USD,2023-12-30,60000")
    assert (len(marks), len(days)) == (2, 2)
    assert days[1].startswith(f"{world.own.bot.name},")


def test_the_export_names_the_days_profit_as_the_api_does_and_the_official_one_apart(world, signed_in):
    with acting(**ARRANGE):
        DayClose.objects.update(mark=OfficialMark.objects.get(), pnl_day_base=7, restated_base=-4)
    client = signed_in(world.own.people["trader"])

    text = b"".join(client.get(f"{DAYS}export.csv").streaming_content).decode()
    [line] = csv.DictReader(text.splitlines())
    shown = client.get(f"/api/v1/day-closes/{world.own.day_close.pk}/").json()

    assert (line["pnl_day_base"], line["official_pnl_day_base"]) == ("7", "3")
    assert shown["pnl_day_base"] == line["pnl_day_base"]


def more_days(close, mark, count):
    """Earlier days of the same position, each with its mark."""
    for n in range(1, count + 1):
        day = mark.trading_day - timedelta(days=n)
        mark.pk, mark.trading_day, mark._state.adding = ids.uuid7(), day, True
        mark.save()
        close.pk, close.trading_day, close.opens, close._state.adding = ids.uuid7(), day, day + timedelta(days=1), True
        close.mark_id = mark.pk
        close.save()


@pytest.mark.parametrize("address", [MARKS, DAYS])
def test_queries_do_not_grow_with_the_rows(world, signed_in, django_assert_max_num_queries, address):
    client = signed_in(world.own.people["trader"])
    client.get(address)
    with CaptureQueriesContext(connection) as of_one:
        client.get(address)
    with acting(**ARRANGE):
        more_days(DayClose.objects.get(pk=world.own.day_close.pk), OfficialMark.objects.get(), 5)

    with django_assert_max_num_queries(len(of_one)):
        client.get(address)
