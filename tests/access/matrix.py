"""The permission matrix as data: every address of the product, and who may what there.

How each kind of address is judged:
    OPEN    anybody, signed in or not
    LIST    whoever signed in; rows of other desks never show (with permissions: one of them somewhere)
    SHARED  reference data of the firm: any role anywhere
    SEEN    an object: the roles of its desk that have one of the permissions, for others it does not exist
    ACT     an object: its desk's roles with one of the permissions; other roles of the desk are refused
    FIRM    a permission on the firm itself; everybody else is refused
    HIDDEN  like FIRM, but for whoever may not look it up the object does not exist
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.access.states import Permission as P
from apps.markets.models import FxRate
from tests.access import declared, gate_asks, machine_asks, trust_asks
from tests.access import market_asks as asks
from tests.access import research_rules as research
from tests.api.sources import SIGNAL_SOURCE
from tests.api.world import DIGEST, Side

OPEN, LIST, SHARED, SEEN, ACT, FIRM, HIDDEN = "open", "list", "shared", "seen", "act", "firm", "hidden"
Values = Callable[[Side], dict[str, Any]]


def nothing(_: Side) -> dict[str, Any]:
    """No values."""
    return {}


@dataclass(frozen=True)
class Rule:
    """One method of one route."""

    name: str
    method: str
    kind: str
    permissions: tuple[str, ...] = ()
    kwargs: Values = nothing
    body: Values = nothing
    is_upload: bool = False


def pk(name: str) -> Values:
    """The URL of the side's object of that name."""
    return lambda side: {"pk": getattr(side, name).pk}


def named(argument: str, name: str, attribute: str = "pk") -> Values:
    """The URL argument taken from an attribute of the side's object."""
    return lambda side: {argument: getattr(getattr(side, name), attribute)}


# resource -> the side's object
READABLE = {
    "desk": "desk", "risk-bucket": "bucket", "consent": "consent", "alert": "alert", "strategy": "strategy",
    "bot": "bot", "signer": "signer", "trusted-builder": "builder", "code-version": "code_version",
    "config-bundle": "config_bundle", "parameter-set": "parameter_set",
    "backtest": "backtest", "account": "account", "release": "release",
    **gate_asks.READABLE, "limit-raise": "limit_raise", "limit": "limit", "exposure": "exposure", "hold": "hold",
    "promotion": "promotion", "deployment": "deployment", "order": "order", "fill": "fill",
    "position": "position", "day-close": "day_close",
    "reconciliation-run": "run", "break": "break", "bot-session": "session",
    "exit-plan": "exit_plan", "throttle": "throttle", "scope-book": "book", "kill-switch": "drill",
}  # fmt: skip
REFERENCE = {
    "instrument": "instrument", "dataset": "dataset", "feed": "feed", "venue": "venue", "policy": "policy",
    "user": "member", "gate-definition": "gate_definition",
}  # fmt: skip
API_ACTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "alert-acknowledge": ("alert", (P.OPERATE,)),
    "alert-resolve": ("alert", (P.OPERATE,)),
    **{name: (key, (P.ADMINISTER,)) for name, key in trust_asks.ACTS.items()},
    "bot-hand-over": ("bot", (P.ADMINISTER,)),
    "release-gates": ("release", (P.BUILD,)),
    **gate_asks.API_ACTS,
    "limit-raise-votes": ("limit_raise", (P.VOTE_RISK,)),
    "hold-release": ("hold", (P.RELEASE_HOLD,)),
    "hold-votes": ("hold", (P.RELEASE_HOLD,)),
    "promotion-votes": ("voting", (P.VOTE_TRADER, P.VOTE_RISK)),
    "promotion-withdraw": ("voting", (P.BUILD,)),
    "promotion-apply": ("voting", (P.BUILD,)),
    "deployment-pause": ("deployment", (P.OPERATE,)),
    "deployment-resume": ("deployment", (P.OPERATE,)),
    "deployment-stop": ("deployment", (P.OPERATE,)),
    "order-cancel": ("order", (P.EXIT, P.TRADE)),
    "order-replace": ("order", (P.TRADE, P.EXIT)),
    "bot-session-heartbeat": ("session", (P.TRADE,)),
    "bot-session-close": ("session", (P.TRADE,)),
    "throttle-enable": ("throttle", (P.RELEASE_HOLD,)),
    "order-settle": ("order", (P.OPERATE,)),
    "order-settle-votes": ("order", (P.VOTE_RISK,)),
    "position-close": ("position", (P.EXIT,)),
    "break-resolve": ("break", (P.OPERATE,)),
    "exit-plan-stop": ("exit_plan", (P.EXIT,)),
}

