"""Announced maintenance: one person or a machine states it at once; what makes it less takes two people."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.access import services as access
from apps.access.models import Consent, Scope, User
from apps.audit.context import acting
from apps.audit.models import Record
from apps.common.errors import Forbidden
from apps.markets import selectors, services
from apps.markets.models import MaintenanceRequest, MaintenanceWindow
from tests.builders import fresh, make_user, refused
from tests.markets.builders import BY, WALL_START, Wall, make_firm, make_instrument

HOUR = timedelta(hours=1)
START, END = WALL_START + HOUR, WALL_START + 3 * HOUR


@pytest.fixture
def venue(db: None, wall: Wall) -> Scope:
    """A venue of which nothing is announced yet."""
    with acting(**BY):
        return access.make_scope(kind="venue", name="paper", parent=make_firm().scope)


@pytest.fixture
def rita(venue: Scope) -> User:
    """A risk owner of the firm."""
    return make_user("rita", "risk owner", make_firm().scope)


@pytest.fixture
def raj(venue: Scope) -> User:
    """Another one."""
    return make_user("raj", "risk owner", make_firm().scope)


@pytest.fixture
def feed(venue: Scope) -> User:
    """A service account that reads the venue's announcements."""
    machine = access.make_service_account(username="status-feed", display_name="status feed", **BY)
    access.grant_role(user=machine, role="risk owner", scope=make_firm().scope, **BY)
    return machine


def announce(venue: Scope, actor: User, **overrides: Any) -> MaintenanceWindow:
    """A window from one hour ahead, for two hours."""
    fields = {"starts_at": START, "ends_at": END, "source": "notice 17", "reason": "the venue says so"}
    return services.announce_maintenance(**{"venue": venue, "actor": actor} | fields | overrides)


def ask(window: MaintenanceWindow, actor: User, **times: datetime) -> MaintenanceRequest:
    """Put less of it, or without times none, to the vote."""
    return services.request_less_maintenance(window=fresh(window), actor=actor, reason="it was called off", **times)


def vote(asked: MaintenanceRequest, actor: User, *, approve: bool = True, digest: str = "") -> MaintenanceRequest:
    """Vote on what was shown."""
    cast = {"approve": approve, "reason": "I asked the venue", "digest": digest or asked.consent.digest}
    return services.vote_less_maintenance(request=fresh(asked), actor=fresh(actor), **cast)


def stands() -> list[tuple[datetime, datetime]]:
    """What runs or is ahead."""
    return [(row.starts_at, row.ends_at) for row in selectors.standing_maintenance(WALL_START)]


@pytest.mark.parametrize("who", ["rita", "feed"])
def test_one_person_or_a_machine_announces_it_at_once(venue: Scope, who: str, request: pytest.FixtureRequest) -> None:
    window = announce(venue, request.getfixturevalue(who))

    assert stands() == [(START, END)]
    assert Record.objects.get(act="maintenance.announced").object_id == window.pk
    assert selectors.maintenance().get().reason == "the venue says so"


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        (START, START),
        (END, START),
        (START, START + timedelta(days=7, seconds=1)),
        (WALL_START - 2 * HOUR, WALL_START),
        (WALL_START + timedelta(days=366), WALL_START + timedelta(days=366, hours=1)),
    ],
)
def test_a_window_ends_after_it_starts_is_no_longer_than_a_week_and_not_over(
    venue: Scope, rita: User, starts_at: datetime, ends_at: datetime
) -> None:
    with refused("MAINTENANCE_PERIOD"):
        announce(venue, rita, starts_at=starts_at, ends_at=ends_at)

    assert not MaintenanceWindow.objects.exists()


def test_a_window_of_exactly_a_week_that_runs_already_is_taken(venue: Scope, rita: User) -> None:
    announce(venue, rita, starts_at=WALL_START - HOUR, ends_at=WALL_START - HOUR + timedelta(days=7))

    assert selectors.in_maintenance_until(venue.pk, WALL_START, announced_by=WALL_START) is not None


def test_the_database_takes_no_window_that_ends_before_it_starts(venue: Scope) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), acting(**BY):
        MaintenanceWindow.objects.create(scope=venue, starts_at=END, ends_at=START, source="x")


def test_only_a_venue_has_maintenance(rita: User) -> None:
    with refused("MAINTENANCE_VENUE"):
        announce(make_firm().scope, rita)


def test_a_window_of_one_instrument_is_none_of_the_venue(venue: Scope, rita: User) -> None:
    announce(venue, rita, instrument=make_instrument(), starts_at=WALL_START)

    assert selectors.in_maintenance_until(venue.pk, WALL_START, announced_by=WALL_START) is None


