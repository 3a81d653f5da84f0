"""Kinds of limits, trading states and the states of a hold."""

from django.db.models import IntegerChoices, TextChoices

from apps.access.states import ScopeKind


class LimitKind(TextChoices):
    """What a limit bounds; a missing one means denied. Values per scope are in the firm's base currency."""

    ORDER_QUANTITY = "order_quantity", "Quantity per order"
    ORDER_NOTIONAL = "order_notional", "Notional per order, base currency"
    POSITION = "position", "Position per instrument, units"
    COLLAR_BPS = "collar_bps", "Price collar, basis points"
    ORDERS_PER_MINUTE = "orders_per_minute", "Orders per minute"
    MESSAGES_PER_SECOND = "messages_per_second", "Messages per second"
    REPEAT_EXECUTIONS = "repeat_executions", "Equal orders within a minute"
    GROSS_EXPOSURE = "gross_exposure", "Gross exposure, base currency"
    NET_EXPOSURE = "net_exposure", "Net exposure, base currency"
    OPEN_ORDERS = "open_orders", "Open orders"
    DAILY_LOSS = "daily_loss", "Loss of a trading day, base currency"
    DRAWDOWN = "drawdown", "Fall from the highest profit, base currency"


# Summed over everything below a scope and compared there; the others hold for each bot, the strictest of its lineage.
PER_SCOPE = frozenset(
    {
        LimitKind.GROSS_EXPOSURE,
        LimitKind.NET_EXPOSURE,
        LimitKind.OPEN_ORDERS,
        LimitKind.DAILY_LOSS,
        LimitKind.DRAWDOWN,
    }
)
PER_BOT = frozenset(LimitKind) - PER_SCOPE


class TradingState(IntegerChoices):
    """Strictness of a scope; the strictest of all holds on all scopes is in force."""

    ACTIVE = 0
    REDUCING = 1
    HALTED = 2


class HoldLevel(TextChoices):
    """What a hold does."""

    REDUCING = "REDUCING"
    HALTED = "HALTED"


class HoldSource(TextChoices):
    """What placed a hold, in the order of precedence (design §6); a drill rehearses and gives way to all."""

    KILL = "kill", "Kill switch"
    CONTAINMENT = "containment", "Containment"
    LIMITS = "limits", "Limit breached"
    DEAD_MAN = "dead_man", "Dead-man"
    ROLLBACK = "rollback", "Rollback"
    RAMP = "ramp", "Ramp"
    DRILL = "drill", "Drill"


# What acts without a person, and on what at the widest: never on what desks share, so that it cannot chain into a
# firm-wide stop. Only a limit that is passed stands on something wider than a bot or an account.
SMALLEST = frozenset({ScopeKind.BOT, ScopeKind.ACCOUNT})
AUTOMATIC = {
    HoldSource.CONTAINMENT: SMALLEST,
    HoldSource.LIMITS: SMALLEST | {ScopeKind.STRATEGY, ScopeKind.BUCKET, ScopeKind.DESK},
    HoldSource.DEAD_MAN: SMALLEST,
    HoldSource.ROLLBACK: SMALLEST,
    HoldSource.RAMP: SMALLEST,
}


class HoldState(TextChoices):
    """A hold stands until it is released, one by one."""

    ACTIVE = "active"
    RELEASED = "released"


class DrainState(TextChoices):
    """Whether the orders that a hold chose to cancel are gone at the venue."""

    NOT_NEEDED = "not_needed"
    PENDING = "pending"
    DRAINED = "drained"


class CancelChoice(TextChoices):
    """Which orders a halt cancels; taking protective ones away leaves positions unguarded."""

    OPENING = "opening", "Opening orders"
    ALL = "all", "All orders, protective ones too"


class DrillState(TextChoices):
    """A drill that did not run to its end has ERROR and counts as not passed."""

    DUE = "due"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


DRILL_TRANSITIONS = {
    DrillState.DUE: frozenset({DrillState.RUNNING}),
    DrillState.RUNNING: frozenset({DrillState.PASSED, DrillState.FAILED, DrillState.ERROR}),
}
HOLD_TRANSITIONS = {HoldState.ACTIVE: frozenset({HoldState.RELEASED})}
DRAIN_TRANSITIONS = {DrainState.PENDING: frozenset({DrainState.DRAINED})}
