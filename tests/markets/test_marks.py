"""Official marks: what one person or a feed may state, what takes two, and files of which all is entered or nothing."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.access.models import User
from apps.audit.models import Record
from apps.common import nudges
from apps.common.errors import Invalid
from apps.markets import selectors, services
from apps.markets.models import Feed, OfficialDay, OfficialMark, OfficialMarkRequest
from tests.builders import fresh, make_user, refused
from tests.markets.builders import BY, MARKET_START, Wall, make_feed, make_firm, make_instrument

DAY = MARKET_START.date()
HEADER = "instrument,trading_day,price,kind,source"


@pytest.fixture
def feed(db: None, wall: Wall, folder: Path) -> Feed:
    """A feed that is one hour into its third day; the days before ended at 123 and 147, hour by hour from 100 on."""
    found = make_feed(folder, [str(100 + hour) for hour in range(60)], hours_in=49)
    services.tick_feeds()
    return found


@pytest.fixture
def rita(feed: Feed) -> User:
    """A risk owner of the firm."""
    return make_user("rita", "risk owner", make_firm().scope)


@pytest.fixture
def raj(feed: Feed) -> User:
    """Another one."""
    return make_user("raj", "risk owner", make_firm().scope)


def said(feed: Feed, price: str, **overrides: Any) -> dict[str, Any]:
    """The close of the first day."""
    fields = {"instrument": feed.instrument, "trading_day": DAY, "price": price, "kind": "close", "source": "exchange"}
    return fields | overrides


def state(feed: Feed, price: str, **overrides: Any) -> OfficialMark:
    return services.state_mark(**said(feed, price, **overrides), **BY)


def counted(feed: Feed) -> Decimal | None:
    """The price of the first day that counts."""
    mark = selectors.counted_mark(feed.instrument, DAY)
    return None if mark is None else mark.price


def test_the_feeds_price_of_a_day_is_that_of_its_last_bar(feed: Feed) -> None:
    assert selectors.day_price(feed.instrument, DAY) == 123
    assert selectors.day_price(feed.instrument, DAY + timedelta(days=1)) == 147
    assert selectors.day_price(feed.instrument, DAY - timedelta(days=1)) is None
    assert selectors.day_price(feed.instrument, DAY + timedelta(days=2)) == 148
    assert selectors.day_price(feed.instrument, DAY + timedelta(days=3)) is None


def test_a_mark_near_the_feeds_price_is_entered_by_one(feed: Feed) -> None:
    mark = state(feed, "122.5")

    assert (mark.revision, mark.price, mark.stated_by) == (1, Decimal("122.5"), "job:tests")
    assert counted(feed) == Decimal("122.5")
    assert OfficialDay.objects.get().due_at is not None
    assert Record.objects.get(act="official_mark.stated").after["price"] == "122.5"


def test_a_correction_is_a_newer_revision_and_the_same_figures_are_none(feed: Feed) -> None:
    first = state(feed, "122.5")
    assert state(feed, "122.50") == first
    assert OfficialMark.objects.count() == 1

    assert state(feed, "123").revision == 2
    assert counted(feed) == 123


@pytest.mark.parametrize("price", ["129.16", "117"])
def test_nobody_alone_states_a_mark_far_from_the_feeds_price(feed: Feed, price: str) -> None:
    with refused("OFFICIAL_MARK_DEPARTS"):
        state(feed, price)

    assert not OfficialMark.objects.exists()


def test_the_first_mark_without_any_price_takes_two(feed: Feed) -> None:
    with refused("OFFICIAL_MARK_FIRST"):
        state(feed, "100", instrument=make_instrument("ETH-USD"))

    assert not OfficialMark.objects.exists()


def test_small_corrections_without_a_feed_do_not_add_up(feed: Feed, rita: User, raj: User) -> None:
    day = DAY - timedelta(days=3)
    vote(ask(feed, rita, "100", trading_day=day), raj)
    state(feed, "104", trading_day=day)

    with refused("OFFICIAL_MARK_DEPARTS"):
        state(feed, "108", trading_day=day)


def test_marks_of_another_day_are_no_measure(feed: Feed, rita: User, raj: User) -> None:
    """Without a price of the feed small steps from day to day would add up."""
    day = DAY - timedelta(days=3)
    vote(ask(feed, rita, "100", trading_day=day), raj)

    with refused("OFFICIAL_MARK_FIRST"):
        state(feed, "100", trading_day=day + timedelta(days=1))


def test_a_mark_is_kept_with_the_feeds_price_that_it_was_compared_with(feed: Feed, rita: User, raj: User) -> None:
    assert state(feed, "122.5").feed_price == 123

    entry = vote(ask(feed, rita, trading_day=DAY - timedelta(days=3)), raj).entry
    assert entry is not None
    assert entry.feed_price is None


def test_voters_see_what_a_mark_is_furthest_from(feed: Feed, rita: User, raj: User) -> None:
    vote(ask(feed, rita, "110"), raj)

    assert ask(feed, rita, "123").departs_from == 110
    assert ask(feed, rita, "109").departs_from == 123


def test_what_two_agreed_on_is_not_undone_by_one(feed: Feed, rita: User, raj: User) -> None:
    vote(ask(feed, rita, "110"), raj)

    with refused("OFFICIAL_MARK_DEPARTS"):
        state(feed, "123")

    assert counted(feed) == 110


def test_a_day_that_is_not_reached_has_no_mark(feed: Feed) -> None:
    with refused("OFFICIAL_MARK_DAY"):
        state(feed, "148", trading_day=DAY + timedelta(days=3))


def test_what_means_nothing_is_no_mark(feed: Feed) -> None:
    for name, value, code in (
        ("price", "0", "OFFICIAL_MARK_RANGE"),
        ("price", "-1", "OFFICIAL_MARK_RANGE"),
        ("price", "NaN", "DECIMAL_MALFORMED"),
        ("price", "1000000000001", "OFFICIAL_MARK_RANGE"),
        ("kind", "open", "OFFICIAL_MARK_KIND"),
    ):
        with refused(code):
            services.state_mark(**(said(feed, "123") | {name: value}), **BY)
        assert not OfficialMark.objects.exists()


def ask(feed: Feed, actor: User, price: str = "110", **overrides: Any) -> OfficialMarkRequest:
    """Put a mark to the vote."""
    return services.request_mark(**said(feed, price, **overrides), actor=actor, reason="the exchange says so")


def vote(asked: OfficialMarkRequest, actor: User, *, approve: bool = True, digest: str = "") -> OfficialMarkRequest:
    cast = {"approve": approve, "reason": "I looked it up", "digest": digest or asked.consent.digest}
    return services.vote_mark(request=fresh(asked), actor=fresh(actor), **cast)


def test_a_mark_that_waits_counts_for_nothing_until_a_second_person_agrees(feed: Feed, rita: User, raj: User) -> None:
    asked = ask(feed, rita)
    assert (asked.departs_from, counted(feed)) == (123, None)
    assert [row.pk for row in selectors.waiting_marks()] == [asked.pk]

    assert vote(asked, raj).entry is not None
    assert counted(feed) == 110
    assert not selectors.waiting_marks().exists()


def test_who_asked_does_not_agree_and_a_denial_enters_nothing(feed: Feed, rita: User, raj: User) -> None:
    asked = ask(feed, rita)
    with refused("VOTE_EXCLUDED"):
        vote(asked, rita)
    vote(asked, raj, approve=False)

    assert counted(feed) is None


def test_a_mark_is_agreed_to_only_instead_of_what_was_seen(feed: Feed, rita: User, raj: User) -> None:
    asked = ask(feed, rita)
    OfficialDay.objects.create(
        instrument=feed.instrument,
        trading_day=DAY,
        mark=OfficialMark.objects.create(**said(feed, "123") | {"price": Decimal(123)}, revision=1, stated_by="db"),
    )

    with refused("DIGEST_CHANGED"):
        vote(asked, raj)

    assert counted(feed) == 123


def test_a_mark_that_is_stated_ends_what_waits_for_the_day(feed: Feed, rita: User) -> None:
    asked, elsewhere = ask(feed, rita), ask(feed, rita, trading_day=DAY + timedelta(days=1))

    state(feed, "123")

    assert [fresh(row).consent.state for row in (asked, elsewhere)] == ["void", "open"]


def enter(*lines: str) -> list[OfficialMark]:
    """Enter a file of these lines."""
    return services.import_marks(lines=[f"{line}\n".encode() for line in lines], **BY)


def trouble(*lines: str) -> list[tuple[int, str]]:
    """What of a file is refused, by line and code; nothing of it is entered."""
    with pytest.raises(Invalid) as caught:
        enter(*lines)
    assert caught.value.code == "OFFICIAL_MARKS_FILE"
    assert not OfficialMark.objects.exists()
    return [(found["line"], found["code"]) for found in caught.value.context["lines"]]


def test_a_file_is_entered_whole(feed: Feed) -> None:
    next_day = DAY + timedelta(days=1)
    marks = enter(HEADER, f"BTC-USD,{DAY},122.5,close,exchange", f"BTC-USD,{next_day},147,settlement,exchange")

    assert [(mark.trading_day, mark.price, mark.kind) for mark in marks] == [
        (DAY, Decimal("122.5"), "close"),
        (next_day, Decimal(147), "settlement"),
    ]


def test_a_file_wakes_the_worker_and_the_pages_once(
    feed: Feed, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(nudges, "_send", sent.append)
    monkeypatch.setattr(nudges, "_publish", sent.append)

    with django_capture_on_commit_callbacks(execute=True):
        enter(HEADER, f"BTC-USD,{DAY},122.5,close,exchange", f"BTC-USD,{DAY + timedelta(days=1)},147,close,exchange")

    assert sent == ["execution.restate_days", ("limits",)]


def test_each_bad_line_is_named_and_nothing_is_entered(feed: Feed) -> None:
    assert trouble(
        HEADER,
        f"BTC-USD,{DAY},122.5,close,exchange",
        f"DOGE-USD,{DAY},1,close,exchange",
        "BTC-USD,yesterday,122,close,exchange",
        f"BTC-USD,{DAY},1e2,close,exchange",
        f"BTC-USD,{DAY},122",
        f"BTC-USD,{DAY},122.6,close,exchange",
        f"BTC-USD,{DAY + timedelta(days=1)},200,close,exchange",
        f"BTC-USD,{DAY},122.7,close,",
    ) == [
        (3, "OFFICIAL_MARK_INSTRUMENT"),
        (4, "OFFICIAL_MARK_DAY"),
        (5, "DECIMAL_MALFORMED"),
        (6, "OFFICIAL_MARK_COLUMNS"),
        (7, "OFFICIAL_MARK_TWICE"),
        (8, "OFFICIAL_MARK_DEPARTS"),
        (9, "OFFICIAL_MARK_SOURCE"),
    ]


def test_what_is_no_file_of_marks_is_refused(feed: Feed) -> None:
    header = HEADER.encode() + b"\n"
    for content, code in (
        (b"", "OFFICIAL_MARKS_HEADER"),
        (b"instrument,price\n", "OFFICIAL_MARKS_HEADER"),
        (header + b"\xff\xfe\n", "OFFICIAL_MARKS_MALFORMED"),
        (header + b'"BTC-USD,1\n', "OFFICIAL_MARKS_MALFORMED"),
        (header + b"x" * 2_000, "OFFICIAL_MARKS_TOO_LONG"),
        (header + b"x,y\n" * 1_001, "OFFICIAL_MARKS_TOO_LONG"),
    ):
        with refused(code):
            services.import_marks(lines=content.splitlines(keepends=True), **BY)
        assert not OfficialMark.objects.exists()
