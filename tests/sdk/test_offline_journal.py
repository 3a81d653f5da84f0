"""The journal of the offline tool: every change, cut, swap and stranger is found."""

import base64
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from quarterdeck.offline.journal import Journal, JournalTamperedError, verified
from quarterdeck.sign import SigningKey

KEY, STRANGER = SigningKey.generate(), SigningKey.generate()
TRUSTED = [base64.b64encode(KEY.public_bytes).decode()]


def written(folder: Path, key: SigningKey = KEY) -> list[str]:
    """A journal of two cancels, line by line."""
    path = folder / "journal"
    journal = Journal(path, key)
    journal.write("opened", takes_all=False)
    journal.write("cancel_sent", account="alpha", client_order_id="1" * 32)
    journal.write("ended", account="alpha", client_order_id="1" * 32)
    journal.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text().splitlines()


def test_a_journal_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    lines = verified("\n".join(written(tmp_path)), TRUSTED)

    assert [line["act"] for line in lines] == ["opened", "cancel_sent", "ended", "closed"]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4]


def rewrite(line: str, **changes: object) -> str:
    """A line with other values, written as lines are."""
    return json.dumps(json.loads(line) | changes, sort_keys=True, separators=(",", ":"))


TAMPERED: dict[str, Callable[[list[str]], list[str]]] = {
    "a changed value": lambda lines: [lines[0], rewrite(lines[1], account="beta"), *lines[2:]],
    "a changed act": lambda lines: [*lines[:2], rewrite(lines[2], act="kept"), lines[3]],
    "a forged signature": lambda lines: [lines[0], rewrite(lines[1], signature=json.loads(lines[2])["signature"])],
    "no signature": lambda lines: [lines[0], rewrite(lines[1], signature=None), *lines[2:]],
    "a line left out": lambda lines: [lines[0], *lines[2:]],
    "the first line left out": lambda lines: lines[1:],
    "the end cut off": lambda lines: lines[:-1],
    "two lines swapped": lambda lines: [lines[0], lines[2], lines[1], lines[3]],
    "a line twice": lambda lines: [*lines[:2], lines[1], *lines[2:]],
    "a line after the end": lambda lines: [*lines, lines[1]],
    "no line": lambda lines: [],
    "no JSON": lambda lines: ["journal", *lines],
    "other spacing": lambda lines: [json.dumps(json.loads(lines[0])), *lines[1:]],
}


@pytest.mark.parametrize("how", TAMPERED)
def test_what_was_tampered_with_is_refused(tmp_path: Path, how: str) -> None:
    lines = TAMPERED[how](written(tmp_path))

    with pytest.raises(JournalTamperedError):
        verified("\n".join(lines), TRUSTED)


def test_a_key_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalTamperedError, match="not trusted"):
        verified("\n".join(written(tmp_path, STRANGER)), TRUSTED)


def test_lines_of_two_journals_do_not_mix(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    lines, others = written(tmp_path), written(tmp_path / "other")

    with pytest.raises(JournalTamperedError):
        verified("\n".join([lines[0], *others[1:]]), TRUSTED)


def test_the_place_is_named(tmp_path: Path) -> None:
    lines = written(tmp_path)
    lines[2] = rewrite(lines[2], account="beta")

    with pytest.raises(JournalTamperedError) as found:
        verified("\n".join(lines), TRUSTED)

    assert found.value.line == 3


def test_a_journal_of_a_machine_that_died_is_taken_only_when_that_is_said(tmp_path: Path) -> None:
    text = "\n".join(written(tmp_path)[:2])

    with pytest.raises(JournalTamperedError, match="end is missing"):
        verified(text, TRUSTED)

    assert len(verified(text, TRUSTED, is_whole=False)) == 2
