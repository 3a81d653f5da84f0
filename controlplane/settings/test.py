"""What the tests use: the embedded servers, quick password hashes."""

import os

os.environ.setdefault("QUARTERDECK_SECRET_KEY", "tests-only-" + "x" * 40)
os.environ.setdefault("DATABASE_URL", "postgresql://quarterdeck_app@127.0.0.1:1/quarterdeck")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1/0")

from controlplane.settings.dev import *

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"]["CONN_MAX_AGE"] = 0
