"""How figures, differences and lines are written; no database."""

import ast
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

import apps
from apps.console import wording
from apps.console.selectors import diffs
from apps.console.templatetags import quarterdeck
from apps.risk import rules


@pytest.mark.parametrize(
    ("value", "text"),
    [(Decimal("-12000"), "−12,000"), (Decimal("0.50"), "0.5"), (Decimal("1E+3"), "1,000"), (None, "—")],
)
def test_quantities_are_exact_with_a_real_minus(value, text):
    assert quarterdeck.qty(value) == text


def test_money_is_rounded_but_its_title_is_exact():
    shown = quarterdeck.money(Decimal("-61.0849"), "USD", True)
    assert "−61.08" in shown
    assert 'title="−61.0849 USD"' in shown


def test_a_gain_carries_a_plus_and_zero_does_not():
    assert ">+5.00<" in quarterdeck.money(Decimal(5), "USD", True)
    assert ">0.00<" in quarterdeck.money(Decimal("0.001"), "USD", True)


def test_money_escapes_its_unit():
    assert "<script>" not in quarterdeck.money(Decimal(1), "<script>")


def test_nested_values_differ_leaf_by_leaf():
    before = {"limits": {"position": "1", "old": "x"}, "same": [1, 2]}
    after = {"limits": {"position": "2", "new": "y"}, "same": [1, 2]}
    found = {row.path: (row.before, row.after, row.kind) for row in diffs.compare(before, after)}
    assert found == {
        "limits.position": ("1", "2", "changed"),
        "limits.old": ("x", None, "removed"),
        "limits.new": (None, "y", "added"),
        "same": ([1, 2], [1, 2], "same"),
    }


def test_lists_of_objects_differ_by_position():
    found = list(diffs.compare({"w": [{"from": "00:00"}]}, {"w": [{"from": "01:00"}, {"from": "02:00"}]}))
    assert [(row.path, row.kind) for row in found] == [("w.1.from", "changed"), ("w.2.from", "added")]


def test_a_falling_line_says_so_in_words():
    line = quarterdeck.sparkline([Decimal(3), Decimal(1)], "PnL")
    assert line["label"] == "PnL: down 2.00 over 2 bars"


def test_one_value_makes_no_line():
    assert quarterdeck.sparkline([Decimal(3)], "PnL") == {"points": ""}


def test_every_state_has_a_glyph_beside_its_colour():
    assert "■ HALTED" in quarterdeck.state("HALTED")
    assert "· something else" in quarterdeck.state("something_else")


def test_every_denial_of_the_pre_trade_check_is_explained():
    assert rules.CODES - wording.CODES.keys() == set()


SAYS = {"VenueRejected", "NoAnswer", "VenueBusy", "Denial"}
ROOT = Path(apps.__path__[0])


def codes_of(folder: str) -> Iterator[str]:
    """The codes with which the modules below a folder answer for a venue or deny an order."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in SAYS:
                texts = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
                found = [text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)]
                yield from (text for text in found if text.isupper())


def test_every_code_of_venues_and_of_orders_is_explained():
    found = {*codes_of("venues"), *codes_of("execution")}
    assert {"VENUE_CANNOT", "ORDER_UNKNOWN"} <= found
    assert found - wording.CODES.keys() == set()


def test_every_code_of_a_signal_is_explained():
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "execution" / "signals").rglob("*.py"))
    constants = (node.value for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    found = {value for value in constants if isinstance(value, str) and value.startswith("SIGNAL_") and value.isupper()}
    assert "SIGNAL_STALE" in found
    assert found - wording.CODES.keys() == set()
