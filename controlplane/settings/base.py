"""Settings that hold in every environment; each value that differs is read from the environment."""

import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from celery.schedules import schedule
from csp.constants import NONCE, NONE, SELF

ROOT = Path(__file__).resolve().parent.parent.parent
VAR = Path(os.environ.get("QUARTERDECK_VAR", ROOT / "var"))


def required(name: str) -> str:
    """The environment variable `name`; a missing one stops the process with the name in the message."""
    value = os.environ.get(name, "")
    if not value:
        raise RuntimeError(f"{name} is not set: `make run` sets it, and so does docker-compose.yml")
    return value


def database(url: str) -> dict[str, Any]:
    """A Django database entry for a postgresql:// URL."""
    parts = urlsplit(url)
    if not re.fullmatch(r"postgres(ql)?", parts.scheme):
        raise RuntimeError("DATABASE_URL must start with postgresql://: no other database is supported")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or 5432),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # Planned once a connection: planning cost more than running (7.5 against 2.4 ms of an order).
            "server_side_binding": True,
            "prepare_threshold": 3,
            "application_name": os.environ.get("QUARTERDECK_PROCESS", "quarterdeck"),
            "options": "-c statement_timeout=30s -c lock_timeout=10s "
            "-c idle_in_transaction_session_timeout=60s -c timezone=UTC",
        },
    }


DEBUG = False
SECRET_KEY = required("QUARTERDECK_SECRET_KEY")
DATABASES = {"default": database(required("DATABASE_URL"))}
REDIS_URL = required("REDIS_URL")
DATABASE_ROLES = {"owner": "quarterdeck_owner", "app": "quarterdeck_app", "read": "quarterdeck_read"}

PORT = int(os.environ.get("PORT", "8000"))
LIVE_PORT = int(os.environ.get("LIVE_PORT", str(PORT + 1)))
PUBLIC_URL = os.environ.get("PUBLIC_URL", f"http://127.0.0.1:{PORT}")
LIVE_URL = os.environ.get("LIVE_URL", f"ws://{urlsplit(PUBLIC_URL).hostname}:{LIVE_PORT}")
ALLOWED_ORIGINS = [origin for origin in os.environ.get("ALLOWED_ORIGINS", PUBLIC_URL).split(",") if origin]
ALLOWED_HOSTS = [urlsplit(origin).hostname or "" for origin in ALLOWED_ORIGINS]
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "pgtrigger",
    "simple_history",
    "guardian",
    "allauth",
    "allauth.account",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
    "channels",
    "apps.common",
    "apps.audit",
    "apps.access",
    "apps.alerts",
    "apps.markets",
    "apps.bots",
    "apps.runtime",
    "apps.venues",
    "apps.venues.paper",
    "apps.releases",
    "apps.risk",
    "apps.promotions",
    "apps.deployments",
    "apps.execution",
    "apps.execution.exits",
    "apps.execution.signals",
    "apps.reconciliation",
    "apps.rollouts",
    "apps.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.common.middleware.RequestIdMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.console.middleware.SignInRequiredMiddleware",
    "apps.console.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "controlplane.urls"
WSGI_APPLICATION = "controlplane.wsgi.application"
ASGI_APPLICATION = "controlplane.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.console.context.frame",
            ],
        },
    }
]

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "apps.access.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "EXCLUDE_URL_PREFIXES": [],
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF, LIVE_URL],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", ROOT / "staticfiles"))
STATICFILES_DIRS = [ROOT / "static"]

# In PostgreSQL: signing in is rate-limited through it, and must work while Redis is away.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "quarterdeck_cache"}}
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]  # grants are read by access.selectors, not by an auth backend
# Celery only wakes workers: a message lost, doubled or late changes nothing (design rule 1).
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 2,
    "socket_connect_timeout": 1,
    "retry_on_timeout": False,
    "max_retries": 0,
    "health_check_interval": 10,
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_TIMEZONE = "UTC"

