"""Verbs of exit plans: preview, start, stop, advance, and the end of day."""

from apps.execution.exits.services.advancing import advance_due, advance_here
from apps.execution.exits.services.closing import flatten_before_close
from apps.execution.exits.services.plans import Terms, start, stop
from apps.execution.exits.services.previewing import Preview, PreviewedLeg, preview
from apps.execution.exits.services.steps import advance

__all__ = [
    "Preview",
    "PreviewedLeg",
    "Terms",
    "advance",
    "advance_due",
    "advance_here",
    "flatten_before_close",
    "preview",
    "start",
    "stop",
]
