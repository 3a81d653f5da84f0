"""The check and the rest of the product speak of the same limits and codes."""

import re
from pathlib import Path

from apps.risk import rules, states

SOURCE = Path(rules.__file__).parent
APPS = SOURCE.parent.parent


def test_the_kinds_of_limits_are_those_of_the_risk_ledger() -> None:
    assert set(rules.PER_BOT) == set(states.PER_BOT)
    assert set(rules.PER_SCOPE) == set(states.PER_SCOPE)
    assert set(rules.REQUIRED) == set(states.LimitKind.values)


def test_every_code_of_the_check_is_listed_and_no_other() -> None:
    text = "\n".join(path.read_text() for path in SOURCE.glob("*.py") if path.name != "codes.py")

    assert set(re.findall(r'"([A-Z]+_[A-Z_]+)"', text)) - {"STOP_LIMIT", *rules.__all__} == rules.CODES


def test_whoever_denies_outside_of_the_check_says_one_of_its_codes() -> None:
    """What the gateway adds under its locks is said in the same words."""
    modules = (path for path in APPS.rglob("*.py") if SOURCE not in path.parents)
    said = {code for path in modules for code in re.findall(r'\bDenial\(\s*"([A-Z_]+)"', path.read_text())}

    assert "SELF_TRADE" in said
    assert said - rules.CODES == set()
