"""What each gate measures, one module a subject."""

from apps.releases.checks.found import Found
from apps.releases.checks.judging import CHECKS, Verdict, judge, run

__all__ = ["CHECKS", "Found", "Verdict", "judge", "run"]
