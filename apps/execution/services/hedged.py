"""A bot whose exit its hedge keeps back: people are told once, for nobody else closes both legs in one go."""

from apps.alerts import services as alerts
from apps.alerts.models import Alert
from apps.alerts.states import AlertState, Tier
from apps.audit.context import job
from apps.execution.models import Order, Position
from apps.execution.states import OrderState, Purpose

ACTOR = job("orders")
CODE = "EXIT_HEDGED"
DENIAL = "EXIT_GROWS_NET"


def report(order: Order) -> None:
    """Raise the one alert of an order's bot when the order is an exit that was denied for the net it would leave."""
    if DENIAL not in order.codes:
        return
    alerts.raise_alert(
        tier=Tier.HIGH,
        code=CODE,
        title=f"{order.bot} cannot leave {order.instrument} alone: another bot of its bucket holds the opposite",
        scope=order.bot.scope,
        target=order,
        detail={"account": order.account.name, "side": order.side},
        dedup_key=f"exit-hedged:{order.bot_id}",
        actor=ACTOR,
        reason="its exit would leave the account or bucket further from flat: a person or an exit plan closes it",
    )


def clear_ended() -> None:
    """End the alerts of bots that are flat, or whose last exit passed."""
    for alert in Alert.objects.filter(code=CODE).exclude(state=AlertState.RESOLVED):
        held = Position.objects.filter(bot__scope=alert.scope_id).exclude(quantity=0)
        last = Order.objects.filter(bot__scope=alert.scope_id, purpose=Purpose.EXIT).order_by("-id").first()
        if not held.exists() or last is None or last.state != OrderState.DENIED:
            alerts.clear(dedup_key=alert.dedup_key, actor=ACTOR, reason="the bot is flat, or an exit of it has passed")
