"""Limits and exposure: use and headroom of every kind, raises in time, throttles, exports."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.audit.context import acting
from apps.common.clocks import clock, wall_now
from apps.console.selectors import exposure, limits
from apps.execution.models import Order, Position
from apps.risk import services as risk
from apps.risk.models import Exposure, Limit, LimitRaise, ScopeBook, Throttle
from tests.builders import make_user


def book(scope, **fields):
    ScopeBook.objects.filter(scope=scope).update(marked_at=wall_now(), **fields)


def seen(scope):
    """The limits of one scope by their kind."""
    [view] = limits.views([scope], "USD")
    return {row.limit.kind: row for row in view.limits}


@pytest.fixture
def throttle(world):
    with acting("job:test", "arrange"):
        return Throttle.objects.create(scope=world.own.bot.scope, reason="the same order 12 times", repeats=12)


def test_sums_count_working_orders_at_their_worst(world):
    scope = world.own.desk.scope
    book(scope, gross=40, net=-30, buying=10, selling=20, open_orders=3, pnl=-7, pnl_at_open=5, pnl_peak=9)
    used = {kind: row.used for kind, row in seen(scope).items()}
    assert (used["gross_exposure"], used["net_exposure"], used["open_orders"]) == (70, 50, 3)
    assert (used["daily_loss"], used["drawdown"]) == (12, 16)


def test_headroom_below_zero_says_how_much_too_much_is_used(world):
    scope = world.own.desk.scope
    book(scope, gross=150_000)
    row = seen(scope)["gross_exposure"]
    assert (row.headroom, row.percent) == (-50_000, 150)


def test_a_position_limit_is_used_by_the_largest_bot_not_by_all_of_them(world):
    Exposure.objects.filter(scope=world.own.bot.scope).update(position=1, working_sell=Decimal("2.5"))
    other = Exposure.objects.get(scope=world.other.bot.scope)
    Exposure.objects.filter(pk=other.pk).update(position=Decimal("0.5"))
    with acting("job:test", "arrange"):
        Limit.objects.create(scope=world.firm.scope, kind="position", value=9, set_by="job:test")
    assert seen(world.firm.scope)["position"].used == Decimal("1.5")


def test_what_bounds_each_order_has_no_use(world):
    row = seen(world.own.desk.scope)["order_notional"]
    assert (row.used, row.headroom, row.percent, row.is_per_order) == (None, None, None, True)


def test_real_money_and_paper_use_a_limit_each_by_itself(world):
    scope = world.own.desk.scope
    risk.open_books([scope.pk], mode="live")
    ScopeBook.objects.filter(scope=scope, mode="live").update(open_orders=7)
    ScopeBook.objects.filter(scope=scope, mode="paper").update(open_orders=3)

    shown = limits.views([scope], "USD")

    used = {(view.mode, row.limit.kind): row.used for view in shown for row in view.limits}
    assert (used["live", "open_orders"], used["paper", "open_orders"]) == (7, 3)
    assert [view.mode for view in shown] == ["live", "paper"]
    assert used["live", "position"] is None  # nobody below trades real money
    assert used["paper", "position"] is not None


def test_a_limit_of_zero_is_used_up_by_anything(world):
    scope = world.own.desk.scope
    with acting("job:test", "arrange"):
        Limit.objects.filter(scope=scope, kind="open_orders").update(value=0)
    assert seen(scope)["open_orders"].percent == 0
    book(scope, open_orders=1)
    assert seen(scope)["open_orders"].percent == 100


def test_a_stale_mark_is_shown_as_such(world, signed_in):
    scope = world.own.desk.scope
    book(scope, gross=1)
    assert not seen(scope)["gross_exposure"].is_stale
    ScopeBook.objects.filter(scope=scope).update(marked_at=wall_now() - timedelta(minutes=5))
    assert seen(scope)["gross_exposure"].is_stale
    assert not seen(scope)["open_orders"].is_stale
    text = signed_in(world.own.people["trader"]).get("/limits/").content.decode()
    assert "stale: marked" in text


def test_a_raise_that_has_ended_counts_as_what_it_reverts_to(world, signed_in):
    limit, now = world.own.limit, wall_now()
    with acting("job:test", "arrange"):
        Limit.objects.filter(pk=limit.pk).update(expires_at=now + timedelta(hours=1), reverts_to=1)
    row = seen(world.own.bot.scope)["order_quantity"]
    assert (row.value, row.reverts_at is not None) == (2, True)
    assert "then 1" in signed_in(world.own.people["trader"]).get("/limits/").content.decode()

    with acting("job:test", "arrange"):
        Limit.objects.filter(pk=limit.pk).update(expires_at=now - timedelta(seconds=1))
    row = seen(world.own.bot.scope)["order_quantity"]
    assert (row.value, row.reverts_at) == (1, None)


@pytest.fixture
def raised(world):
    """Raises the own bot's limit from 2 to 3; keywords say from when until when."""

    def grant(**when):
        own = world.own
        asked = risk.request_raise(
            scope=own.bot.scope,
            kind="order_quantity",
            value=Decimal(3),
            actor=own.people["risk owner"],
            reason="a big day",
            **when,
        )
        other = make_user("second-risk-owner", "risk owner", own.desk.scope)
        ballot = {"approve": True, "reason": "sized", "digest": asked.consent.digest}
        return risk.vote_raise(limit_raise=asked, actor=other, **ballot)

    return grant


