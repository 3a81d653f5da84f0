"""Alerts: one unresolved alert per key, whoever raises it, however often."""

import threading

import pytest
from django.db import connections

from apps.alerts import services
from apps.alerts.models import Alert
from apps.alerts.states import AlertState, Tier
from apps.audit.models import Record
from apps.common.errors import Refused
from tests.markets.builders import BY, make_firm


def raise_one(key: str = "feed:1") -> Alert:
    return services.raise_alert(
        tier=Tier.HIGH, code="FEED_STALE", title="Late", scope=make_firm().scope, dedup_key=key, **BY
    )


@pytest.mark.django_db
def test_raising_again_counts_instead_of_making_another() -> None:
    first, second = raise_one(), raise_one()

    assert first.pk == second.pk
    assert Alert.objects.get().repeats == 1
    assert Record.objects.filter(act="alert.raised").count() == 1


@pytest.mark.django_db
def test_an_acknowledged_alert_stays_the_one() -> None:
    services.acknowledge(alert=raise_one(), **BY)

    again = raise_one()

    assert (again.state, again.repeats) == (AlertState.ACKNOWLEDGED, 1)


@pytest.mark.django_db
def test_after_resolution_the_key_raises_a_new_alert() -> None:
    first = raise_one()
    services.resolve(alert=first, **BY)

    second = raise_one()

    assert second.pk != first.pk
    assert set(Alert.objects.values_list("state", flat=True)) == {AlertState.OPEN, AlertState.RESOLVED}


@pytest.mark.django_db
def test_a_resolved_alert_cannot_be_acknowledged() -> None:
    alert = services.resolve(alert=raise_one(), **BY)

    with pytest.raises(Refused) as refusal:
        services.acknowledge(alert=alert, **BY)

    assert refusal.value.code == "STATE_CONFLICT"
    assert Alert.objects.get().state == AlertState.RESOLVED


@pytest.mark.django_db
def test_clearing_resolves_what_stands_under_the_key_only() -> None:
    raise_one("feed:1")
    other = raise_one("feed:2")

    assert services.clear(dedup_key="feed:1", **BY) is not None
    assert services.clear(dedup_key="feed:1", **BY) is None

    assert Alert.objects.get(pk=other.pk).state == AlertState.OPEN


def test_two_connections_at_once_make_one_alert(committed_db: str) -> None:
    make_firm()
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        raise_one()
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Alert.objects.get().repeats == 3
