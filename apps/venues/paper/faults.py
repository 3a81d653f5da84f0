"""Failures on command: told to the venue as rows, taken by the calls that they hit, each counted once."""

from datetime import datetime

from django.conf import settings
from django.db.models import Case, F, Q, Value, When

from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused
from apps.venues.paper.models import PaperAccount, PaperFault
from apps.venues.paper.states import CALLS_OF_KIND, DEFAULT_CALLS, Call, FaultKind

DELAY_MS_MAX = 600_000
# Whether the calls of an account may be hit at all; asked together with what every call sets first.
HAS_FAULTS = f"EXISTS (SELECT 1 FROM {PaperFault._meta.db_table} WHERE is_open AND account IN ('', %s))"


def inject_fault(
    *,
    kind: str,
    call: str | None = None,
    account_name: str = "",
    count: int | None = 1,
    until: datetime | None = None,
    delay_ms: int = 0,
    code: str = "",
) -> PaperFault:
    """Let the next `count` calls (None: all) of an account ("": of all accounts) fail, until a wall time.

    Without a `call` it is for any, or for the one that the kind is about. A call is hit by the oldest fault
    that fits, an outage before others; an outage hits every call until it ends. Raises Refused DEMO_ONLY;
    Invalid FAULT_UNKNOWN, FAULT_CALL, FAULT_COUNT, FAULT_DELAY, ACCOUNT_UNKNOWN.
    """
    if not settings.DEMO_ALLOWED:
        raise Refused("DEMO_ONLY", "the venue only fails on command where demos are allowed")
    call = call or DEFAULT_CALLS.get(kind, Call.ANY)
    _check(kind, call, count, delay_ms)
    if account_name and not PaperAccount.objects.filter(name=account_name).exists():
        raise Invalid("ACCOUNT_UNKNOWN", "the venue has no such account", field="account")
    return PaperFault.objects.create(
        account=account_name,
        call=call,
        kind=kind,
        delay_ms=delay_ms,
        code=code or ("REJECTED_ON_COMMAND" if kind == FaultKind.REJECT else ""),
        count=None if kind == FaultKind.OUTAGE else count,
        until=until,
    )


def _check(kind: str, call: str, count: int | None, delay_ms: int) -> None:
    if kind not in FaultKind.values:
        raise Invalid("FAULT_UNKNOWN", f"a fault is one of {', '.join(FaultKind.values)}", field="kind")
    allowed = CALLS_OF_KIND.get(FaultKind(kind), frozenset(Call))
    if call not in allowed:
        raise Invalid("FAULT_CALL", f"{kind} is for one of {', '.join(sorted(allowed))}", field="call")
    if count is not None and count < 1:
        raise Invalid("FAULT_COUNT", "a fault hits at least one call", field="count")
    if (kind == FaultKind.DELAY) != (0 < delay_ms <= DELAY_MS_MAX):
        raise Invalid("FAULT_DELAY", f"a delay, and nothing else, has 1 to {DELAY_MS_MAX} ms", field="delay_ms")


def clear_faults(*, account_name: str | None = None) -> int:
    """End the open faults of an account ("": of the whole venue; None: all); how many. Refused DEMO_ONLY."""
    if not settings.DEMO_ALLOWED:
        raise Refused("DEMO_ONLY", "the venue only fails on command where demos are allowed")
    rows = PaperFault.objects.filter(is_open=True)
    if account_name is not None:
        rows = rows.filter(account=account_name)
    return rows.update(is_open=False)


def take(*, account_name: str, call: Call) -> PaperFault | None:
    """The fault that hits this call, counted; two calls at once never take the same count."""
    mine = PaperFault.objects.filter(is_open=True, account__in=("", account_name))
    mine.filter(until__lte=wall_now()).update(is_open=False)
    first = Case(When(kind=FaultKind.OUTAGE, then=Value(0)), default=Value(1))
    for fault in mine.filter(call__in=(call, Call.ANY)).order_by(first, "id"):
        if fault.count is None or _use(fault):
            return fault
    return None


def _use(fault: PaperFault) -> bool:
    """Count one hit by a conditional update; the last one closes the fault."""
    left = PaperFault.objects.filter(pk=fault.pk, is_open=True)
    is_open = Case(When(Q(count=F("used") + 1), then=Value(False)), default=Value(True))
    return left.update(used=F("used") + 1, is_open=is_open) == 1
