"""Announced maintenance on the markets page, the fleet and a bot's page."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.console.selectors import home
from apps.markets import services
from apps.markets.models import MaintenanceRequest, MaintenanceWindow
from tests.api.world import ARRANGE
from tests.console.test_market_votes_page import ballot, browser, raj, rita

__all__ = ["raj", "rita"]
ANNOUNCE = "/markets/maintenance/announce/"


@pytest.fixture
def window(world):
    """The window that the world has announced, a few weeks ahead."""
    return MaintenanceWindow.objects.get()


def form(world, **overrides):
    now = wall_now()
    fields = {"form": "maintenance", "venue": world.venue.scope_id, "source": "notice 17", "reason": "it says so"}
    fields |= {"starts_at": f"{now:%Y-%m-%dT%H:%M}", "ends_at": f"{now + timedelta(hours=2):%Y-%m-%dT%H:%M}"}
    return fields | overrides


def change(window, **overrides):
    return {"form": str(window.pk), "reason": "it was called off"} | overrides


def page(user, path="/markets/"):
    return browser(user).get(path).content.decode()


def test_the_page_shows_what_runs_and_what_is_ahead(world, rita):
    response = browser(rita).post(ANNOUNCE, form(world, instrument=world.instrument.pk))

    text = page(rita)
    assert (response.status_code, response["Location"]) == (302, "/markets/")
    assert "■ runs" in text
    assert "◔ ahead" in text
    assert "BTC-USD only" in text


def test_without_any_the_page_says_so(world, rita, window):
    with acting(**ARRANGE):
        MaintenanceWindow.objects.update(cancelled_at=wall_now())

    assert "No maintenance is announced." in page(rita)


def test_a_wrong_period_is_refused_beside_the_form_and_kept_nowhere(world, rita, window):
    response = browser(rita).post(ANNOUNCE, form(world, ends_at="2020-01-01T00:00"))

    assert response.status_code == 422
    assert "a window ends after it starts" in response.content.decode()
    assert list(MaintenanceWindow.objects.all()) == [window]


def test_who_may_not_set_limits_sees_no_form_and_announces_nothing(world, window):
    trader = world.own.people["trader"]

    assert browser(trader).post(ANNOUNCE, form(world)).status_code == 403
    assert ANNOUNCE not in page(trader)
    assert list(MaintenanceWindow.objects.all()) == [window]


def test_one_person_extends_it_and_is_refused_less_of_it(world, rita, window):
    address = f"/markets/maintenance/{window.pk}/change/"
    later, sooner = (window.ends_at + timedelta(hours=hours) for hours in (1, -1))

    extended = browser(rita).post(address, change(window, verb="extend", ends_at=f"{later:%Y-%m-%dT%H:%M:%S}"))
    refused = browser(rita).post(address, change(window, verb="extend", ends_at=f"{sooner:%Y-%m-%dT%H:%M:%S}"))

    assert (extended.status_code, refused.status_code) == (302, 409)
    assert MaintenanceWindow.objects.get().ends_at == later.replace(microsecond=0)


def test_two_people_cancel_it_and_home_says_that_it_waits(world, rita, raj, window):
    browser(rita).post(f"/markets/maintenance/{window.pk}/change/", change(window, verb="cancel"))
    asked = MaintenanceRequest.objects.select_related("consent").latest("id")
    assert any("less maintenance of paper" in task.title for task in home.tasks(raj))
    assert "Instead: nothing, it is cancelled." in page(raj)

    own = browser(rita).post(f"/markets/maintenance/{asked.pk}/vote/", ballot(asked))
    assert (own.status_code, MaintenanceWindow.objects.get().cancelled_at) == (403, None)
    browser(raj).post(f"/markets/maintenance/{asked.pk}/vote/", ballot(asked))

    assert MaintenanceWindow.objects.get().cancelled_at is not None


@pytest.mark.parametrize("verb", ["ask", "", "drop"])
def test_only_the_verb_that_says_so_asks_to_cancel_it(world, rita, window, verb):
    before = MaintenanceRequest.objects.count()

    answer = browser(rita).post(f"/markets/maintenance/{window.pk}/change/", change(window, verb=verb))

    assert answer.status_code == 422
    assert MaintenanceRequest.objects.count() == before


def test_everything_that_waits_for_a_vote_leads_to_where_it_is_voted_on(world, rita):
    titles = {task.title: task.url for task in home.tasks(rita)}

    assert any(title.startswith("Agree to the close of") for title in titles)
    nowhere = [title for title, url in titles.items() if url == reverse("home")]
    assert [title for title in nowhere if not title.startswith("test.act on ")] == []


def test_asking_takes_a_fresh_sign_in(world, rita, window):
    before = MaintenanceRequest.objects.count()

    browser(rita, ago_s=100_000).post(f"/markets/maintenance/{window.pk}/change/", change(window, verb="cancel"))

    assert MaintenanceRequest.objects.count() == before


def test_the_export_has_windows_that_are_over_too(world, rita, window):
    with acting(**ARRANGE):
        MaintenanceWindow.objects.update(cancelled_at=wall_now())

    text = b"".join(browser(rita).get("/markets/maintenance/export.csv").streaming_content).decode()

    assert text.splitlines()[0].startswith("venue,instrument,starts_at,ends_at")
    assert text.splitlines()[1].startswith("paper,")


def test_fleet_and_bot_say_until_when_their_venue_is_away(world, rita):
    assert "in maintenance until" not in page(rita, "/fleet/")
    now = wall_now()
    services.announce_maintenance(
        venue=world.venue.scope,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        source="notice 17",
        **ARRANGE,
    )

    assert "in maintenance until" in page(rita, "/fleet/")
    assert "announced maintenance" in page(rita, f"/bots/{world.own.bot.name}/")


def test_the_history_of_a_window_is_one_click_away(world, rita, window):
    text = page(rita, f"/audit/markets.maintenancewindow/{window.pk}/")

    assert "maintenance.announced" in text
