"""WSGI entry point: everything over HTTP."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings.prod")
application = get_wsgi_application()
