"""Reads of deployments."""

import threading
from collections import OrderedDict
from uuid import UUID

from django.db import connection

from apps.deployments.models import Deployment

KEPT_MAX = 2_000
RELATED = (
    "bot__scope",
    "account__scope",
    "account__venue__scope",
    "feed__dataset",
    "feed__instrument",
    "instrument__scope",
    "release__config_bundle",
)
# Place and writer of each row that can change; releases, bundles and datasets are never changed.
VERSIONS = """
    SELECT concat_ws(' ', deployment.ctid, deployment.xmin, bot.ctid, bot.xmin, of_bot.ctid, of_bot.xmin,
        account.ctid, account.xmin, of_account.ctid, of_account.xmin, venue.ctid, venue.xmin,
        feed.ctid, feed.xmin, traded.ctid, traded.xmin, shown.ctid, shown.xmin)
    FROM deployments_deployment AS deployment
        JOIN bots_bot AS bot ON bot.id = deployment.bot_id
        JOIN access_scope AS of_bot ON of_bot.id = bot.scope_id
        JOIN venues_account AS account ON account.id = deployment.account_id
        JOIN access_scope AS of_account ON of_account.id = account.scope_id
        JOIN venues_venue AS venue ON venue.id = account.venue_id
        JOIN markets_feed AS feed ON feed.id = deployment.feed_id
        JOIN markets_instrument AS traded ON traded.id = deployment.instrument_id
        JOIN markets_instrument AS shown ON shown.id = feed.instrument_id
    WHERE deployment.id = %s
"""
_known: OrderedDict[UUID, tuple[str, Deployment]] = OrderedDict()
_lock = threading.Lock()


def traded(deployment_id: UUID) -> Deployment | None:
    """A deployment with everything that placing an order reads; to be read only, since callers share it.

    What is kept is used only while no row of it has another version, so it is as fresh as a query.
    """
    with connection.cursor() as cursor:
        cursor.execute(VERSIONS, [deployment_id])
        row = cursor.fetchone()
    if row is None:
        return None
    with _lock:
        kept = _known.get(deployment_id)
    if kept is not None and kept[0] == row[0]:
        return kept[1]
    found = Deployment.objects.select_related(*RELATED).get(pk=deployment_id)
    with _lock:
        _known[deployment_id] = (row[0], found)
        while len(_known) > KEPT_MAX:
            _known.popitem(last=False)
    return found
