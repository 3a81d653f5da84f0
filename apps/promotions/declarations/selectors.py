"""What a declaration is judged by, read from everywhere; and how far what is has drifted from what was declared."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Max, QuerySet

from apps.access import selectors as access
from apps.access.models import Scope, User
from apps.access.states import Permission
from apps.audit.models import Record
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet
from apps.common.clocks import wall_now
from apps.common.decimals import text_of
from apps.common.errors import Invalid
from apps.common.located import ERROR, Document, Finding, read
from apps.markets.models import Feed, Instrument
from apps.promotions.declarations import rules
from apps.promotions.declarations.rules.directions import NEUTRAL, TIGHTENS, WIDENS
from apps.promotions.declarations.rules.facts import written
from apps.promotions.declarations.schema import DECLARATION
from apps.promotions.models import Declaration
from apps.releases.models import Release
from apps.risk import services as risk
from apps.risk.models import Limit, LimitRaise
from apps.venues.models import Account, Venue

UNREAD = ("sbom", "provenance")  # large, and no rule looks at them
RELATED = ("scope__parent", "owner", "fallback_owner", "strategy__bucket")

# A line that somebody may not apply, a code, and what to do.
Demand = tuple[rules.Line, str, str]


@dataclass(frozen=True, slots=True)
class Heads:
    """What counts now: what was declared last, or what was pushed by hand since."""

    config: ConfigBundle | None
    parameters: ParameterSet | None
    release: Release | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A declaration without errors against the state now."""

    document: Document
    bundle: dict[str, Any] | None
    code: rules.CodeNow | None
    warnings: list[Finding]
    plan: rules.Plan


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that is not as it was declared: which way it went, and by whom, when and why where that is known."""

    path: str
    declared: Any
    actual: Any
    direction: str
    is_waiting: bool
    record: Record | None


def find(bot: Bot) -> Bot:
    """The bot with all that the rules look at."""
    return Bot.objects.select_related(*RELATED).get(pk=bot.pk)


def of_bot(bot: Bot) -> QuerySet[Declaration]:
    """The declarations that were applied, newest first."""
    related = ("applied_by", "config_bundle", "parameter_set", "code_version", "release")
    rows = Declaration.objects.filter(bot=bot).select_related(*related).order_by("-number")
    return rows.defer(*(f"code_version__{name}" for name in UNREAD))


def newest(bot: Bot) -> Declaration | None:
    """The declaration that says what should be, or None when nothing was ever declared."""
    return of_bot(bot).first()


def head_numbers(bot: Bot) -> dict[str, int]:
    """The numbers of the newest versions and release; 0 where there is none."""
    kinds: dict[str, QuerySet[Any]] = {
        "config": ConfigBundle.objects.all(),
        "parameters": ParameterSet.objects.all(),
        "release": Release.objects.all(),
    }
    return {name: rows.filter(bot=bot).aggregate(top=Max("number"))["top"] or 0 for name, rows in kinds.items()}


def heads(bot: Bot) -> Heads:
    """What counts now: the same content twice is one version, so what was declared last may have any number."""
    last, tops = newest(bot), head_numbers(bot)

    def head(name: str, declared: Any, rows: QuerySet[Any]) -> Any:
        if last is not None and declared is not None and last.heads[name] == tops[name]:
            return declared
        return rows.filter(bot=bot, number=tops[name]).first()

    releases = Release.objects.select_related("code_version", "made_by")
    releases = releases.defer(*(f"code_version__{name}" for name in UNREAD))
    return Heads(
        config=head("config", last and last.config_bundle, ConfigBundle.objects.select_related("pushed_by")),
        parameters=head("parameters", last and last.parameter_set, ParameterSet.objects.select_related("pushed_by")),
        release=head("release", last and last.release, releases),
    )


def limits_of(bot: Bot) -> dict[str, Limit]:
    """The bot's own limits in the risk ledger, by kind."""
    rows = Limit.objects.filter(scope=bot.scope).select_related("raised_by__consent__requested_by").order_by("kind")
    return {row.kind: row for row in rows}


