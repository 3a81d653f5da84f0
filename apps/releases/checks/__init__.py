"""What each gate measures, one module a subject."""

from apps.releases.checks.judging import CHECKS, Verdict, judge, run

__all__ = ["CHECKS", "Verdict", "judge", "run"]
