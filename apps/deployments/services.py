"""Desired state, observed state, epochs and the immutable log."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from quarterdeck.calendars import ALWAYS_OPEN

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting, actor_text
from apps.bots import services as bots
from apps.bots.states import Mode
from apps.common import locks, nudges, states
from apps.common.errors import Refused
from apps.deployments.models import Deployment, DeploymentEvent, Slice
from apps.deployments.states import DESIRED_TRANSITIONS, OBSERVED_TRANSITIONS, Desired, Observed
from apps.markets.models import Feed
from apps.promotions.models import Promotion
from apps.risk import selectors as risk


def start(*, promotion: Promotion, actor: User | str, reason: str) -> Deployment:
    """Make the promoted release what should run on its account: a new deployment, or a new epoch of one.

    Raises Refused FEED_UNKNOWN, SESSION_NEVER_CLOSES, SLICE_TAKEN, MODE_MISMATCH, BOT_RUNS_ELSEWHERE, OWNER_LEFT.
    """
    feed = _feed(promotion)
    _check_end_of_day(promotion, feed)
    with acting(actor, reason):
        _check_one_account(promotion)
        current = (
            Deployment.objects.select_for_update(of=("self",), no_key=True)
            .filter(bot=promotion.bot, account=promotion.account)
            .exclude(desired=Desired.STOPPED)
            .first()
        )
        bots.require_owners(promotion.bot)
        if current is not None and current.feed_id != feed.pk:
            raise Refused("FEED_CHANGED", "a running deployment keeps its feed: stop it first, flat")
        if current is None:
            deployment, kind = _create(promotion, feed), "created"
        else:
            deployment, kind = _redeploy(current, promotion), "redeployed"
        _log(deployment, kind, actor, reason, {"promotion": str(promotion.pk), "stage": promotion.stage})
        audit.record(f"deployment.{kind}", deployment, scope_id=promotion.bot.scope_id)
        _announce(deployment)
    return deployment


def _check_one_account(promotion: Promotion) -> None:
    """A bot's exposure is one figure per instrument, so it trades on one account at a time."""
    locks.exclusive([promotion.bot.scope_id])
    elsewhere = Deployment.objects.filter(bot=promotion.bot).exclude(account=promotion.account)
    other = elsewhere.exclude(desired=Desired.STOPPED).select_related("account").first()
    if other is not None:
        raise Refused("BOT_RUNS_ELSEWHERE", f"{promotion.bot} runs on {other.account}: stop it there first, flat")


def pause(*, deployment: Deployment, actor: User | str, reason: str) -> Deployment:
    """Stop deciding; what is open at the venue stays. Cycles of the old epoch are fenced."""
    with _locked(deployment, actor, reason) as row:
        _want(row, Desired.PAUSED, Observed.PAUSED, "paused", actor, reason)
    return row


def stop(*, deployment: Deployment, actor: User | str, reason: str) -> Deployment:
    """End the deployment for good; its slice of the account is freed once the bot is flat there.

    Raises Refused POSITION_OPEN while the bot holds something or has orders working.
    """
    with _locked(deployment, actor, reason) as row:
        # Under the lock that a cycle commits its orders under, so that none can slip in behind the look.
        if not risk.is_flat(row.bot.scope):
            raise Refused("POSITION_OPEN", "close the position and its orders first: nothing may be left orphaned")
        _want(row, Desired.STOPPED, Observed.STOPPED, "stopped", actor, reason)
        Slice.objects.filter(account=row.account, bot=row.bot).delete()
    return row


def resume(*, deployment: Deployment, actor: User | str, reason: str) -> Deployment:
    """Let a paused or failed deployment decide again, in a new epoch.

    Resuming is an increase: who may is the edge's question, holds are checked before every order. Raises Refused
    STATE_CONFLICT, OWNER_LEFT.
    """
    with _locked(deployment, actor, reason) as row:
        bots.require_owners(row.bot)
        if row.desired == Desired.PAUSED:
            states.move(row, Desired.RUNNING, DESIRED_TRANSITIONS, field="desired")
        elif row.observed != Observed.FAILED:
            raise Refused("STATE_CONFLICT", f"this deployment is {row.desired}; only a paused or failed one resumes")
        row.epoch += 1
        row.save(update_fields=["epoch"])
        states.move(row, Observed.STARTING, OBSERVED_TRANSITIONS, field="observed", observed_reason=reason)
        _log(row, "resumed", actor, reason, {})
        audit.record("deployment.resumed", row, scope_id=row.bot.scope_id)
        nudges.wake("execution.run_due_cycles")
    return row