NAMED = "asked by Own-Risk-Owner, agreed by Second-Risk-Owner, "


def test_a_raised_limit_says_who_asked_who_agreed_and_until_when(world, signed_in, raised):
    ends = wall_now() + timedelta(hours=1)
    raised(expires_at=ends)
    text = signed_in(world.own.people["trader"]).get("/limits/").content.decode()
    assert f"{NAMED}until " in text
    assert f"{ends:%Y-%m-%d %H:%M}" in text


def test_a_raise_for_later_names_its_people_when_it_has_begun(world, signed_in, raised):
    begins = wall_now() + timedelta(hours=1)
    client = signed_in(world.own.people["trader"])
    raised(effective_from=begins)
    assert NAMED not in client.get("/limits/").content.decode()

    with clock(lambda: begins):
        assert risk.settle_limits() == 1
    text = client.get("/limits/").content.decode()
    assert "platform: limits" in text
    assert f"{NAMED}for good" in text


def test_a_limit_that_was_lowered_or_whose_raise_is_over_names_nobody(world, signed_in, raised):
    client, limit = signed_in(world.own.people["trader"]), world.own.limit
    raised(expires_at=wall_now() + timedelta(hours=1))
    with acting("job:test", "arrange"):
        Limit.objects.filter(pk=limit.pk).update(expires_at=wall_now() - timedelta(seconds=1))
    assert NAMED not in client.get("/limits/").content.decode()

    lower = {"value": Decimal(1), "actor": world.own.people["risk owner"], "reason": "calm"}
    risk.set_limit(scope=limit.scope, kind="order_quantity", **lower)
    assert NAMED not in client.get("/limits/").content.decode()


def test_a_running_bot_that_a_kind_does_not_bound_is_named(world, signed_in):
    client = signed_in(world.own.people["trader"])
    assert "opens nothing" not in client.get("/limits/").content.decode()
    with acting("job:test", "arrange"):
        Limit.objects.filter(kind="drawdown").delete()
    assert "bounds fall from the highest profit, base currency" in client.get("/limits/").content.decode()


def test_limits_of_another_desk_do_not_show(world, signed_in):
    text = signed_in(world.own.people["risk owner"]).get("/limits/").content.decode()
    assert "desk own" in text
    assert "desk other" not in text


def test_a_raise_may_begin_later_and_end_by_itself(world, signed_in):
    client = signed_in(world.own.people["risk owner"])
    begins, ends = wall_now() + timedelta(hours=2), wall_now() + timedelta(days=2)
    values = {"form": "put", "scope": world.own.bot.scope_id, "kind": "order_quantity", "value": "3", "verb": "raise"}
    times = {"effective_from": f"{begins:%Y-%m-%dT%H:%M}", "expires_at": f"{ends:%Y-%m-%dT%H:%M}"}

    assert client.post("/limits/put/", values | times | {"reason": "quarter end"}).status_code == 302
    asked = LimitRaise.objects.filter(kind="order_quantity").latest("id")
    assert (asked.effective_from, asked.expires_at) == tuple(
        moment.replace(second=0, microsecond=0) for moment in (begins, ends)
    )
    text = client.get("/limits/").content.decode()
    assert f"{ends:%Y-%m-%d %H:%M}" in text


