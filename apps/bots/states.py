"""Lifecycle of a bot."""

from django.db.models import TextChoices


class Stage(TextChoices):
    """Where a bot stands between idea and retirement."""

    IDEATION = "ideation"
    TESTING = "offline_testing"
    PAPER = "simulated_execution"
    SHADOW = "shadow"
    MICRO = "micro"
    LIMITED = "limited"
    FULL = "full_production"
    RETIRED = "retired"


class Environment(TextChoices):
    """Research never touches live."""

    RESEARCH = "research"
    STAGING = "staging"
    PAPER = "paper"
    LIVE = "live"


class Mode(TextChoices):
    """Whether money is real."""

    PAPER = "paper"
    LIVE = "live"


class Moment(TextChoices):
    """When a code version was verified."""

    UPLOAD = "upload"
    LAUNCH = "launch"


class Verdict(TextChoices):
    """What a verification found."""

    VERIFIED = "verified"
    REFUSED = "refused"