SIGNAL_ACTS: dict[str, tuple[str, ...]] = {
    "signal-source-activate": (P.ADMINISTER,),
    "signal-source-votes": (P.VOTE_RISK,),
    "signal-source-deactivate": (P.OPERATE, P.HOLD),
}


def release_parts(side: Side) -> dict[str, Any]:
    """The triple of the side's release."""
    parts = ("code_version", "config_bundle", "parameter_set")
    return {"bot": side.bot.name} | {name: getattr(side, name).pk for name in parts}


def limit(side: Side) -> dict[str, Any]:
    """A limit to lower or raise."""
    return {"scope": side.bot.scope_id, "kind": "order_quantity", "value": "1"}


def promotion(side: Side) -> dict[str, Any]:
    """A promotion to ask for; the desk has an open one already."""
    return {
        "release": side.release.pk,
        "account": side.account.name,
        "stage": "simulated_execution",
        "environment": "paper",
        "capital": "1",
    }


def order(side: Side) -> dict[str, Any]:
    """An order that ends at its unknown instrument, after the question who may."""
    return {
        "deployment": side.deployment.pk,
        "instrument": "NONE",
        "side": "BUY",
        "quantity": "1",
        "order_type": "MARKET",
        "time_in_force": "IOC",
        "purpose": "OPENING",
    }


def exit_terms(side: Side) -> dict[str, Any]:
    """A plan that ends at its terms, after the question who may: a preview would ask the venue."""
    return {"scope": side.bot.scope_id, "participation": "2"}


def bot(side: Side) -> dict[str, Any]:
    """A bot to make."""
    return {
        "strategy": side.strategy.name,
        "name": "new-bot",
        "owner": side.people["engineer"].username,
        "fallback_owner": side.people["trader"].username,
        "symbols": ["BTC-USD"],
        "accounts": [side.account.name],
    }


def code(side: Side) -> dict[str, Any]:
    """An artifact that is none."""
    return {
        "bot": side.bot.name,
        "artifact": SimpleUploadedFile("bot.zip", b"no zip", "application/zip"),
        "git_sha": "a" * 40,
        "key_id": "b" * 16,
        "signature": "c" * 88,
    }


def signal_source(side: Side) -> dict[str, Any]:
    """A source to make."""
    return SIGNAL_SOURCE | {"deployment": side.deployment.pk, "acts_as": side.people["service account"].username}


CREATES: dict[str, tuple[tuple[str, ...], Values]] = {
    "risk-bucket-list": ((P.ADMINISTER,), lambda side: {"desk": side.desk.name, "name": "new"}),
    "strategy-list": ((P.BUILD,), lambda side: {"bucket": side.bucket.name, "name": "new"}),
    "bot-list": ((P.BUILD,), bot),
    "signer-list": ((P.ADMINISTER,), trust_asks.builder),
    "trusted-builder-list": ((P.ADMINISTER,), trust_asks.builder),
    "config-bundle-list": ((P.BUILD,), lambda side: {"bot": side.bot.name, "content": {}}),
    "parameter-set-list": (
        (P.BUILD,),
        lambda side: {"bot": side.bot.name, "code_version": side.code_version.pk, "content": {}},
    ),
    "release-list": ((P.BUILD,), release_parts),
    "baseline-list": ((P.VOTE_TRADER, P.VOTE_RISK), lambda side: {"gate": side.gate.pk}),
    "limit-list": ((P.SET_LIMITS,), limit),
    "limit-raise-list": ((P.SET_LIMITS,), limit),
    "hold-list": ((P.HOLD,), lambda side: {"scope": side.bot.scope_id, "level": "HALTED"}),
    "hold-preview": ((P.HOLD,), lambda side: {"scope": side.bot.scope_id}),
    "kill-switch-list": ((P.OPERATE, P.SET_LIMITS), lambda side: {"scope": side.bot.scope_id}),
    "promotion-list": ((P.BUILD,), promotion),
    "order-list": ((P.TRADE,), order),
    "exit-plan-list": ((P.EXIT,), exit_terms),
    "exit-plan-preview": ((P.EXIT,), exit_terms),
    "order-preview": ((P.TRADE,), order),
    "order-cancel-all": ((P.EXIT, P.TRADE), lambda side: {"scope": side.bot.scope_id}),
    "bot-session-list": ((P.TRADE,), lambda side: {"deployment": side.deployment.pk, "build_id": "1" * 64}),
    "signal-source-list": ((P.ADMINISTER,), signal_source),
    "reconciliation-run-list": ((P.OPERATE,), lambda side: {"account": side.account.name}),
}
USER_ASKED = {"username": "new-user", "display_name": "New", "kind": "service"}


