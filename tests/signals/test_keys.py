"""Keys: in a file that only its owner reads, changed over without a gap, shown once."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.audit.models import Record
from apps.execution.signals import keys
from apps.execution.signals import services as signals
from apps.execution.signals.keys import Keys
from apps.execution.signals.models import SignalSource
from apps.execution.signals.rules.verification import new_key
from tests.builders import refused
from tests.markets.builders import BY

KEY, NEXT = new_key(), new_key()


def test_what_is_written_is_read_and_only_by_its_owner(keys_root: Path) -> None:
    keys.write("momentum", Keys(KEY, NEXT))

    assert keys.read("momentum").valid == [KEY, NEXT]
    assert (keys_root / "momentum.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in keys_root.iterdir()] == ["momentum.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_file_that_others_can_read_is_refused(keys_root: Path, mode: int) -> None:
    keys.write("momentum", Keys(KEY))
    (keys_root / "momentum.json").chmod(mode)

    with refused("KEYS_EXPOSED"):
        keys.read("momentum")


def test_missing_keys_are_refused() -> None:
    with refused("KEYS_MISSING"):
        keys.read("momentum")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"current": null}', '{"current": "short"}', '{"current": 5}', '"text"', "9" * 9000],
)
def test_a_malformed_file_is_refused(keys_root: Path, content: str) -> None:
    keys.write("momentum", Keys(KEY))
    (keys_root / "momentum.json").write_text(content)

    with refused("KEYS_MALFORMED"):
        keys.read("momentum")


def test_a_failure_to_write_leaves_the_old_keys(keys_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.write("momentum", Keys(KEY))

    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        keys.write("momentum", Keys(NEXT))

    assert keys.read("momentum").valid == [KEY]
    assert [path.name for path in keys_root.iterdir()] == ["momentum.json"]


def test_keys_do_not_show_themselves() -> None:
    assert KEY not in f"{Keys(KEY)} {[Keys(KEY, NEXT)]!r}"


def test_rotation_keeps_both_keys_until_it_is_finished(source: SignalSource) -> None:
    first = signals.make_keys(source=source, **BY)
    second = signals.rotate_keys(source=source, **BY)
    assert keys.read(source.name).valid == [first, second]

    signals.finish_rotation(source=source, **BY)

    assert keys.read(source.name).valid == [second]


def test_steps_out_of_order_are_refused_and_change_nothing(source: SignalSource) -> None:
    with refused("KEYS_MISSING"):
        signals.rotate_keys(source=source, **BY)
    first = signals.make_keys(source=source, **BY)
    with refused("KEYS_EXIST"):
        signals.make_keys(source=source, **BY)
    with refused("ROTATION_NOT_OPEN"):
        signals.finish_rotation(source=source, **BY)
    assert keys.read(source.name).valid == [first]
    second = signals.rotate_keys(source=source, **BY)
    with refused("ROTATION_OPEN"):
        signals.rotate_keys(source=source, **BY)
    assert keys.read(source.name).valid == [first, second]


def test_exposed_keys_are_replaced_and_end_at_once(source: SignalSource, keys_root: Path) -> None:
    first = signals.make_keys(source=source, **BY)
    (keys_root / "momentum.json").chmod(0o644)

    second = signals.make_keys(source=source, **BY)

    assert keys.read(source.name).valid == [second] != [first]


def test_the_command_prints_the_new_key_once_and_records_the_act(
    source: SignalSource, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("signal_key", source.name)
    first = capsys.readouterr().out.strip()
    call_command("signal_key", source.name, "--rotate")
    second = capsys.readouterr().out.strip()
    call_command("signal_key", source.name, "--finish")

    assert keys.read(source.name).valid == [second]
    assert second not in capsys.readouterr().out
    acts = Record.objects.filter(act__startswith="signal_key.").order_by("id")
    assert [record.act for record in acts] == ["signal_key.made", "signal_key.rotated", "signal_key.ended"]
    assert {record.actor for record in acts} == {"job:signal-key"}
    told = json.dumps(list(Record.objects.values()), default=str)
    assert first not in told
    assert second not in told


@pytest.mark.parametrize(
    ("arguments", "code"), [(["nobody"], "SOURCE_UNKNOWN"), (["momentum", "--rotate"], "KEYS_MISSING")]
)
def test_the_command_says_why_it_refuses(source: SignalSource, arguments: list[str], code: str) -> None:
    with pytest.raises(CommandError, match=code):
        call_command("signal_key", *arguments)