@pytest.mark.parametrize(
    ("verb", "times", "code"),
    [
        ("raise", {"expires_at": "2020-01-01T00:00"}, "LIMIT_EXPIRY_PAST"),
        ("raise", {"expires_at": "soon"}, "FORM_INVALID"),
        ("lower", {"expires_at": "2999-01-01T00:00"}, "LOWERED_AT_ONCE"),
    ],
)
def test_times_that_cannot_be_are_refused_beside_the_form(world, signed_in, verb, times, code):
    values = {"form": "put", "scope": world.own.bot.scope_id, "kind": "order_quantity", "value": "1", "verb": verb}
    before = LimitRaise.objects.count()
    response = signed_in(world.own.people["risk owner"]).post("/limits/put/", values | times | {"reason": "why not"})
    assert response.status_code in (409, 422)
    assert code in response.content.decode()
    assert "why not" in response.content.decode()
    assert (LimitRaise.objects.count(), Limit.objects.get(pk=world.own.limit.pk).value) == (before, 2)


def test_a_throttled_bot_is_enabled_by_a_named_person(world, signed_in, throttle):
    operator = world.own.people["operator"]
    client = signed_in(operator)
    assert "Throttled bots" in client.get("/limits/").content.decode()
    client.post(f"/limits/throttles/{throttle.pk}/enable/", {"form": str(throttle.pk), "reason": "fixed the loop"})
    assert Throttle.objects.get(pk=throttle.pk).enabled_by == operator


def test_enabling_needs_the_permission(world, signed_in, throttle):
    client = signed_in(world.own.people["engineer"])
    assert "Enable…" not in client.get("/limits/").content.decode()
    response = client.post(f"/limits/throttles/{throttle.pk}/enable/", {"form": "x", "reason": "no"})
    assert response.status_code == 403
    assert Throttle.objects.get(pk=throttle.pk).enabled_at is None


def test_a_throttled_bot_says_so_on_its_page(world, signed_in, throttle):
    text = signed_in(world.own.people["operator"]).get(f"/bots/{world.own.bot.name}/").content.decode()
    assert "Throttled" in text
    assert f"#throttle-{throttle.pk}" in text


def test_exposure_adds_what_is_held_to_what_works(world):
    own = world.own
    Position.objects.filter(bot=own.bot).update(quantity=Decimal("-0.5"), value_base=-30_000, pnl_base=-12)
    Order.objects.filter(pk=own.order.pk).update(reserved_quantity=Decimal("0.5"), unit_base=60_000)
    [row] = exposure.rows(own.people["trader"])
    assert (row.quantity, row.value_base, row.buying, row.buying_base) == (
        Decimal("-0.5"),
        -30_000,
        Decimal("0.5"),
        30_000,
    )
    for by in exposure.GROUPS:
        [total] = exposure.totals([row], by)
        assert (total.gross, total.net, total.buying, total.pnl) == (30_000, -30_000, 30_000, -12)


def test_what_only_works_is_exposure_too(world):
    own = world.own
    Position.objects.filter(bot=own.bot).delete()
    Order.objects.filter(pk=own.order.pk).update(reserved_quantity=Decimal("0.5"), unit_base=60_000, side="SELL")
    [row] = exposure.rows(own.people["trader"])
    assert (row.quantity, row.selling, row.selling_base) == (0, Decimal("0.5"), 30_000)


def lines(response):
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_limits_and_exposure_are_exported_within_reach(world, signed_in):
    Position.objects.update(quantity=1, value_base=60_000)
    client = signed_in(world.own.people["trader"])
    [gross] = [row for row in lines(client.get("/limits/export.csv")) if row["limit"] == "gross_exposure"]
    assert (gross["scope"], gross["value"], gross["unit"], gross["used"]) == ("own", "100000", "USD", "0")
    [held] = lines(client.get("/limits/exposure/export.csv"))
    assert (held["bot"], held["asset_class"], held["value_base"]) == (world.own.bot.name, "crypto_spot", "60000")


def test_the_get_of_an_act_leads_to_its_page(world, signed_in, throttle):
    client = signed_in(world.own.people["operator"])
    for path, page in (
        (f"/limits/throttles/{throttle.pk}/enable/", "/limits/"),
        (f"/holds/{world.own.hold.pk}/release/", "/holds/"),
        (f"/orders/{world.own.order.pk}/cancel/", f"/orders/{world.own.order.pk}/"),
    ):
        assert client.get(path)["Location"] == page
