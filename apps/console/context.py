"""What every page's frame shows: the menu with counts, critical alerts, the address of the live socket."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.access import selectors as access
from apps.access.models import Consent, Firm, RoleGrant, User
from apps.access.states import Permission
from apps.alerts.models import Alert
from apps.console.selectors import inbox

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
MENU = (
    ("home", "Home"),
    ("fleet", "Fleet"),
    ("promotions", "Promotions"),
    ("backtests", "Backtests"),
    ("orders", "Orders"),
    ("deployments", "Deployments"),
    ("limits", "Limits"),
    ("alerts", "Alerts"),
    ("reconciliation", "Reconciliation"),
    ("holds", "Holds"),
    ("exit_plans", "Exit plans"),
    ("audit", "Audit"),
)


@dataclass(frozen=True)
class MenuItem:
    """One entry of the main menu; `counts` says aloud what is counted."""

    label: str
    url: str
    is_here: bool
    count: int = 0
    counts: str = ""
    tone: str = "warn"


class Frame:
    """Read only when a template asks, so that fragments cost nothing here."""

    def __init__(self, request: HttpRequest, user: User) -> None:
        self.path = request.path
        self.user = user

    @cached_property
    def waiting(self) -> list[Consent]:
        """Consents that this person may vote on now."""
        return access.open_consents_for(self.user)

    @cached_property
    def critical(self) -> list[Alert]:
        """Critical alerts that nobody has acknowledged."""
        return inbox.critical_alerts(self.user)

    @cached_property
    def roles(self) -> list[RoleGrant]:
        """The person's roles."""
        return list(access.role_grants(self.user))

    @cached_property
    def menu(self) -> list[MenuItem]:
        """The main menu."""
        counts = inbox.counts(self.user)
        promotions = sum(consent.object_kind == "promotions.promotion" for consent in self.waiting)
        badges = {
            "home": (len(self.waiting), "waiting for you", "warn"),
            "promotions": (promotions, "promotions to vote on", "warn"),
            "alerts": (counts.alerts, "open alerts", "bad"),
            "reconciliation": (counts.breaks, "open breaks", "bad"),
            "holds": (counts.holds, "holds in force", "bad"),
        }
        return [self._item(name, label, *badges.get(name, ())) for name, label in (*MENU, *self._of_the_firm())]

    def _of_the_firm(self) -> tuple[tuple[str, str], ...]:
        """What only administrators of the firm open."""
        administered = access.grants_of(self.user).get(Permission.ADMINISTER, set())
        is_administrator = bool(administered) and Firm.objects.filter(scope__in=administered).exists()
        return (("machines", "Machines"),) if is_administrator else ()

    def _item(self, name: str, label: str, *badge: Any) -> MenuItem:
        url = reverse(name)
        is_here = self.path == url if url == "/" else self.path.startswith(url)
        return MenuItem(label, url, is_here or (name == "fleet" and self.path.startswith("/bots/")), *badge)


def frame(request: HttpRequest) -> dict[str, Any]:
    """The frame of a signed-in person's page; on the sign-in page of a demo, its people."""
    user = getattr(request, "user", None)
    if isinstance(user, User):
        return {"live_url": live_url(request), "frame": Frame(request, user)}
    shows_people = settings.DEMO_ALLOWED and request.path == settings.LOGIN_URL
    return {"demo_people": inbox.demo_people() if shows_people else []}


def live_url(request: HttpRequest) -> str:
    """The socket's address; on one machine under the same host name, so that the cookie goes with it."""
    parts = urlsplit(settings.LIVE_URL)
    host = request.get_host().rsplit(":", 1)[0]
    if {host, parts.hostname} <= LOOPBACK:
        parts = parts._replace(netloc=f"{host}:{parts.port}")
    return f"{parts.geturl().rstrip('/')}/live/"