def actual(bot: Bot) -> rules.Actual:
    """The state now, as a plan is bound to it; `bot` as `find` reads it."""
    now = heads(bot)
    release = now.release
    return rules.Actual(
        bot=rules.BotNow(
            name=bot.name,
            strategy=bot.strategy.name,
            owner=bot.owner.username,
            fallback_owner=bot.fallback_owner.username,
            symbols=tuple(bot.symbols),
            accounts=tuple(bot.accounts),
            pool=bot.worker_pool,
        ),
        config=now.config.content if now.config else None,
        parameters=now.parameters.content if now.parameters else None,
        code=_code(release.code_version) if release else None,
        release=release.number if release else None,
        is_release_of_these=_is_of(release, now),
        limits={kind: _limit(row) for kind, row in limits_of(bot).items()},
        waiting=_waiting(bot),
    )


def _is_of(release: Release | None, now: Heads) -> bool:
    if release is None or now.config is None or now.parameters is None:
        return False
    return release.config_bundle_id == now.config.pk and release.parameter_set_id == now.parameters.pk


def _limit(row: Limit) -> rules.LimitNow:
    if row.reverts_to is None or risk.in_force(row) != row.value or row.expires_at is None:
        return rules.LimitNow(risk.in_force(row))
    return rules.LimitNow(row.value, row.expires_at, row.reverts_to)


def _waiting(bot: Bot) -> frozenset[tuple[str, str, str | None]]:
    """Raises of the bot's limits that nobody has decided yet, or whose time has not come."""
    rows = LimitRaise.objects.filter(
        scope=bot.scope, applied_at=None, consent__state__in=("open", "granted"), consent__expires_at__gt=wall_now()
    )
    return frozenset((row.kind, text_of(row.value), written(row.expires_at)) for row in rows)


def _code(row: CodeVersion) -> rules.CodeNow:
    data = row.manifest.get("data", {})
    return rules.CodeNow(
        version=row.version,
        digest=row.artifact_sha256,
        interval=data.get("interval", ""),
        fields=tuple(data.get("fields", ())),
        schema=row.parameter_schema,
    )


def facts(bot: Bot, declared: dict[str, Any]) -> rules.Facts:
    """What a declaration of the right shape is checked against; names only as far as the bot reaches."""
    named = declared.get("config", {})
    feeds = Feed.objects.filter(name=named.get("feed", "")).select_related("instrument")
    accounts = Account.objects.filter(bucket=bot.strategy.bucket).select_related("venue")
    owners = access.holders(Permission.VIEW, bot.scope).values_list("username", flat=True)
    symbols = Instrument.objects.filter(symbol__in=named.get("symbols", [])).values_list("symbol", flat=True)
    return rules.Facts(
        now=wall_now(),
        owners=frozenset(owners),
        instruments=frozenset(symbols),
        accounts={row.name: row.venue.name for row in accounts},
        venues=frozenset(Venue.objects.values_list("name", flat=True)),
        feeds={row.name: row.instrument.symbol for row in feeds},
        codes=tuple(_code(row) for row in bot.code_versions.defer(*UNREAD).order_by("-number")),
        above=_above(bot.scope),
    )


def _above(scope: Scope) -> dict[str, tuple[Any, str]]:
    """The strictest limit of each kind above the scope, and on what it stands."""
    found: dict[str, tuple[Any, str]] = {}
    rows = Limit.objects.filter(scope__in=scope.lineage[:-1]).select_related("scope").order_by("scope__path")
    for row in rows:
        value = risk.in_force(row)
        if row.kind not in found or value < found[row.kind][0]:
            found[row.kind] = (value, str(row.scope))
    return found


def judge(bot: Bot, raw: bytes) -> Judged:
    """The declaration `raw` against the state now. Raises Invalid DOCUMENT_UNREADABLE, DECLARATION_INVALID with
    `failures`, each with line, column, path, problem, fix and code."""
    document, row = read(raw), find(bot)
    _refuse(rules.misfits(document, document.value, DECLARATION))
    bundle, state = rules.bundle_of(document.value), actual(row)
    known = facts(row, document.value)
    found = rules.lint(document, bundle, known, state)
    _refuse([finding for finding in found if finding.severity == ERROR])
    code = rules.chosen_code(document.value, known, state)
    return Judged(document, bundle, code, found, rules.plan(document, bundle, state, code))