def api_rules() -> Iterator[Rule]:
    """Everything under /api/v1/."""
    for name, target in READABLE.items():
        yield Rule(f"{name}-list", "get", LIST)
        yield Rule(f"{name}-detail", "get", SEEN, (P.VIEW,), pk(target))
    for name, target in REFERENCE.items():
        yield Rule(f"{name}-list", "get", LIST)
        yield Rule(f"{name}-detail", "get", SHARED, (), pk(target))
    for name, (target, permissions) in API_ACTS.items():
        yield Rule(name, "post", ACT, permissions, pk(target))
    for name, (permissions, body) in CREATES.items():
        yield Rule(name, "post", ACT, permissions, nothing, body)
    yield Rule("gate-definition-list", "post", FIRM, (P.ADMINISTER, P.VOTE_RISK))
    yield Rule("code-version-list", "post", ACT, (P.BUILD,), nothing, code, is_upload=True)
    yield Rule("code-version-verifications", "get", SEEN, (P.VIEW,), pk("code_version"))
    yield Rule("deployment-events", "get", SEEN, (P.VIEW,), pk("deployment"))
    yield Rule("kill-switch-latches", "get", LIST)
    yield Rule("order-events", "get", SEEN, (P.VIEW,), pk("order"))
    yield Rule("order-messages", "get", SEEN, (P.VIEW,), pk("order"))
    yield from (Rule(*values) for values in (*declared.API, *research.api(), *machine_asks.API))
    yield from _signal_rules()
    yield from _market_rules()
    yield from _access_rules()


def _signal_rules() -> Iterator[Rule]:
    of_the_source = named("name", "signal_source", "name")
    for name, permissions in SIGNAL_ACTS.items():
        yield Rule(name, "post", ACT, permissions, of_the_source)
    yield Rule("signal-source-list", "get", LIST)
    yield Rule("signal-source-messages", "get", SEEN, (P.VIEW,), of_the_source)
    yield Rule("signal-receive", "post", OPEN, (), named("source", "signal_source", "name"))


def _market_rules() -> Iterator[Rule]:
    yield Rule("fx-rate-list", "get", LIST)
    yield Rule("fx-rate-detail", "get", SHARED, (), lambda _: {"pk": FxRate.objects.get().pk})
    yield Rule("fx-rate-list", "post", FIRM, (P.SET_LIMITS,), nothing, asks.fx_rate)
    yield Rule("market-state-list", "get", LIST)
    yield Rule("market-state-detail", "get", SHARED, (), lambda side: {"pk": side.instrument.status.pk})
    yield Rule("market-state-list", "post", FIRM, (P.SET_LIMITS,), nothing, asks.market_state)
    yield Rule("maintenance-window-list", "get", LIST)
    yield Rule("maintenance-window-detail", "get", SHARED, (), asks.window)
    yield Rule("maintenance-window-list", "post", FIRM, (P.SET_LIMITS,), nothing, asks.maintenance)
    yield Rule("maintenance-window-extend", "post", FIRM, (P.SET_LIMITS,), asks.window)
    yield Rule("official-mark-list", "get", LIST)
    yield Rule("official-mark-detail", "get", SHARED, (), asks.known_mark)
    yield Rule("official-mark-list", "post", FIRM, (P.SET_LIMITS,), nothing, asks.mark)
    yield Rule("official-mark-import", "post", FIRM, (P.SET_LIMITS,), nothing, asks.mark_file, is_upload=True)
    for name, found, body in (
        ("fx-rate-request", asks.asked_rate, asks.fx_rate),
        ("market-state-request", asks.asked_state, asks.market_state),
        ("official-mark-request", asks.asked_mark, asks.mark),
        ("maintenance-request", asks.asked_maintenance, asks.less_maintenance),
    ):
        yield Rule(f"{name}-list", "get", LIST)
        yield Rule(f"{name}-detail", "get", SHARED, (), found)
        yield Rule(f"{name}-list", "post", FIRM, (P.SET_LIMITS,), nothing, body)
        yield Rule(f"{name}-votes", "post", FIRM, (P.VOTE_RISK,), found)


