"""Pure decisions about declarations: what is wrong in one, and what applying it would do."""

from apps.promotions.declarations.rules.bundle import bundle_of, sections_of
from apps.promotions.declarations.rules.facts import Actual, BotNow, CodeNow, Facts, LimitNow
from apps.promotions.declarations.rules.lint import chosen_code, lint
from apps.promotions.declarations.rules.plan import Action, Line, Plan, plan
from apps.promotions.declarations.rules.shape import misfits

__all__ = [
    "Action",
    "Actual",
    "BotNow",
    "CodeNow",
    "Facts",
    "LimitNow",
    "Line",
    "Plan",
    "bundle_of",
    "chosen_code",
    "lint",
    "misfits",
    "plan",
    "sections_of",
]
