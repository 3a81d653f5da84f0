"""Documents that people write: read with the line of every value, or refused with a place and what to do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common import located
from apps.common.located import Unreadable, read

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
REFUSED = {
    "empty": (b"", "DOCUMENT_EMPTY", 1),
    "comments only": (b"# nothing\n", "DOCUMENT_EMPTY", 1),
    "UTF-16": ("a: 1".encode("utf-16"), "DOCUMENT_UTF16", 1),
    "UTF-16 without a mark": ("a: 1".encode("utf-16-le"), "DOCUMENT_NUL", 1),
    "a byte order mark": (b"\xef\xbb\xbfa: 1", "DOCUMENT_BOM", 1),
    "latin-1": ("a: 1\nb: é".encode("latin-1"), "DOCUMENT_ENCODING", 2),
    "NUL": (b"a: 1\nb: \0", "DOCUMENT_NUL", 2),
    "an escaped NUL": (b'a: 1\nb: "\\0"', "DOCUMENT_CHARACTER", 2),
    "a lone surrogate": (b'a: "\\ud800"', "DOCUMENT_CHARACTER", 1),
    "an escape beyond Unicode": (b'a: "\\Uffffffff"', "DOCUMENT_SYNTAX", 1),
    "a control character": (b"a: 1\nb: \x01", "DOCUMENT_CHARACTER", 2),
    "too many bytes": (b"a: " + b"x" * located.BYTES_MAX, "DOCUMENT_TOO_LARGE", 1),
    "too deep": (b"a: " + b"[" * 50_000, "DOCUMENT_TOO_DEEP", 1),
    "too deep in blocks": (b"a:\n" + b"- " * 50_000, "DOCUMENT_TOO_DEEP", 2),
    "too many values": (b"a: [" + b"x," * 50_000 + b"]", "DOCUMENT_TOO_MANY_VALUES", 1),
    "a billion laughs": (BOMB + b"d: &d [*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d]", "DOCUMENT_TOO_MANY_VALUES", 1),
    "an endless alias": (b"a: &a [*a]", "DOCUMENT_TOO_DEEP", 1),
    "an alias of nothing": (b"a: *b", "DOCUMENT_SYNTAX", 1),
    "a tab": (b"a:\n\tb: 1", "DOCUMENT_TAB", 2),
    "two documents": (b"a: 1\n---\nb: 2", "DOCUMENT_NOT_ONE", 3),
    "a list": (b"- a", "DOCUMENT_NOT_A_MAPPING", 1),
    "an unclosed list": (b"a: [1, 2", "DOCUMENT_SYNTAX", 1),
    "a version of thousands of digits": (b"%YAML 1." + b"1" * 6000 + b"\n---\na: 1", "DOCUMENT_SYNTAX", 1),
    "a tag": (b"a: 1\nb: !!python/object/apply:os.system [ls]", "TAG_REFUSED", 2),
    "a merge": (b"a: &a {x: 1}\nb:\n  <<: *a", "MERGE_REFUSED", 3),
    "a number as a name": (b"1: a", "KEY_NOT_TEXT", 1),
    "a list as a name": (b"? [a]\n: 1", "KEY_NOT_TEXT", 1),
    "no number": (b"a: .nan", "NUMBER_NOT_FINITE", 1),
    "more than a float holds": (b"a: 1e999", "NUMBER_TOO_LARGE", 1),
    "more than JSON keeps": (b"a: 9007199254740993", "NUMBER_TOO_LARGE", 1),
}


@pytest.mark.parametrize(("raw", "code", "line"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_plain_document_is_refused_at_its_line(raw: bytes, code: str, line: int) -> None:
    with pytest.raises(Unreadable) as caught:
        read(raw)

    [failure] = caught.value.context["failures"]
    assert (failure["code"], failure["line"]) == (code, line)
    assert failure["fix"]


def test_a_name_that_stands_twice_is_refused_with_both_lines() -> None:
    with pytest.raises(Unreadable) as caught:
        read(b"limits:\n  position: 1\n  drawdown: 2\n  position: 3\n")

    [failure] = caught.value.context["failures"]
    assert (failure["code"], failure["line"], failure["path"]) == ("KEY_TWICE", 4, "limits.position")
    assert "line 2" in failure["problem"]


def test_every_value_knows_its_line() -> None:
    document = read(b"# first\na:\n  - b: 1\n    c: [x,\n        y]\nd: z\n")

    assert document.place(("a", 0, "b")).line == 3
    assert document.place(("a", 0, "c", 1)).line == 5
    assert document.place(("d",)).line == 6
    assert document.place(("a", 0, "c", 9)).line == 4


def test_scalars_are_read_as_they_are_written() -> None:
    document = read(b"a: 22:00\nb: on\nc: 1.0.0\nd: 007\ne: 0.5\nf: '1'\ng: true\nh: ~\ni: -3\nj: 2026-01-01\n")

    expected = {"a": "22:00", "b": "on", "c": "1.0.0", "d": "007", "e": 0.5, "f": "1", "g": True, "h": None, "i": -3}
    assert document.value == expected | {"j": "2026-01-01"}


def test_aliases_of_aliases_do_not_grow_beyond_the_bound() -> None:
    with pytest.raises(Unreadable) as caught:
        read(BOMB + b"d: &d [*c,*c,*c,*c,*c,*c]\n")

    assert caught.value.context["failures"][0]["code"] == "DOCUMENT_TOO_MANY_VALUES"


def test_an_alias_stands_for_its_values() -> None:
    assert read(b"a: &x [b, c]\nd: *x").value == {"a": ["b", "c"], "d": ["b", "c"]}


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text("ab:-[]{}&*!|>'\"%@#,? \n\t0.\\uU", max_size=120).map(str.encode)))
def test_whatever_is_sent_is_read_or_refused(raw: bytes) -> None:
    findings: list[object] = []
    value: object = None
    try:
        value = read(raw).value
    except Unreadable as error:
        findings = error.context["failures"]
    assert isinstance(value, dict) or findings
