"""The scopes of two bots of one bucket, by the names that the oracle of limits knows."""

from uuid import UUID

from apps.access.models import Firm
from apps.deployments.models import Deployment


def scopes_of(deployments: dict[str, Deployment]) -> dict[str, UUID]:
    """The scopes of two bots by the names that the oracle knows."""
    bucket = deployments["alpha"].account.bucket
    account = deployments["alpha"].account
    shared = {
        "firm": Firm.objects.get().scope_id,
        "desk": bucket.desk.scope_id,
        "bucket": bucket.scope_id,
        "venue": account.venue.scope_id,
        "instrument": deployments["alpha"].instrument.scope_id,
    }
    for bot, deployment in deployments.items():
        shared[f"bot {bot}"] = deployment.bot.scope_id
        shared[f"strategy {bot}"] = deployment.bot.strategy.scope_id
        shared[f"account {bot}"] = deployment.account.scope_id
    return shared


def is_above(scope: str, bot: str) -> bool:
    """Whether a scope counts what a bot does."""
    return " " not in scope or scope.endswith(f" {bot}")
