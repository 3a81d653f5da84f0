"""Every address of the product, walked from the resolver."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver

UNSAFE = {"post", "put", "patch", "delete"}


class Route(NamedTuple):
    """One method of one address."""

    name: str
    path: str
    method: str
    view: Any


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern below `resolver` with its whole path."""
    for item in resolver.url_patterns:
        path = prefix + str(item.pattern)
        if isinstance(item, URLResolver):
            yield from patterns(item, path)
        else:
            yield path, item


def routes(resolver: URLResolver | None = None) -> Iterator[Route]:
    """Every method of every address; of a plain function only that it is there (method `*`)."""
    for path, pattern in patterns(resolver or get_resolver()):
        callback = pattern.callback
        view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
        for method in _methods(callback, view):
            yield Route(pattern.name or path, path, method, view or callback)


def _methods(callback: Any, view: Any) -> list[str]:
    if getattr(callback, "actions", None):
        return [method for method in callback.actions if method != "head"]
    if view is not None:
        names = ("get", "post", "put", "patch", "delete")
        return [name for name in names if hasattr(view, name)]
    return ["*"]


def unsafe_views() -> set[type]:
    """The API's view classes that take unsafe methods."""
    return {
        route.view
        for route in routes()
        if route.method in UNSAFE and route.path.startswith("api/") and isinstance(route.view, type)
    }
