"""What `make run` uses on one machine: demo people, plain HTTP on loopback."""

import os

from controlplane.settings.base import *

ALLOWED_HOSTS = [*ALLOWED_HOSTS, "localhost", "127.0.0.1"]
ALLOWED_ORIGINS = [PUBLIC_URL, f"http://127.0.0.1:{PORT}", f"http://localhost:{PORT}"]
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
CONTENT_SECURITY_POLICY["DIRECTIVES"]["connect-src"] += [f"ws://localhost:{LIVE_PORT}"]
DEMO_ALLOWED = True
DEMO_SPEED = int(os.environ.get("DEMO_SPEED", "3600"))  # market seconds per wall second of the demo's feeds
SESSION_COOKIE_NAME = f"quarterdeck_session_{PORT}"
CSRF_COOKIE_NAME = f"quarterdeck_csrf_{PORT}"
WHITENOISE_USE_FINDERS = True  # serve static/ as it is, without collectstatic
