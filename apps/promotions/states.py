"""States of a promotion."""

from django.db.models import TextChoices


class PromotionState(TextChoices):
    """From request to applied; a denial, an edit or time ends it."""

    GATING = "gating"
    VOTING = "voting"
    APPROVED = "approved"
    APPLIED = "applied"
    DENIED = "denied"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    VOID = "void"


_ENDS = {PromotionState.WITHDRAWN, PromotionState.EXPIRED, PromotionState.VOID}
PROMOTION_TRANSITIONS = {
    PromotionState.GATING: frozenset({PromotionState.VOTING, PromotionState.REFUSED, *_ENDS}),
    PromotionState.VOTING: frozenset({PromotionState.APPROVED, PromotionState.DENIED, *_ENDS}),
    # An edit after approval voids the votes and opens voting again.
    PromotionState.APPROVED: frozenset({PromotionState.APPLIED, PromotionState.REFUSED, PromotionState.VOTING, *_ENDS}),
}