def _access_rules() -> Iterator[Rule]:
    history = lambda side: {"label": "bots.bot", "object_id": side.bot.pk}  # noqa: E731
    grant = lambda side: {"pk": side.people["operator"].pk, "grant_id": side.grant.pk}  # noqa: E731
    yield Rule("firm", "get", SHARED)
    yield Rule("desk-list", "post", FIRM, (P.ADMINISTER,), nothing, lambda side: {"name": "new"})
    yield Rule("user-list", "post", FIRM, (P.ADMINISTER,), nothing, lambda side: USER_ASKED)
    yield Rule("user-deactivate", "post", HIDDEN, (P.ADMINISTER, P.VIEW), pk("member"))
    yield Rule("user-hand-over", "post", ACT, (P.ADMINISTER,), lambda side: {"pk": side.bot.owner_id})
    yield Rule("user-grants", "get", SHARED, (), pk("member"))
    yield Rule(
        "user-grants",
        "post",
        ACT,
        (P.ADMINISTER,),
        pk("member"),
        lambda side: {"role": "auditor", "scope": side.desk.scope_id},
    )
    yield Rule("user-revoke-grant", "post", ACT, (P.ADMINISTER,), grant)
    yield Rule("audit-record-list", "get", LIST)
    yield Rule("audit-record-detail", "get", SEEN, (P.AUDIT,), pk("record"))
    yield Rule("audit-history", "get", ACT, (P.AUDIT,), history)
    for name in ("schema", "docs", "redoc", "unknown-route"):
        yield Rule(name, "get", OPEN)


PAGES = (
    "home", "fleet", "fleet_export", "orders", "promotions", "deployments", "reconciliation", "holds", "alerts",
    "critical", "limits", "limits_export", "exposure", "exposure_export", "exit_plans", "signal_sources", "signers",
    "markets", "maintenance_export", "marks", "marks_export", "days", "days_export", "gate_definitions",
)  # fmt: skip
OPEN_PATHS = ("healthz", "readyz", "metrics")
SIGN_IN_PATHS = (
    "account_login", "account_logout", "account_inactive", "account_signup", "account_reauthenticate",
    "account_email", "account_email_verification_sent", "account_change_password", "account_set_password",
    "account_reset_password", "account_confirm_login_code", "account_reset_password_from_key_done",
    "account_reset_password_done", "account_confirm_email", "account_reset_password_from_key",
)  # fmt: skip
BALLOT = {"digest": DIGEST, "verdict": "approve"}


