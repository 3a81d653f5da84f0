"""How instruments trade: whatever stops more holds at once, whatever lets more trade takes two people.

A feed that reports a venue's status takes back by itself what it stated itself, and no more than that.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting, actor_text
from apps.common import decimals, locks
from apps.common.canonical import digest as digest_of
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused
from apps.common.nudges import hint
from apps.markets import rules, selectors
from apps.markets.models import Instrument, MarketStateRequest, MarketStatus
from apps.markets.services import asking
from apps.markets.states import MarketState

UNSAID = rules.Stated(trades=True, limit_up=None, limit_down=None)


@dataclass(frozen=True, slots=True)
class _Statement:
    """A state with its band, and who says so."""

    state: str
    limit_up: Decimal | None
    limit_down: Decimal | None
    source: str

    @property
    def rule(self) -> rules.Stated:
        """What of it decides whether it lets more trade."""
        return rules.Stated(self.state == MarketState.TRADING, self.limit_up, self.limit_down)


def set_market_state(
    *,
    instrument: Instrument,
    state: str,
    source: str,
    actor: User | str,
    reason: str,
    limit_up: Decimal | None = None,
    limit_down: Decimal | None = None,
) -> MarketStatus:
    """Say that an instrument trades, is halted, in auction or in maintenance, and between which prices.

    It holds at once, and ends every request for this instrument that waits for a vote. What lets more trade than what
    stands (trading again, a wider band, no band) is refused; only a service account or a job takes back what it stated
    itself under the same `source`, as far as what others had stated before it. Raises Invalid MARKET_STATE_UNKNOWN,
    PRICE_BAND_INVALID; Refused MARKET_STATE_LOOSENS.
    """
    said = _Statement(state, limit_up, limit_down, source)
    _check(said)
    with acting(actor, reason):
        known = _locked(instrument)
        ground = _ground(known, actor, source)
        if rules.loosens(said.rule, ground):
            raise Refused(
                "MARKET_STATE_LOOSENS",
                "this lets more trade than what stands: a person asks for it, and another risk owner of the firm "
                "decides; a service takes back only what it stated itself under the same source",
            )
        _void_waiting(instrument, actor, reason)
        return _write(instrument, said, ground, actor, known)


def request_market_state(
    *,
    instrument: Instrument,
    state: str,
    source: str,
    actor: User,
    reason: str,
    limit_up: Decimal | None = None,
    limit_down: Decimal | None = None,
) -> MarketStateRequest:
    """Ask for a state that lets more trade; a second risk owner of the firm decides, and until then nothing changes.

    Raises Forbidden PERSON_NEEDED and Invalid as set_market_state.
    """
    asking.require_person(actor)
    said = _Statement(state, limit_up, limit_down, source)
    _check(said)
    asked = MarketStateRequest(
        instrument=instrument, state=state, limit_up=limit_up, limit_down=limit_down, source=source
    )
    with acting(actor, reason):
        digest = _digest(asked, _locked(instrument))
        asking.ask(asked, act="market_state.set", digest=digest, actor=actor, reason=reason)
    return asked


def vote_market_state(
    *, request: MarketStateRequest, actor: User, approve: bool, reason: str, digest: str
) -> MarketStateRequest:
    """Vote on a state; when granted it holds in the same transaction.

    Raises what `access.vote` raises; Refused DIGEST_CHANGED when something else stands than when it was asked for.
    """
    with acting(actor, reason):
        known = _locked(request.instrument)
        row = locks.row(MarketStateRequest.objects.select_related("consent", "instrument"), request.pk)
        stands = partial(_digest, row, known)
        if asking.count_vote(row, actor=actor, approve=approve, reason=reason, digest=digest, stands=stands):
            _apply(row, actor, reason, known)
    return row


def _apply(row: MarketStateRequest, actor: User, reason: str, known: MarketStatus | None) -> None:
    _void_waiting(row.instrument, actor, reason)
    said = _Statement(row.state, row.limit_up, row.limit_down, row.source)
    _write(row.instrument, said, said.rule, actor, known)
    row.applied_at = wall_now()
    row.save(update_fields=["applied_at"])


def _write(
    instrument: Instrument, said: _Statement, ground: rules.Stated, actor: User | str, known: MarketStatus | None
) -> MarketStatus:
    before = None if known is None else _texts(known)
    status = known or MarketStatus(instrument=instrument)
    status.state, status.source, status.stated_by = said.state, said.source, actor_text(actor)
    status.limit_up, status.limit_down = said.limit_up, said.limit_down
    status.ground_trades, status.ground_up, status.ground_down = ground.trades, ground.limit_up, ground.limit_down
    status.save()
    audit.record(f"market.{said.state}", status, scope_id=instrument.scope_id, before=before, after=_texts(status))
    hint("fleet", "limits")
    return status


def _ground(known: MarketStatus | None, actor: User | str, source: str) -> rules.Stated:
    """What this may not be looser than: what stands, or to whoever stated that as a feed, what stood before it.

    A person is no feed: who halted is not who reopens alone.
    """
    if known is None:
        return UNSAID
    is_person = isinstance(actor, User) and not actor.is_service
    if not is_person and (known.stated_by, known.source) == (actor_text(actor), source):
        return rules.Stated(known.ground_trades, known.ground_up, known.ground_down)
    return _Statement(known.state, known.limit_up, known.limit_down, known.source).rule


def _digest(asked: MarketStateRequest, known: MarketStatus | None) -> str:
    """What the voters consent to: the instrument, what is to stand, and what stands instead of it."""
    stands = None if known is None else _texts(known) | {"stated_by": known.stated_by}
    return digest_of({"instrument": str(asked.instrument_id), "asked": _texts(asked), "stands": stands})


def _void_waiting(instrument: Instrument, actor: User | str, reason: str) -> None:
    """Whoever states something means it: what was asked for before may not undo it later."""
    waiting = selectors.waiting_states().filter(instrument=instrument)
    asking.void(waiting, actor=actor, reason=f"something else was stated: {reason}")


def _locked(instrument: Instrument) -> MarketStatus | None:
    """What stands, with the instrument locked against other statements, the first one too."""
    locks.row(Instrument.objects.all(), instrument.pk, keeps_key=True)
    return MarketStatus.objects.filter(instrument=instrument).first()


def _check(said: _Statement) -> None:
    if said.state not in MarketState.values:
        raise Invalid("MARKET_STATE_UNKNOWN", f"the state is one of {', '.join(MarketState.values)}")
    bands = [band for band in (said.limit_down, said.limit_up) if band is not None]
    if any(not band.is_finite() or band <= 0 for band in bands) or bands != sorted(bands):
        raise Invalid("PRICE_BAND_INVALID", "limit prices are above zero, the lower one below the upper one")


def _texts(row: MarketStatus | MarketStateRequest) -> dict[str, str | None]:
    bands = {"limit_up": row.limit_up, "limit_down": row.limit_down}
    texts = {name: None if band is None else decimals.text_of(band) for name, band in bands.items()}
    return {"state": row.state, "source": row.source, **texts}