# queue -> task names; a test checks that every task of the code has exactly one queue.
QUEUES: dict[str, list[str]] = {
    "orders": [
        "execution.send_due_orders",
        "execution.sync_due_accounts",
        "execution.drain_holds",
        "execution.refresh_references",
        "execution.expire_sessions",
        "execution.exits.advance_due",
        "markets.tick_feeds",
        "venues.paper.match_due",
    ],
    "cycles": ["execution.run_due_cycles"],
    "gates": ["releases.run_due_gates", "runtime.run_due_backtests"],
    "default": [
        "access.forget_spent",
        "bots.watch_owners",
        "rollouts.apply_due",
        "rollouts.watch_trust",
        "reconciliation.run_due",
        "promotions.settle_due",
        "promotions.expire_due",
        "releases.expire_gates",
        "rollouts.report_due_gates",
        "risk.settle_limits",
        "execution.mark_books",
        "execution.contain_breaches",
        "execution.restate_days",
        "execution.run_due_drills",
        "execution.export_orders",
        "execution.exits.flatten_before_close",
    ],
}
# Without acknowledgements: one that Redis could not take when it died would hold a prefetch slot for ever.
CELERY_TASK_QUEUES = {name: {"exchange": name, "routing_key": name, "no_ack": True} for name in QUEUES}
CELERY_TASK_ROUTES = {task: {"queue": queue} for queue, tasks in QUEUES.items() for task in tasks}
# Sweeps: every obligation is found within these seconds even when its nudge was lost.
SWEEP_S: dict[str, float] = {
    "execution.send_due_orders": 1,
    "execution.sync_due_accounts": 1,
    "execution.drain_holds": 1,
    "execution.refresh_references": 1,
    "execution.expire_sessions": 1,
    "execution.mark_books": 2,
    "execution.contain_breaches": 2,
    "execution.restate_days": 5,
    "execution.exits.advance_due": 1,
    "execution.exits.flatten_before_close": 5,
    "execution.run_due_drills": 5,
    "execution.export_orders": 60,
    "risk.settle_limits": 5,
    "markets.tick_feeds": 1,
    "venues.paper.match_due": 1,
    "execution.run_due_cycles": 1,
    "releases.run_due_gates": 3,
    "access.forget_spent": 60,
    "runtime.run_due_backtests": 3,
    "bots.watch_owners": 30,
    "releases.expire_gates": 30,
    "rollouts.apply_due": 2,
    "rollouts.watch_trust": 1,
    "rollouts.report_due_gates": 5,
    "reconciliation.run_due": 5,
    "promotions.settle_due": 3,
    "promotions.expire_due": 30,
}
CELERY_BEAT_SCHEDULE = {
    name: {"task": name, "schedule": schedule(run_every=every), "options": {"expires": max(2 * every, 5)}}
    for name, every in SWEEP_S.items()
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.access.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "apps.common.api.pagination.NewestFirst",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "apps.common.api.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "apps.common.api.problems.handle",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Quarterdeck",
    "DESCRIPTION": "The control plane for production trading bots.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.common.api.schema.any_value",
    ],
    "ENUM_NAME_OVERRIDES": {
        "UserKind": "apps.access.states.UserKind",
        "ScopePermission": "apps.access.states.Permission",
        "ConsentState": "apps.access.states.ConsentState",
        "AlertTier": "apps.alerts.states.Tier",
        "AlertState": "apps.alerts.states.AlertState",
        "InstrumentClass": "apps.markets.states.InstrumentClass",
        "FeedState": "apps.markets.states.FeedState",
        "MarketState": "apps.markets.states.MarketState",
        "MarkKind": "apps.markets.states.MarkKind",
        "Stage": "apps.bots.states.Stage",
        "Environment": "apps.bots.states.Environment",
        "Mode": "apps.bots.states.Mode",
        "GateKind": "apps.releases.states.GateKind",
        "GateState": "apps.releases.states.GateState",
        "BacktestState": "apps.runtime.states.BacktestState",
        "GateReporter": "apps.releases.states.Reporter",
        "LimitKind": "apps.risk.states.LimitKind",
        "HoldLevel": "apps.risk.states.HoldLevel",
        "HoldSource": "apps.risk.states.HoldSource",
        "HoldState": "apps.risk.states.HoldState",
        "DrainState": "apps.risk.states.DrainState",
        "PromotionState": "apps.promotions.states.PromotionState",
        "DesiredState": "apps.deployments.states.Desired",
        "ObservedState": "apps.deployments.states.Observed",
        "Side": "apps.execution.states.Side",
        "OrderType": "apps.execution.states.OrderType",
        "TimeInForce": "apps.execution.states.TimeInForce",
        "Purpose": "apps.execution.states.Purpose",
        "OrderState": "apps.execution.states.OrderState",
        "OrderRemainder": "apps.execution.states.Remainder",
        "SessionState": "apps.execution.states.SessionState",
        "VerificationMoment": "apps.bots.states.Moment",
        "VerificationVerdict": "apps.bots.states.Verdict",
        "SignalMode": "apps.execution.signals.states.SourceMode",
        "SignalOutcome": "apps.execution.signals.states.Outcome",
        "SettleOutcome": "apps.execution.states.SettleOutcome",
        "ExitPlanState": "apps.execution.exits.states.PlanState",
        "ExitPlanSource": "apps.execution.exits.states.PlanSource",
        "ExitLegState": "apps.execution.exits.states.LegState",
        "CancelChoice": "apps.risk.states.CancelChoice",
        "DrillState": "apps.risk.states.DrillState",
        "RunState": "apps.reconciliation.states.RunState",
        "BreakKind": "apps.reconciliation.states.BreakKind",
        "BreakSeverity": "apps.reconciliation.states.Severity",
        "BreakState": "apps.reconciliation.states.BreakState",
    },
}

