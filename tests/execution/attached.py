"""Bots that run elsewhere: their sessions, the orders they send under them, and their silence."""

from typing import Any
from uuid import UUID

from apps.access import services as access
from apps.access.models import RiskBucket, User
from apps.audit.context import acting
from apps.bots.models import Signer
from apps.common.errors import Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import BotSession, Order
from apps.execution.states import OrderState
from apps.risk.models import Hold
from tests.execution.builders import Floor, make_bot, make_promotion, make_release, work_orders
from tests.markets.builders import BY
from tests.venues.builders import make_account


def machine(floor: Floor, name: str = "alpha-machine") -> User:
    """A service account that may trade on the desk."""
    user = access.make_service_account(username=name, display_name=name, **BY)
    access.grant_role(user=user, role="bot", scope=floor.account.bucket.desk.scope, **BY)
    return user


def opened(floor: Floor, **overrides: Any) -> BotSession:
    """A session of the floor's bot, with a heartbeat every 10 seconds."""
    fields = {
        "deployment": Deployment.objects.get(pk=floor.deployment.pk),
        "build_id": floor.deployment.release.build_id,
        "heartbeat_s": 10,
        "actor": User.objects.filter(kind="service").first() or machine(floor),
        "reason": "the bot starts",
    }
    return execution.open_session(**fields | overrides)


def make_elsewhere(floor: Floor, name: str, bucket: RiskBucket | None = None) -> Deployment:
    """One more bot that runs elsewhere, on an account of its own; of the floor's desk unless a bucket is given."""
    with acting(**BY):
        account = make_account(name=f"account-{name}", bucket=bucket or floor.account.bucket)
        bot = make_bot(account, f"bot-{name}")
        release = make_release(bot, floor.feed, runs="attached")
        return deployments.start(promotion=make_promotion(release, account), **BY)


def open_another(floor: Floor, name: str, bucket: RiskBucket | None = None, **overrides: Any) -> BotSession:
    """A session of one more bot."""
    deployment = make_elsewhere(floor, name, bucket)
    return opened(floor, deployment=deployment, build_id=deployment.release.build_id, **overrides)


def make_other_bucket(name: str) -> RiskBucket:
    """A bucket of a desk of its own."""
    desk = access.make_desk(name=name.title(), **BY)
    with acting(**BY):
        Signer.objects.create(desk=desk, name="ci", key_id=desk.pk.hex[-16:], public_key="a2V5")
    return access.make_bucket(desk=desk, name=name, **BY)


def live_on(floor: Floor, seconds: int = 31) -> None:
    """Time passes, and every open session is heard; from 31 seconds on it has lived for long enough to count."""
    floor.wall.advance(seconds)
    for session in BotSession.objects.filter(state="open"):
        execution.beat(session=session, actor=session.opened_by)


def fall_silent(floor: Floor, seconds: float = 10) -> int:
    """The heartbeats do not come, and the sweep runs; to how many the policy was applied."""
    floor.wall.advance(seconds)
    return execution.expire_sessions()


def rest(floor: Floor, session: BotSession, **terms: Any) -> Order:
    """An order of the bot that rests at the venue; opening, unless the terms say more."""
    floor.hear()
    wanted = {"order_type": "LIMIT", "limit_price": "97", "session": session} | terms
    order = execution.place(ticket=floor.ticket(**wanted), **BY)
    work_orders()
    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED
    return order


def bots_of(*found: BotSession) -> set[UUID]:
    """The scopes of the bots of these sessions."""
    return {session.deployment.bot.scope_id for session in found}


def held() -> set[UUID]:
    """What is held."""
    return set(Hold.objects.filter(state="active").values_list("scope_id", flat=True))


def ended(session: BotSession) -> tuple[str, str]:
    """How the session ended."""
    session.refresh_from_db()
    return session.state, session.outcome


def pause(floor: Floor) -> str:
    """The deployment is paused; what the sweep says of its session."""
    deployments.pause(deployment=floor.deployment, **BY)
    return "the deployment is paused: nothing was held"


def cannot_cancel(**_: object) -> Order:
    """A cancel that fails."""
    raise Refused("STATE_CONFLICT", "not now")
