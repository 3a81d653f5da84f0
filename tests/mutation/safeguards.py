"""All safeguards that `python -m tests.mutation` removes one by one; no removal lets a call out to a venue."""

from tests.mutation import (
    of_checks,
    of_command,
    of_declarations,
    of_doubt,
    of_gates,
    of_machines,
    of_maintenance,
    of_markets,
    of_marks,
    of_owners,
    of_people,
    of_research,
    of_sending,
    of_sessions,
    of_trust,
    of_venues,
)

SAFEGUARDS = (
    *of_sending.SAFEGUARDS,
    *of_sessions.SAFEGUARDS,
    *of_doubt.SAFEGUARDS,
    *of_gates.SAFEGUARDS,
    *of_checks.SAFEGUARDS,
    *of_venues.SAFEGUARDS,
    *of_markets.SAFEGUARDS,
    *of_marks.SAFEGUARDS,
    *of_maintenance.SAFEGUARDS,
    *of_owners.SAFEGUARDS,
    *of_declarations.SAFEGUARDS,
    *of_people.SAFEGUARDS,
    *of_research.SAFEGUARDS,
    *of_command.SAFEGUARDS,
    *of_trust.SAFEGUARDS,
    *of_machines.SAFEGUARDS,
)
