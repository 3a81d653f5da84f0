"""A release: its triple, its gates, and the request for a promotion."""

from uuid import UUID

from django.http import HttpResponse

from apps.access import services as access
from apps.access.states import Permission
from apps.bots import selectors
from apps.bots.states import Environment, Stage
from apps.console import pages
from apps.console.forms import PromotionForm
from apps.console.pages import Request
from apps.console.selectors import gates as views
from apps.promotions import services as promotions
from apps.promotions.models import Policy
from apps.releases.models import Release
from apps.releases.states import GateKind
from apps.venues.models import Account


def show(
    request: Request, release_id: UUID, gate_id: UUID | None = None, waiver_id: UUID | None = None
) -> HttpResponse:
    """One release; the acts on one of its gates stand on this page, too."""
    release = find(request, release_id)
    accounts = Account.objects.filter(name__in=release.bot.accounts).select_related("venue").order_by("name")
    gates = release.gates.select_related("backtest__dataset", "definition")
    context = {
        "release": release,
        "attested": selectors.ci_provenance(release.code_version),
        "gates": views.views(sorted(gates, key=lambda gate: GateKind.values.index(gate.kind)), request.user),
        "promotions": release.promotions.select_related("account").order_by("-number"),
        "accounts": accounts,
        "stages": _stages(),
        "environments": [value for value in Environment.values if value != Environment.RESEARCH],
        "may_build": access.may(request.user, Permission.BUILD, release.bot.scope),
    }
    return pages.show(request, "console/release.html", context, {"release": "console/_release.html"})


def _stages() -> list[str]:
    """Stages for which a policy is in force."""
    known = set(Policy.objects.values_list("stage", flat=True).distinct())
    return [stage for stage in Stage.values if stage in known]


@pages.acts_on(show)
def promote(request: Request, release_id: UUID) -> HttpResponse:
    """Ask for a promotion of this release."""
    release = find(request, release_id)
    access.require(request.user, Permission.BUILD, release.bot.scope)
    values = pages.cleaned(PromotionForm(request.POST))
    account = pages.reach(request, Account.objects.all(), "scope", pk=values["account"])
    promotion = promotions.request(
        release=release,
        account=account,
        stage=values["stage"],
        environment=values["environment"],
        capital=values["capital"],
        actor=request.user,
        reason=values["reason"],
    )
    return pages.done(request, f"Asked for {promotion}", "promotion", promotion.number)


def find(request: Request, release_id: UUID) -> Release:
    """The release within reach, with what its page shows."""
    rows = Release.objects.select_related(
        "bot__scope",
        "code_version__signer",
        "code_version__pushed_by",
        "config_bundle",
        "parameter_set",
        "made_by",
        "previous",
    )
    return pages.reach(request, rows, "bot__scope", pk=release_id)
