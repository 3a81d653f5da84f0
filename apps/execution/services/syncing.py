"""Booking what happened at the venues, account by account, as it falls due."""

from collections.abc import Collection
from uuid import UUID

import structlog

from apps.common import claims
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.execution.models import AccountSync
from apps.execution.services import books
from apps.venues.adapters.base import NoAnswer, VenueBusy, VenueRejected

log = structlog.get_logger(__name__)
BATCH = 20
LEASE_S = 15.0
# No sync is ever due further ahead than this, unless the wall clock was set back.
AHEAD_S = 900.0


def sync_due_accounts(accounts: Collection[UUID] | None = None) -> None:
    """Book what happened at the venue on every account that is due, or of these alone.

    A venue that does not answer, or an account that cannot be booked, stops no other.
    """
    _open_missing()
    rows = AccountSync.objects.all() if accounts is None else AccountSync.objects.filter(account__in=accounts)
    claims.wake_stranded(rows, ahead_s=AHEAD_S)
    for sync in claims.claim(rows, lease_s=LEASE_S, limit=BATCH):
        _sync(sync)


def _sync(sync: AccountSync) -> None:
    try:
        books.sync_account(sync.account)
    except VenueBusy as error:  # nothing was asked: there is room, or a probe is due, a little later
        books.due_again(sync, has_answered=False, retry_in_s=error.retry_in_s)
    except (NoAnswer, VenueRejected) as error:
        log.warning("sync.unanswered", account=str(sync.account_id), code=error.code)
        books.due_again(sync, has_answered=False)
    except Exception as error:  # one bad account stops no other
        log.exception("sync.failed", account=str(sync.account_id), error=type(error).__name__)
        books.due_again(sync, has_answered=False)
    else:
        books.due_again(sync, has_answered=True)


def _open_missing() -> None:
    """Every account that a deployment uses has a sync row."""
    missing = Deployment.objects.filter(account__sync__isnull=True).values_list("account_id", flat=True)
    AccountSync.objects.bulk_create(
        [AccountSync(account_id=account_id, due_at=wall_now()) for account_id in set(missing)],
        ignore_conflicts=True,
    )
