"""Official marks and day closes through the API."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.access import services as access
from apps.audit.context import acting
from apps.markets.models import OfficialMark, OfficialMarkRequest
from tests.api.asked import DAY
from tests.api.test_market_votes import ballot, client_of
from tests.api.world import ARRANGE, START, person

MARKS, CLOSES = "/api/v1/official-marks/", "/api/v1/day-closes/"
HEADER = "instrument,trading_day,price,kind,source\n"


@pytest.fixture
def rita(world):
    """A risk owner of the firm."""
    with acting(**ARRANGE):
        return person("rita", "risk owner", world.firm.scope)


@pytest.fixture
def raj(world):
    """Another one."""
    with acting(**ARRANGE):
        return person("raj", "risk owner", world.firm.scope)


def mark(**overrides):
    """The close of the feed's day, whose last price is 60050."""
    said = {"instrument": "BTC-USD", "trading_day": str(START.date()), "price": "60100", "kind": "close"}
    return said | {"source": "exchange", "reason": "the day's close"} | overrides


def upload(*lines):
    content = (HEADER + "".join(f"{line}\n" for line in lines)).encode()
    return {"file": SimpleUploadedFile("marks.csv", content, "text/csv"), "reason": "the day's file"}


def test_a_service_account_states_the_close_of_a_day_once(world, as_user):
    machine = access.make_service_account(username="closes", display_name="closes", **ARRANGE)
    access.grant_role(user=machine, role="risk owner", scope=world.firm.scope, **ARRANGE)
    client = as_user(machine)

    first, again = client.post(MARKS, mark()), client.post(MARKS, mark())

    assert (first.status_code, first.json()["price"], first.json()["revision"]) == (201, "60100", 1)
    assert again.json()["id"] == first.json()["id"]
    shown = client.get(MARKS, {"trading_day": str(START.date())}).json()["results"]
    assert [row["id"] for row in shown] == [first.json()["id"]]


def test_what_may_not_be_stated_alone_is_refused(world, rita, as_user):
    client = as_user(rita)
    for name, value, status, code in (
        ("price", "64000", 409, "OFFICIAL_MARK_DEPARTS"),
        ("trading_day", "2023-12-30", 409, "OFFICIAL_MARK_FIRST"),
        ("price", "0", 422, "OFFICIAL_MARK_RANGE"),
        ("trading_day", "2024-01-05", 422, "OFFICIAL_MARK_DAY"),
        ("instrument", "NONE", 404, "REFERENCE_NOT_FOUND"),
    ):
        answer = client.post(MARKS, mark(**{name: value}))
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert OfficialMark.objects.count() == 1


def test_a_risk_owner_of_one_desk_states_nothing(world, as_user):
    client = as_user(world.own.people["risk owner"])

    answers = [
        client.post(MARKS, mark()),
        client.post(f"{MARKS}requests/", mark()),
        client.post(f"{MARKS}import/", upload(), format="multipart"),
    ]

    assert [answer.json()["code"] for answer in answers] == ["PERMISSION_DENIED"] * 3
    assert (OfficialMark.objects.count(), OfficialMarkRequest.objects.count()) == (1, 1)


def test_two_people_state_a_mark_that_departs(world, rita, raj):
    asked = client_of(rita).post(f"{MARKS}requests/", mark(price="64000")).json()
    assert (asked["vote_state"], asked["departs_from"]) == ("open", "60050")

    own = client_of(rita).post(f"{MARKS}requests/{asked['id']}/votes/", ballot(asked))
    assert own.json()["code"] == "VOTE_EXCLUDED"
    voted = client_of(raj).post(f"{MARKS}requests/{asked['id']}/votes/", ballot(asked))

    assert (voted.status_code, voted.json()["vote_state"]) == (200, "granted")
    assert str(OfficialMark.objects.get(revision=1, trading_day=START.date()).price) == "64000"


def test_asking_takes_a_fresh_sign_in(world, rita):
    answer = client_of(rita, ago_s=3600).post(f"{MARKS}requests/", mark(price="64000"))

    assert answer.json()["code"] == "STEP_UP_REQUIRED"
    assert OfficialMarkRequest.objects.count() == 1


def test_a_file_of_marks_is_entered_and_one_with_a_bad_line_is_not(world, rita, as_user):
    client, good = as_user(rita), f"BTC-USD,{START.date()},60100,close,exchange"

    bad = client.post(f"{MARKS}import/", upload(good, "BTC-USD,never,1,close,exchange"), format="multipart")
    assert (bad.status_code, bad.json()["code"]) == (422, "OFFICIAL_MARKS_FILE")
    assert [(line["line"], line["code"]) for line in bad.json()["context"]["lines"]] == [(3, "OFFICIAL_MARK_DAY")]
    assert OfficialMark.objects.count() == 1

    entered = client.post(f"{MARKS}import/", upload(good), format="multipart")
    assert (entered.status_code, [row["price"] for row in entered.json()["marks"]]) == (201, ["60100"])


def test_day_closes_are_listed_by_day_and_by_whether_the_mark_is_known(world, as_user):
    client = as_user(world.own.people["trader"])

    [row] = client.get(CLOSES, {"trading_day": str(DAY), "is_provisional": "true"}).json()["results"]

    assert (row["id"], row["official_price"]) == (str(world.own.day_close.pk), None)
    assert (row["provisional_price"], row["restated_base"]) == ("60000", "0")
    assert client.get(CLOSES, {"day_after": str(DAY + timedelta(days=1))}).json()["results"] == []
    assert client.get(CLOSES, {"is_provisional": "false"}).json()["results"] == []
    assert client.get(f"{CLOSES}{world.other.day_close.pk}/").status_code == 404


def test_a_request_that_waits_and_that_nothing_measures_says_so(world, as_user):
    [row] = as_user(world.own.people["trader"]).get(f"{MARKS}requests/", {"vote_state": "open"}).json()["results"]

    assert (row["departs_from"], row["price"], row["entry"]) == (None, "60000", None)
