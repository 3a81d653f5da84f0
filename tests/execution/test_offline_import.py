"""The export that the offline tool reads, and its journal's way back: recorded once, believed never."""

import base64
import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from quarterdeck.offline.journal import Journal
from quarterdeck.sign import SigningKey

from apps.audit.models import Record
from apps.common.errors import Refused
from apps.execution import services as execution
from apps.execution import tasks
from apps.execution.models import AccountSync, Order, OrderEvent
from apps.execution.states import OrderState
from tests.execution.builders import Floor, work_orders
from tests.markets.builders import BY

KEY, STRANGER = SigningKey.generate(), SigningKey.generate()


@pytest.fixture(autouse=True)
def trusted(settings: Settings, tmp_path: Path) -> None:
    """The desk's key is trusted; files lie in the test's folder."""
    settings.OFFLINE_KEYS = [base64.b64encode(KEY.public_bytes).decode()]
    settings.OFFLINE_EXPORT_ROOT = tmp_path / "offline"


def rest(floor: Floor) -> Order:
    """An opening order at the venue."""
    order = floor.place(order_type="LIMIT", limit_price="97")
    work_orders()
    return order


def written(folder: Path, order: Order, key: SigningKey = KEY, account: str = "alpha-paper") -> str:
    """A journal that says the order's cancel was sent and the order ended."""
    path = folder / f"journal-{key.key_id}"
    journal = Journal(path, key)
    journal.write("opened", takes_all=False)
    for act in ("cancel_sent", "ended"):
        journal.write(act, account=account, client_order_id=order.client_order_id.hex, venue_order_id="")
    journal.close()
    return path.read_text()


def take(text: str, **options: Any) -> dict[str, int]:
    """Import it."""
    return execution.import_journal(text=text, **BY, **options)


def test_the_export_names_what_is_open_and_held_and_nothing_secret(floor: Floor, settings: Settings) -> None:
    floor.hold_position("2")
    order = rest(floor)

    tasks.export_orders()

    path = Path(settings.OFFLINE_EXPORT_ROOT) / "orders.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["orders.json"]
    account = json.loads(path.read_text())["accounts"][0]
    assert (account["name"], account["adapter"], account["mode"]) == ("alpha-paper", "paper", "paper")
    order.refresh_from_db()
    assert [(row["client_order_id"], row["venue_order_id"], row["purpose"]) for row in account["orders"]] == [
        (order.client_order_id.hex, order.venue_order_id, "OPENING")
    ]
    assert account["positions"] == [{"bot": "alpha-trend", "symbol": "BTC-USD", "quantity": "2"}]
    assert not {"key", "secret", "token", "password"} & set(account)


def test_the_command_writes_it_where_it_is_told(floor: Floor, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.json"

    call_command("export_orders", "--out", str(target), stdout=StringIO())

    assert json.loads(target.read_text())["format"] == 1
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_journal_is_recorded_and_the_account_looked_at_anew(floor: Floor, tmp_path: Path) -> None:
    order = rest(floor)
    execution.sync_account(floor.account)
    AccountSync.objects.update(due_at=None)

    counts = take(written(tmp_path, order))

    assert counts == {"recorded": 4, "known": 0, "orders": 1, "unknown": 0}
    acts = Record.objects.filter(act__startswith="offline.", object_id=order.pk).values_list("act", flat=True)
    assert sorted(acts) == ["offline.cancel_sent", "offline.ended"]
    assert AccountSync.objects.get().due_at is not None


def test_the_journal_is_not_believed_only_the_venue_is(floor: Floor, tmp_path: Path) -> None:
    order, told = rest(floor), OrderEvent.objects.count()

    take(written(tmp_path, order))
    execution.sync_account(floor.account)

    order.refresh_from_db()
    assert (order.state, OrderEvent.objects.count()) == (OrderState.ACCEPTED, told)

    floor.venue.cancel(order.client_order_id.hex)
    execution.sync_account(floor.account)

    order.refresh_from_db()
    assert order.state == OrderState.CANCELED


def test_importing_twice_changes_nothing(floor: Floor, tmp_path: Path) -> None:
    text = written(tmp_path, rest(floor))
    take(text)
    AccountSync.objects.update(due_at=None)
    before = Record.objects.count()

    counts = take(text)

    assert (counts["recorded"], counts["known"], Record.objects.count()) == (0, 4, before)
    assert not AccountSync.objects.exclude(due_at=None).exists()


def test_a_tampered_journal_is_refused_with_nothing_changed(floor: Floor, tmp_path: Path) -> None:
    text = written(tmp_path, rest(floor)).replace('"act":"ended"', '"act":"kept!"')
    before = Record.objects.count()

    with pytest.raises(Refused) as refused:
        take(text)

    assert refused.value.code == "JOURNAL_TAMPERED"
    assert Record.objects.count() == before


def test_a_strangers_journal_is_refused(floor: Floor, tmp_path: Path) -> None:
    text, before = written(tmp_path, rest(floor), key=STRANGER), Record.objects.count()

    with pytest.raises(Refused) as refused:
        take(text)

    assert refused.value.code == "JOURNAL_TAMPERED"
    assert Record.objects.count() == before


def test_without_any_trusted_key_nothing_is_imported(floor: Floor, tmp_path: Path, settings: Settings) -> None:
    settings.OFFLINE_KEYS = []
    text = written(tmp_path, rest(floor))

    with pytest.raises(Refused, match="not trusted"):
        take(text)


def test_a_journal_without_its_end_is_taken_only_when_that_is_said(floor: Floor, tmp_path: Path) -> None:
    text = "\n".join(written(tmp_path, rest(floor)).splitlines()[:2])

    with pytest.raises(Refused):
        take(text)

    assert take(text, is_whole=False)["recorded"] == 2


def test_what_it_says_of_orders_that_we_do_not_know_is_kept_too(floor: Floor, tmp_path: Path) -> None:
    order = rest(floor)

    counts = take(written(tmp_path, order, account="another"))

    assert counts["unknown"] == 2
    assert not Record.objects.filter(act__startswith="offline.", object_id=order.pk).exists()
    assert Record.objects.filter(act="offline.ended").count() == 1


def test_the_command_imports_in_a_persons_name(floor: Floor, tmp_path: Path) -> None:
    path = tmp_path / "taken.jsonl"
    path.write_text(written(tmp_path, rest(floor)))
    out = StringIO()
    named = ["--actor", floor.trader.username, "--reason", "the data centre was down"]

    call_command("import_offline_journal", str(path), *named, stdout=out)

    assert json.loads(out.getvalue())["recorded"] == 4
    assert Record.objects.filter(act="offline.ended", actor=f"user:{floor.trader.pk}").exists()

    path.write_text(path.read_text().replace("cancel_sent", "cancel_lost"))
    with pytest.raises(CommandError, match="JOURNAL_TAMPERED"):
        call_command("import_offline_journal", str(path), *named, stdout=out)
