"""Every page: its frame, its security policy, its states without rights and without rows."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from apps.alerts import services as alerts
from tests.api.world import ARRANGE

LISTS = (
    "home",
    "fleet",
    "promotions",
    "orders",
    "deployments",
    "limits",
    "alerts",
    "reconciliation",
    "holds",
    "exposure",
    "exit_plans",
    "signal_sources",
    "signers",
    "markets",
)
INLINE = re.compile(rb'<script(?![^>]*(src=|type="application/json"))|<style|\sstyle=|\son[a-z]+=', re.IGNORECASE)


@pytest.fixture
def pages(world):
    own = world.own
    return [
        *map(reverse, LISTS),
        reverse("bot", args=[own.bot.name]),
        *(reverse("bot_tab", args=[own.bot.name, tab]) for tab in ("orders", "positions", "releases", "history")),
        reverse("order", args=[own.order.pk]),
        reverse("release", args=[own.release.pk]),
        reverse("code_version", args=[own.code_version.pk]),
        reverse("promotion", args=[own.voting.number]),
        reverse("deployment", args=[own.deployment.pk]),
        reverse("exit_plan", args=[own.exit_plan.pk]),
    ]


def test_every_page_shows_without_inline_script_or_style(world, pages, signed_in):
    client = signed_in(world.own.people["risk owner"])
    for page in pages:
        response = client.get(page)
        assert response.status_code == 200, page
        assert not INLINE.search(response.content), page


def test_every_page_has_one_heading_one_main_and_a_way_past_the_menu(world, pages, signed_in):
    client = signed_in(world.own.people["operator"])
    for page in pages:
        text = client.get(page).content.decode()
        assert text.count("<h1") == 1, page
        assert text.count("<main") == 1, page
        assert 'href="#main"' in text, page


def test_the_policy_lets_no_foreign_script_run(world, signed_in):
    policy = signed_in(world.own.people["trader"]).get("/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_pages_are_never_kept_by_a_cache(world, signed_in):
    assert "no-store" in signed_in(world.own.people["trader"]).get("/fleet/")["Cache-Control"]


def test_somebody_without_a_role_sees_empty_pages_not_errors(world, signed_in):
    client = signed_in(world.outsider)
    for name in LISTS:
        assert client.get(reverse(name)).status_code == 200, name
    assert "No bots within your reach" in client.get("/fleet/").content.decode()


def test_whoever_is_not_signed_in_is_led_to_the_sign_in(world):
    response = Client().get("/fleet/")
    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/fleet/"


def test_a_fragment_after_sign_out_reloads_the_page(world):
    response = Client().get("/fleet/", HTTP_HX_REQUEST="true")
    assert (response.status_code, response["HX-Refresh"]) == (401, "true")


def test_a_fragment_is_only_that_fragment(world, signed_in):
    client = signed_in(world.own.people["trader"])
    response = client.get("/fleet/", HTTP_HX_REQUEST="true", HTTP_HX_TARGET="fleet-rows")
    assert response.content.lstrip().startswith(b'<section id="fleet-rows"')
    assert b"<html" not in response.content


def test_a_critical_alert_shows_on_every_page_until_acknowledged(world, pages, signed_in):
    own = world.own
    alert = alerts.raise_alert(
        tier="critical", code="TEST", title="Books differ", scope=own.account.scope, dedup_key="t", **ARRANGE
    )
    client = signed_in(own.people["operator"])

    assert all("Books differ" in client.get(page).content.decode() for page in pages)
    alerts.acknowledge(alert=alert, **ARRANGE)
    assert "qd-critical" not in client.get("/fleet/").content.decode().replace("qd-criticals", "")


def test_a_critical_alert_of_another_desk_does_not_show(world, signed_in):
    alerts.raise_alert(
        tier="critical", code="T", title="Secret", scope=world.other.account.scope, dedup_key="t", **ARRANGE
    )
    assert "Secret" not in signed_in(world.own.people["operator"]).get("/").content.decode()


def test_an_unknown_object_is_a_page_that_says_so(world, signed_in):
    response = signed_in(world.own.people["trader"]).get("/bots/no-such-bot/")
    assert response.status_code == 404
    assert "NOT_FOUND" in response.content.decode()


def test_the_sign_in_page_names_demo_people_only_in_a_demo(world, settings):
    settings.DEMO_ALLOWED = True
    assert "own-trader" in Client().get("/accounts/login/").content.decode()
    settings.DEMO_ALLOWED = False
    assert "own-trader" not in Client().get("/accounts/login/").content.decode()


def test_the_socket_keeps_the_page_s_own_loopback_name(world, settings, signed_in):
    settings.LIVE_URL, settings.ALLOWED_HOSTS = "ws://127.0.0.1:8001", ["*"]
    response = signed_in(world.own.people["trader"]).get("/", headers={"host": "localhost:8000"})
    assert 'content="ws://localhost:8001/live/"' in response.content.decode()
