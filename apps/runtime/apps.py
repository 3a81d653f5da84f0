"""App configuration."""

from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    """Runs a verified build in a sandbox; the simulator; backtests; statistics."""

    name = "apps.runtime"
    label = "runtime"