SIMPLE_HISTORY_ENABLED = False  # database triggers write history (design §8); the ORM writer stays off
SIMPLE_HISTORY_ENFORCE_HISTORY_MODEL_PERMISSIONS = False
PGTRIGGER_SCHEMA_EDITOR = True

ARTIFACT_ROOT = VAR / "artifacts"
ARTIFACT_STORE = os.environ.get("ARTIFACT_STORE", "")  # empty: the folder above; else s3://bucket/prefix
ARTIFACT_S3_ENDPOINT = os.environ.get("ARTIFACT_S3_ENDPOINT", "")  # empty: Amazon's; keys are boto3's own variables
BUILD_ROOT = VAR / "builds"
INCOMING_ROOT = VAR / "incoming"  # on disk: a container's /tmp may be memory
SCRATCH_ROOT = VAR / "scratch"
DATASET_ROOT = ROOT / "data"
DATASET_UPLOAD_ROOT = VAR / "datasets"  # what people upload, by digest; shared by web and workers
VENUE_KEYS_ROOT = VAR / "keys" / "venues"  # one file per account, mode 0600; never in the database
SIGNAL_KEYS_ROOT = VAR / "keys" / "signals"
OFFLINE_EXPORT_ROOT = VAR / "offline"
OFFLINE_KEYS = [key for key in os.environ.get("OFFLINE_KEYS", "").split(",") if key]
TRUSTED_PROXIES = [net for net in os.environ.get("TRUSTED_PROXIES", "").split(",") if net]
# Issuers of OIDC tokens inside the firm's own network: their hosts may have private addresses.
ISSUER_PRIVATE_HOSTS = [host for host in os.environ.get("ISSUER_PRIVATE_HOSTS", "").split(",") if host]
ISSUER_HTTP_HOSTS: list[str] = []  # plain HTTP: for tests only
SEND_PERMIT_MS = 500
DUPLICATE_WINDOW_S = 1.0  # the same order of one bot again within this is a mistake
REFERENCE_STALE_S = 15.0  # an older price of another source is none
FX_RATE_VALID_MAX_D = 7  # how far ahead a rate's end may lie
FX_RATE_DEPARTS_PCT = Decimal(5)  # a rate further from the one that counts takes two people
FX_RATE_DEPARTS_H = 24  # many small steps within so many hours are measured as one
MAINTENANCE_MAX_D = 7  # how long an announced window of a venue may be
MARK_DEPARTS_PCT = Decimal(5)  # an official mark further from the feed's own price of that day takes two people
MARK_MISSING_H = 12.0  # an instrument that has official marks and lacks one so long after a day's end alerts
BOOKS_STALE_S = 60.0  # profit and loss marked longer ago denies what opens
CASH_STALE_S = 60.0
DRAIN_LIST_AFTER_S = 5.0  # then a drain lists what the venue has not confirmed
DRILL_EVERY_D = 30
DRILL_VALID_D = 35
STEP_UP_S = 600  # how long ago a person may have signed in to loosen a control
VENUE_TIMEOUT_S = 5.0
PROMOTION_EXPIRES_H = 24
BACKTESTS_OPEN_MAX = 10  # of one bot: asked for and not ended
DATASET_ROWS_MAX = 300_000  # of an uploaded file
RECONCILE_EVERY_S = 60
RECONCILE_CONFIRM_S = 2.0  # a difference counts when it is still there after this
REPLAY_SPEED_MAX = 100_000
DEMO_ALLOWED = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "apps.common.logs.formatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}, "celery": {"level": "WARNING"}},
}
