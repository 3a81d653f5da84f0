"""Plans and legs: their vocabulary and their transition tables (design §6, exit plan)."""

from django.db.models import TextChoices


class PlanState(TextChoices):
    """A plan that has ended is never taken up again: going on is a new plan."""

    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    STOPPED = "stopped"
    BLOCKED = "blocked"


class PlanSource(TextChoices):
    """On whose authority the plan sells."""

    PERSON = "person", "A person with the right to exit"
    END_OF_DAY = "end_of_day", "The end-of-day policy of the approved config bundle"


class LegState(TextChoices):
    """Clear the way, sell in slices, sweep up what guarded the position, done."""

    CLEARING = "clearing"
    EXITING = "exiting"
    SWEEPING = "sweeping"
    DONE = "done"
    STOPPED = "stopped"
    BLOCKED = "blocked"


P, L = PlanState, LegState
ACTIVE_PLANS = frozenset({P.RUNNING, P.WAITING})
ACTIVE_LEGS = frozenset({L.CLEARING, L.EXITING, L.SWEEPING})
PLAN_TRANSITIONS = {
    P.RUNNING: frozenset({P.WAITING, P.DONE, P.STOPPED, P.BLOCKED}),
    P.WAITING: frozenset({P.RUNNING, P.DONE, P.STOPPED, P.BLOCKED}),
}
# A position may change under a plan, so an active leg can go back and forth until it has ended.
LEG_TRANSITIONS = {state: (ACTIVE_LEGS - {state}) | {L.DONE, L.STOPPED, L.BLOCKED} for state in ACTIVE_LEGS}
