"""Production: HTTPS behind a proxy; refuses to start with the demo's settings."""

from controlplane.settings.base import *

if len(SECRET_KEY) < 50 or SECRET_KEY.startswith(("demo", "dev", "tests-only")):
    raise RuntimeError("QUARTERDECK_SECRET_KEY must be at least 50 random characters in production")
if not PUBLIC_URL.startswith("https://") or not LIVE_URL.startswith("wss://"):
    raise RuntimeError("PUBLIC_URL must be https:// and LIVE_URL wss:// in production")
if os.environ.get("DATABASE_OWNER_URL") and os.environ.get("DATABASE_URL") != os.environ["DATABASE_OWNER_URL"]:
    raise RuntimeError("DATABASE_OWNER_URL must not be given to processes that serve: only to `provision`")

SECURE_SSL_REDIRECT = os.environ.get("SECURE_SSL_REDIRECT", "1") == "1"
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
