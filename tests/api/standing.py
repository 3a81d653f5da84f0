"""What stands around one side's orders: limits, holds, exposure, throttles, drills, sessions."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from apps.access import services as access
from apps.access.models import User, WorkloadTrust
from apps.common.clocks import wall_now
from apps.execution.models import AccountSync, BotSession
from apps.execution.services import ledger
from apps.risk import services as risk
from apps.risk.models import Exposure, Hold, KillDrill, Limit, ScopeBook, Throttle

LIMITS = {
    "order_quantity": "1",
    "order_notional": "100000",
    "position": "2",
    "collar_bps": "100",
    "orders_per_minute": "10",
    "messages_per_second": "10",
    "repeat_executions": "10",
    "open_orders": "10",
    "gross_exposure": "100000",
    "net_exposure": "100000",
    "daily_loss": "100000",
    "drawdown": "100000",
}


def make_risk(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    scope = objects["bot"].scope
    for kind, value in LIMITS.items():
        Limit.objects.create(scope=objects["scope"], kind=kind, value=Decimal(value), set_by="job:test")
    limit = Limit.objects.create(scope=scope, kind="order_quantity", value=Decimal("2"), set_by="job:test")
    limit_raise = risk.request_raise(
        scope=scope, kind="position", value=Decimal("5"), actor=people["engineer"], reason="arranged"
    )
    hold = Hold.objects.create(scope=scope, level="REDUCING", reason="arranged", placed_by="job:test", epoch=1)
    exposure = Exposure.objects.create(scope=scope, instrument=objects["instrument"])
    throttle = Throttle.objects.create(
        scope=scope, reason="arranged", repeats=9, enabled_by=people["trader"], enabled_at=wall_now()
    )
    drill = KillDrill.objects.create(
        scope=scope, state="passed", scheduled_by="job:test", blocks_from=wall_now() + timedelta(days=1)
    )
    risk.open_books(ledger.scope_ids(objects["deployment"]), mode="paper")
    objects |= {
        "limit": limit,
        "limit_raise": limit_raise,
        "hold": hold,
        "exposure": exposure,
        "throttle": throttle,
        "drill": drill,
        "book": ScopeBook.objects.get(scope=scope),
    }


def make_sessions(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    deployment = objects["deployment"]
    objects["session"] = BotSession.objects.create(
        deployment=deployment,
        epoch=deployment.epoch,
        build_id=deployment.release.build_id,
        opened_by=people["service account"],
        heartbeat_s=15,
        heartbeat_at=wall_now(),
        state="closed",
    )
    AccountSync.objects.create(account=objects["account"], cash=Decimal(1_000_000), cash_at=wall_now())


def make_trust(name: str, people: dict[str, User]) -> WorkloadTrust:
    """A workload that may act as the side's machine."""
    return access.make_trust(
        user=people["service account"],
        name="t",
        issuer="https://ci.example",
        audience="quarterdeck",
        subject=f"repo:{name}",
        claims={},
        permissions=["view_scope"],
        actor="job:test",
        reason="arranged",
    )
