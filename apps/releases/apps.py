"""App configuration."""

from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    """Release triples, build ids, gates and their evidence."""

    name = "apps.releases"
    label = "releases"