def observe(*, deployment: Deployment, observed: str, actor: User | str, reason: str) -> Deployment:
    """A worker reports what it saw; the same observation again changes nothing."""
    with _locked(deployment, actor, reason) as row:
        if row.observed == observed or row.epoch != deployment.epoch:
            return row
        states.move(row, observed, OBSERVED_TRANSITIONS, field="observed", observed_reason=reason)
        _log(row, observed, actor, reason, {})
    return row


def _want(row: Deployment, desired: str, observed: str, kind: str, actor: User | str, reason: str) -> None:
    states.move(row, desired, DESIRED_TRANSITIONS, field="desired")
    row.epoch += 1
    row.save(update_fields=["epoch"])
    states.move(row, observed, OBSERVED_TRANSITIONS, field="observed", observed_reason=reason)
    _log(row, kind, actor, reason, {})
    audit.record(f"deployment.{kind}", row, scope_id=row.bot.scope_id)


def build_epoch(deployment: Deployment) -> int:
    """The epoch since which the present build has run without another in between.

    What an older epoch left behind (checkpoints, numbers of intents) was another bot's.
    """
    others = deployment.events.exclude(build_id=deployment.release.build_id)
    last = others.aggregate(last=Max("epoch"))["last"]
    return 1 if last is None else last + 1


@contextmanager
def _locked(deployment: Deployment, actor: User | str, reason: str) -> Iterator[Deployment]:
    with acting(actor, reason):
        rows = Deployment.objects.select_related("bot__scope", "release", "account")
        row = locks.row(rows, deployment.pk, keeps_key=True)
        yield row
        _announce(row)


def _create(promotion: Promotion, feed: Feed) -> Deployment:
    account = promotion.account
    if account.mode != account.venue.mode or (promotion.environment == "live") != (account.mode == Mode.LIVE):
        raise Refused("MODE_MISMATCH", f"{account} is {account.mode}; the promotion is for {promotion.environment}")
    _take_slice(promotion, feed)
    return Deployment.objects.create(
        bot=promotion.bot,
        account=account,
        environment=promotion.environment,
        mode=account.mode,
        stage=promotion.stage,
        capital=promotion.capital,
        release=promotion.release,
        promotion=promotion,
        feed=feed,
        instrument=feed.instrument,
        limits=promotion.release.config_bundle.content["limits"],
    )


def _redeploy(row: Deployment, promotion: Promotion) -> Deployment:
    row.release, row.promotion = promotion.release, promotion
    row.stage, row.capital = promotion.stage, promotion.capital
    row.limits = promotion.release.config_bundle.content["limits"]
    row.epoch += 1
    row.save(update_fields=["release", "promotion", "stage", "capital", "limits", "epoch"])
    if row.desired == Desired.RUNNING and row.observed != Observed.STARTING:
        states.move(row, Observed.STARTING, OBSERVED_TRANSITIONS, field="observed", observed_reason="new release")
    return row


def _take_slice(promotion: Promotion, feed: Feed) -> None:
    try:
        with transaction.atomic():
            Slice.objects.get_or_create(account=promotion.account, instrument=feed.instrument, bot=promotion.bot)
    except IntegrityError as error:
        raise Refused(
            "SLICE_TAKEN", f"another bot trades {feed.instrument} on {promotion.account}: one bot per slice"
        ) from error


def _feed(promotion: Promotion) -> Feed:
    name = promotion.release.config_bundle.content["feed"]
    feed = Feed.objects.select_related("instrument").filter(name=name).first()
    if feed is None:
        raise Refused("FEED_UNKNOWN", f"there is no feed named {name}")
    return feed


def _check_end_of_day(promotion: Promotion, feed: Feed) -> None:
    """Flat at the close of a market that has none would silently mean to carry."""
    end_of_day = promotion.release.config_bundle.content.get("end_of_day", {})
    if end_of_day.get("policy") == "flat" and feed.instrument.session_calendar == ALWAYS_OPEN:
        raise Refused(
            "SESSION_NEVER_CLOSES",
            f"the bundle says flat at the end of the day, but {feed.instrument} trades around the clock: push a bundle"
            " that says carry, or trade an instrument whose session closes",
        )


def _log(row: Deployment, kind: str, actor: User | str, reason: str, detail: dict[str, Any]) -> None:
    DeploymentEvent.objects.create(
        deployment=row,
        sequence=row.events.count() + 1,
        kind=kind,
        actor=actor_text(actor),
        reason=reason,
        epoch=row.epoch,
        build_id=row.release.build_id,
        detail=detail,
    )


def _announce(row: Deployment) -> None:
    nudges.hint("deployments", "fleet", f"bot:{row.bot_id}")
    nudges.wake("execution.run_due_cycles")
