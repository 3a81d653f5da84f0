"""Strategies and bots: who owns them and how far they reach."""

from django.db import IntegrityError

from apps.access import services as access
from apps.access.models import RiskBucket, User
from apps.access.states import ScopeKind
from apps.audit import services as audit
from apps.audit.context import acting
from apps.bots.models import Bot, Strategy
from apps.bots.services import owners
from apps.common.errors import Invalid
from apps.markets.models import Instrument


def make_strategy(*, name: str, bucket: RiskBucket, actor: User | str, reason: str) -> Strategy:
    """A strategy of a bucket. Raises Invalid STRATEGY_NAME_TAKEN."""
    try:
        with acting(actor, reason):
            scope = access.make_scope(kind=ScopeKind.STRATEGY, name=name, parent=bucket.scope)
            strategy = Strategy.objects.create(name=name, bucket=bucket, scope=scope)
            audit.record("strategy.made", strategy, scope_id=scope.pk)
    except IntegrityError as error:
        raise Invalid("STRATEGY_NAME_TAKEN", f"a strategy named {name} exists") from error
    return strategy


def make_bot(
    *,
    strategy: Strategy,
    name: str,
    owner: User,
    fallback_owner: User,
    symbols: list[str],
    accounts: list[str],
    actor: User | str,
    reason: str,
) -> Bot:
    """A bot with its owners and declared blast radius (requirements 1.3).

    Raises Refused OWNERS_INVALID, OWNER_CANNOT_SEE; Invalid INSTRUMENT_UNKNOWN, BLAST_RADIUS_EMPTY, BOT_NAME_TAKEN.
    """
    owners.check_owners(strategy.scope, owner, fallback_owner)
    if not symbols or not accounts:
        raise Invalid("BLAST_RADIUS_EMPTY", "a bot declares at least one symbol and one account")
    known = set(Instrument.objects.filter(symbol__in=symbols).values_list("symbol", flat=True))
    if unknown := sorted(set(symbols) - known):
        raise Invalid("INSTRUMENT_UNKNOWN", f"unknown instruments: {', '.join(unknown)}")
    try:
        with acting(actor, reason):
            scope = access.make_scope(kind=ScopeKind.BOT, name=name, parent=strategy.scope)
            bot = Bot.objects.create(
                strategy=strategy,
                name=name,
                owner=owner,
                fallback_owner=fallback_owner,
                symbols=sorted(set(symbols)),
                accounts=sorted(set(accounts)),
                scope=scope,
            )
            audit.record("bot.made", bot, scope_id=scope.pk, after={"symbols": bot.symbols, "accounts": bot.accounts})
    except IntegrityError as error:
        raise Invalid("BOT_NAME_TAKEN", f"a bot named {name} exists") from error
    return bot


def set_stage(*, bot: Bot, stage: str, actor: User | str, reason: str) -> None:
    """Move the bot's lifecycle to the stage that it was promoted to."""
    with acting(actor, reason):
        bot = Bot.objects.select_for_update().get(pk=bot.pk)
        if bot.stage != stage:
            before, bot.stage = bot.stage, stage
            bot.save(update_fields=["stage"])
            audit.record(
                "bot.stage_changed",
                bot,
                scope_id=bot.scope_id,
                before={"stage": before},
                after={"stage": stage},
            )