def page_rules() -> Iterator[Rule]:
    """The console."""
    for name in PAGES:
        yield Rule(name, "get", LIST)
    yield Rule("bot", "get", SEEN, (P.VIEW,), named("name", "bot", "name"))
    yield Rule("bot_tab", "get", SEEN, (P.VIEW,), lambda side: {"name": side.bot.name, "tab": "orders"})
    yield Rule("bot_series", "get", SEEN, (P.VIEW,), _series)
    yield Rule("bot_close", "post", ACT, (P.EXIT,), named("name", "bot", "name"))
    yield Rule("bot_hand_over", "post", ACT, (P.ADMINISTER,), named("name", "bot", "name"))
    yield from (Rule(*row) for row in declared.PAGES)
    yield Rule("person_bots", "get", SHARED, (), lambda side: {"person_id": side.bot.owner_id})
    yield Rule("person_hand_over", "post", ACT, (P.ADMINISTER,), lambda side: {"person_id": side.bot.owner_id})
    yield Rule("order", "get", SEEN, (P.VIEW,), named("order_id", "order"))
    yield Rule("order_cancel", "post", ACT, (P.EXIT,), named("order_id", "order"))
    yield Rule("order_replace", "post", ACT, (P.TRADE, P.EXIT), named("order_id", "order"))
    yield Rule("order_settle", "post", ACT, (P.OPERATE,), named("order_id", "order"))
    yield Rule("order_settle_vote", "post", ACT, (P.VOTE_RISK,), named("order_id", "order"))
    yield Rule("order_cancel_all", "post", ACT, (P.EXIT, P.TRADE), nothing, _sweep)
    yield Rule("release", "get", SEEN, (P.VIEW,), named("release_id", "release"))
    yield Rule("gate_definition_set", "post", FIRM, (P.ADMINISTER, P.VOTE_RISK))
    for name, (permissions, found) in gate_asks.ACTS.items():
        yield Rule(name, "post", ACT, permissions, found, _ballot)
    yield Rule("promotion", "get", SEEN, (P.VIEW,), named("number", "voting", "number"))
    yield Rule(
        "promotion_vote", "post", ACT, (P.VOTE_TRADER, P.VOTE_RISK), named("number", "voting", "number"), _ballot
    )
    yield Rule("promotion_withdraw", "post", ACT, (P.BUILD,), named("number", "voting", "number"))
    yield Rule("deployment", "get", SEEN, (P.VIEW,), named("deployment_id", "deployment"))
    for verb in ("pause", "resume", "stop"):
        yield Rule(f"deployment_{verb}", "post", ACT, (P.OPERATE,), named("deployment_id", "deployment"))
    yield Rule("reconciliation_run", "post", ACT, (P.OPERATE,), nothing, lambda side: {"account": side.account.pk})
    yield Rule("break_resolve", "post", ACT, (P.OPERATE,), named("break_id", "break"))
    yield Rule("hold_place", "post", ACT, (P.HOLD,), nothing, CREATES["hold-list"][1])
    yield Rule("hold_release", "post", ACT, (P.RELEASE_HOLD,), named("hold_id", "hold"))
    yield Rule("hold_vote", "post", ACT, (P.RELEASE_HOLD,), named("hold_id", "hold"))
    yield Rule("drill_schedule", "post", ACT, (P.OPERATE, P.SET_LIMITS), nothing, CREATES["kill-switch-list"][1])
    yield Rule("exit_plan", "get", SEEN, (P.VIEW,), named("plan_id", "exit_plan"))
    yield Rule("exit_start", "post", ACT, (P.EXIT,), nothing, lambda side: exit_terms(side) | {"collar_bps": "0"})
    yield Rule("exit_stop", "post", ACT, (P.EXIT,), named("plan_id", "exit_plan"))
    for values in (*trust_asks.pages(), *research.pages(), *machine_asks.PAGES):
        yield Rule(*values)
    yield Rule("signal_ask", "post", ACT, (P.ADMINISTER,), named("source_id", "signal_source"))
    yield Rule("signal_vote", "post", ACT, (P.VOTE_RISK,), named("source_id", "signal_source"))
    yield Rule("signal_stop", "post", ACT, (P.OPERATE, P.HOLD), named("source_id", "signal_source"))
    yield Rule("alert_acknowledge", "post", ACT, (P.OPERATE,), named("alert_id", "alert"))
    yield Rule("alert_resolve", "post", ACT, (P.OPERATE,), named("alert_id", "alert"))
    yield Rule("limit_put", "post", ACT, (P.SET_LIMITS,), nothing, limit)
    yield Rule("throttle_enable", "post", ACT, (P.RELEASE_HOLD,), named("throttle_id", "throttle"))
    yield Rule("limit_vote", "post", ACT, (P.VOTE_RISK,), named("raise_id", "limit_raise"), _raise_ballot)
    yield from _market_pages()
    yield Rule("audit", "get", LIST, (P.AUDIT,))
    yield Rule("audit_export", "get", LIST, (P.AUDIT,), lambda side: {"kind": "jsonl"})
    yield Rule("object_history", "get", ACT, (P.AUDIT,), lambda side: {"label": "bots.bot", "object_id": side.bot.pk})
    for name in (*OPEN_PATHS, *SIGN_IN_PATHS):
        yield Rule(name, "get", OPEN)


def _market_pages() -> Iterator[Rule]:
    yield Rule("fx_rate_enter", "post", FIRM, (P.SET_LIMITS,), nothing, asks.fx_rate)
    yield Rule("mark_state", "post", FIRM, (P.SET_LIMITS,), nothing, asks.mark)
    yield Rule("mark_import", "post", FIRM, (P.SET_LIMITS,), nothing, asks.mark_file)
    yield Rule("market_state_set", "post", FIRM, (P.SET_LIMITS,), nothing, asks.market_state)
    yield Rule("maintenance_announce", "post", FIRM, (P.SET_LIMITS,), nothing, asks.maintenance)
    yield Rule("maintenance_change", "post", FIRM, (P.SET_LIMITS,), lambda side: {"window_id": asks.window(side)["pk"]})
    for name, asked in asks.VOTED_ON.items():
        yield Rule(f"{name}_vote", "post", FIRM, (P.VOTE_RISK,), _request_of(asked), _ballot)


def _request_of(asked: Values) -> Values:
    return lambda side: {"request_id": asked(side)["pk"]}


def _series(side: Side) -> dict[str, Any]:
    return {"name": side.bot.name, "deployment_id": side.deployment.pk}


def _sweep(side: Side) -> dict[str, Any]:
    return {"scope": side.bot.scope_id, "purposes": "OPENING"}


def _ballot(_: Side) -> dict[str, Any]:
    return BALLOT


def _raise_ballot(side: Side) -> dict[str, Any]:
    return BALLOT | {"digest": side.limit_raise.consent.digest}


API = list(api_rules())
CONSOLE = list(page_rules())
SOCKETS = {"live/"}
