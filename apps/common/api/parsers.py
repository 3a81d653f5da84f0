"""Parsers with bounds: size, depth, duplicate names, characters that the database cannot store."""

from collections.abc import Mapping
from typing import IO, Any

import yaml
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import FileUploadHandler
from rest_framework import exceptions, parsers

from apps.common.canonical import loads_strict

BODY_BYTES_MAX = 1_048_576
UPLOAD_BYTES_MAX = 64 * 1_048_576
YAML_BYTES_MAX = 262_144
DEPTH_MAX = 50


class TooLarge(exceptions.APIException):
    """The body is larger than this call takes."""

    status_code = 413
    default_code = "BODY_TOO_LARGE"
    default_detail = "the body is larger than this call takes"


def bounded(stream: IO[bytes], context: Mapping[str, Any] | None, bytes_max: int) -> bytes:
    """The body, of at most `bytes_max`. Raises TooLarge before reading more."""
    request = (context or {}).get("request")
    _check_length(request.META.get("CONTENT_LENGTH") if request is not None else None, bytes_max)
    raw = stream.read(bytes_max + 1)
    if len(raw) > bytes_max:
        raise TooLarge
    return raw


def _check_length(value: str | None, bytes_max: int) -> None:
    if value and value.isdigit() and int(value) > bytes_max:
        raise TooLarge(f"the body may have at most {bytes_max} bytes")


def check_storable(value: Any, depth: int = 0) -> None:
    """Refuse what would not survive storage: NUL, lone surrogates, nesting beyond DEPTH_MAX."""
    if depth > DEPTH_MAX:
        raise ValueError(f"nested deeper than {DEPTH_MAX} levels")
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a NUL character")
        value.encode()
    elif isinstance(value, dict):
        for name, item in value.items():
            check_storable(name, depth + 1)
            check_storable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_storable(item, depth + 1)


class BoundedJSONParser(parsers.JSONParser):
    """Strict JSON up to BODY_BYTES_MAX."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The value; a body that is not an object or list of storable values is refused with 400."""
        raw = bounded(stream, parser_context, BODY_BYTES_MAX)
        try:
            value = loads_strict(raw)
            check_storable(value)
        except (ValueError, RecursionError) as error:
            raise exceptions.ParseError(f"not acceptable JSON: {error}") from None
        return value


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, dates and floats: a decimal stays the string that was written."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not accepted")
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":float", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class YAMLParser(parsers.BaseParser):
    """`application/yaml`: the same shapes as JSON, decimals kept as written."""

    media_type = "application/yaml"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The value; aliases, depth beyond DEPTH_MAX and unknown tags are refused with 400."""
        raw = bounded(stream, parser_context, YAML_BYTES_MAX)
        try:
            value = yaml.load(raw, Loader=_PlainLoader)
            check_storable(value)
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            raise exceptions.ParseError(f"not acceptable YAML: {error}") from None
        return value


class UploadParser(parsers.MultiPartParser):
    """Multipart up to `bytes_max`; large parts go to disk while they arrive."""

    bytes_max = UPLOAD_BYTES_MAX

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Fields and files."""
        request = (parser_context or {}).get("request")
        if request is not None:
            _check_length(request.META.get("CONTENT_LENGTH"), self.bytes_max)
            if handlers := self.handlers(request):
                request.upload_handlers = handlers
        try:
            return super().parse(stream, media_type, parser_context)
        except SuspiciousOperation:  # Django's bounds on fields and files
            raise TooLarge("the form has too many fields or files, or fields that are too large") from None

    def handlers(self, request: Any) -> list[FileUploadHandler]:
        """Where files go instead of where the settings say."""
        return []