def _refuse(errors: list[Finding]) -> None:
    if errors:
        first = errors[0]
        raise Invalid(
            "DECLARATION_INVALID",
            f"line {first.line}: {first.problem}: {first.fix}",
            failures=[finding.as_json() for finding in errors],
        )


def demands(bot: Bot, plan: rules.Plan, user: User) -> list[Demand]:
    """What keeps `user` from applying the plan: the line, a code, and what to do."""
    found = [(line, "PLAN_REFUSED", line.why) for line in plan.of(rules.Action.REFUSE)]
    if not access.may(user, Permission.SET_LIMITS, bot.scope):
        fix = "somebody who may set limits applies it"
        found += [(line, "PERMISSION_DENIED", fix) for line in plan.of(rules.Action.LOWER, rules.Action.ASK)]
    elif user.is_service:
        fix = "only a person asks for more: a person who may set limits applies it"
        found += [(line, "PERSON_NEEDED", fix) for line in plan.of(rules.Action.ASK)]
    if not access.may(user, Permission.BUILD, bot.scope):
        others = plan.of(rules.Action.CONFIG, rules.Action.PARAMETERS, rules.Action.RELEASE, rules.Action.HAND_OVER)
        found += [(line, "PERMISSION_DENIED", "somebody who may build applies it") for line in others]
    return found


def drift(bot: Bot) -> list[Drift]:
    """Where the state is not what the newest declaration says; empty without one."""
    last = newest(bot)
    if last is None:
        return []
    row = find(bot)
    document, state = Document(last.content), actual(row)
    code = _code(last.code_version) if last.code_version else None
    plan = rules.plan(document, rules.bundle_of(last.content), state, code)
    records = _Records(row)
    return [_drift(line, records) for line in plan.lines if not _follows(line, plan, state, code)]


def _follows(line: rules.Line, plan: rules.Plan, state: rules.Actual, code: rules.CodeNow | None) -> bool:
    """Whether a release of the same code is missing only because other things are not as declared."""
    is_same = state.code is not None and code is not None and state.code.digest == code.digest
    others = plan.of(rules.Action.CONFIG, rules.Action.PARAMETERS)
    return line.action == rules.Action.RELEASE and is_same and bool(others)


_OTHER_WAY = {WIDENS: TIGHTENS, TIGHTENS: WIDENS, NEUTRAL: NEUTRAL}


def _drift(line: rules.Line, records: "_Records") -> Drift:
    is_waiting = line.action == rules.Action.WAIT
    return Drift(line.path, line.after, line.before, _OTHER_WAY[line.direction], is_waiting, records.of(line.path))


class _Records:
    """Who last touched what a path names, from the record of acts; each looked up once."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        now = heads(bot)
        self.targets: dict[str, Any] = {
            "config": now.config,
            "alerts": now.config,
            "latency_budget": now.config,
            "schedules": now.config,
            "parameters": now.parameters,
            "code": now.release,
        }
        self.limits = limits_of(bot)
        self.known: dict[Any, Record | None] = {}

    def of(self, path: str) -> Record | None:
        """The newest act on what stands at this path of the declaration."""
        section, _, name = path.partition(".")
        if section == "bot":
            return self._newest(self.bot, "bot.handed_over")
        target = self.limits.get(name) if section == "limits" else self.targets.get(section)
        return None if target is None else self._newest(target)

    def _newest(self, target: Any, *acts: str) -> Record | None:
        if target.pk not in self.known:
            rows = Record.objects.filter(object_kind=target._meta.label_lower, object_id=target.pk)
            rows = rows.filter(act__in=acts) if acts else rows
            self.known[target.pk] = rows.order_by("-id").first()
        return self.known[target.pk]