def test_of_windows_that_overlap_the_one_that_ends_last_counts(venue: Scope, rita: User) -> None:
    announce(venue, rita, starts_at=WALL_START)
    announce(venue, rita, starts_at=WALL_START, ends_at=END + HOUR)

    assert selectors.in_maintenance_until(venue.pk, WALL_START, announced_by=WALL_START) == END + HOUR
    assert selectors.in_maintenance_until(venue.pk, END + HOUR, announced_by=WALL_START) is None


def test_one_person_extends_it_at_once(venue: Scope, rita: User) -> None:
    window = announce(venue, rita)

    services.extend_maintenance(window=window, ends_at=END + HOUR, actor=rita, reason="it takes longer")

    assert stands() == [(START, END + HOUR)]


@pytest.mark.parametrize(
    "times", [{"ends_at": END - HOUR}, {"starts_at": START + HOUR}, {"starts_at": END, "ends_at": END + HOUR}]
)
def test_nobody_alone_makes_it_less(venue: Scope, rita: User, feed: User, times: dict[str, datetime]) -> None:
    window = announce(venue, rita)

    for actor in (rita, feed):
        with refused("MAINTENANCE_LOOSENS"):
            services.extend_maintenance(window=window, actor=actor, reason="done early", **times)

    assert stands() == [(START, END)]


def test_a_wish_for_less_changes_nothing_before_the_vote(venue: Scope, rita: User) -> None:
    ask(announce(venue, rita), rita)

    assert stands() == [(START, END)]


def test_a_second_person_agrees_and_it_is_cancelled(venue: Scope, rita: User, raj: User) -> None:
    row = vote(ask(announce(venue, rita), rita), raj)

    assert (stands(), row.applied_at) == ([], WALL_START)
    assert Record.objects.filter(act="maintenance.cancelled").count() == 1


def test_a_second_person_agrees_and_it_is_shorter(venue: Scope, rita: User, raj: User) -> None:
    vote(ask(announce(venue, rita), rita, ends_at=END - HOUR), raj)

    assert stands() == [(START, END - HOUR)]


def test_a_denial_leaves_it(venue: Scope, rita: User, raj: User) -> None:
    vote(ask(announce(venue, rita), rita), raj, approve=False)

    assert stands() == [(START, END)]


def test_whoever_asked_does_not_agree(venue: Scope, rita: User) -> None:
    asked = ask(announce(venue, rita), rita)

    with pytest.raises(Forbidden, match="ask somebody else"):
        vote(asked, rita)

    assert stands() == [(START, END)]


def test_no_machine_asks_for_less(venue: Scope, feed: User) -> None:
    window = announce(venue, feed)

    with refused("PERSON_NEEDED"):
        ask(window, feed)

    assert not Consent.objects.exists()


def test_extending_it_ends_what_waits(venue: Scope, rita: User, raj: User) -> None:
    window = announce(venue, rita)
    asked = ask(window, rita)

    services.extend_maintenance(window=window, ends_at=END + HOUR, actor=raj, reason="it takes longer")

    assert fresh(asked).consent.state == "void"
    assert stands() == [(START, END + HOUR)]


def test_of_two_wishes_one_holds_and_the_other_ends(venue: Scope, rita: User, raj: User) -> None:
    window = announce(venue, rita)
    shorter, none = ask(window, rita, ends_at=END - HOUR), ask(window, rita)

    vote(shorter, raj)

    assert fresh(none).consent.state == "void"
    with refused("CONSENT_NOT_OPEN"):
        vote(none, raj)
    assert stands() == [(START, END - HOUR)]


def test_what_was_changed_meanwhile_is_asked_for_anew(venue: Scope, rita: User, raj: User) -> None:
    window = announce(venue, rita)
    asked = ask(window, rita)
    with acting(**BY):
        MaintenanceWindow.objects.update(ends_at=END + HOUR)

    with refused("DIGEST_CHANGED"):
        vote(asked, raj)

    assert stands() == [(START, END + HOUR)]


def test_of_a_window_that_is_over_nothing_is_changed(venue: Scope, rita: User, wall: Wall) -> None:
    window = announce(venue, rita)
    wall.advance(3 * 3600)

    with refused("MAINTENANCE_OVER"):
        services.extend_maintenance(window=window, ends_at=END + HOUR, actor=rita, reason="late")
    with refused("MAINTENANCE_OVER"):
        ask(window, rita)


def test_the_vote_ends_with_the_window(venue: Scope, rita: User) -> None:
    assert ask(announce(venue, rita), rita).consent.expires_at == END
