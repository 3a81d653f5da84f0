"""Receiving an artifact: refused by what it calls itself before it is read, and by its size while it arrives."""

import tempfile
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.bots.archive import PACKED_BYTES_MAX
from apps.common.api.parsers import TooLarge, UploadParser, check_storable
from apps.common.canonical import loads_strict
from apps.common.errors import Invalid

ARTIFACT_MIB_MAX = PACKED_BYTES_MAX // 1_048_576
# What the other fields and the multipart framing may add: an SBOM, a provenance, short texts.
FIELDS_BYTES_MAX = 2_400_000
SUFFIXES = (".zip", ".whl")
KINDS = ("application/zip", "application/x-zip-compressed", "application/x-wheel+zip", "application/octet-stream", "")


class Incoming(TemporaryUploadedFile):
    """An artifact that arrives: a file of the installation, which goes when the request ends."""

    def __init__(self, name: str, content_type: str, charset: str | None, extra: dict[str, bytes] | None) -> None:
        settings.INCOMING_ROOT.mkdir(parents=True, exist_ok=True)
        file = tempfile.NamedTemporaryFile(suffix=".upload", dir=settings.INCOMING_ROOT)  # noqa: SIM115 - the base closes it
        UploadedFile.__init__(self, file, name, content_type, 0, charset, extra)


class ArtifactHandler(TemporaryFileUploadHandler):
    """Writes the artifact to disk while it arrives, so that memory stays flat, and no more of it than is allowed."""

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        """Refuse (ARTIFACT_TYPE) what does not even claim to be a wheel or zip."""
        FileUploadHandler.new_file(self, field_name, file_name, *args, **kwargs)
        kind = (self.content_type or "").lower()
        if PurePosixPath(file_name).suffix.lower() not in SUFFIXES or kind not in KINDS:
            raise Invalid("ARTIFACT_TYPE", f"the artifact is a {' or '.join(SUFFIXES)} file, sent as application/zip")
        self.file = Incoming(file_name, kind, self.charset, self.content_type_extra)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write a chunk, unless the file has become too large."""
        if start + len(raw_data) > PACKED_BYTES_MAX:
            self.file.close()  # and gone
            raise TooLarge(f"an artifact may have at most {ARTIFACT_MIB_MAX} MiB")
        super().receive_data_chunk(raw_data, start)


class ArtifactParser(UploadParser):
    """Multipart with one artifact."""

    bytes_max = PACKED_BYTES_MAX + FIELDS_BYTES_MAX

    def handlers(self, request: Any) -> list[FileUploadHandler]:
        """Files go to disk only."""
        return [ArtifactHandler(request)]


@extend_schema_field({"type": "object", "additionalProperties": True})
class JSONObject(serializers.JSONField):
    """A JSON object, in a form as its text: read strictly, bounded in depth."""

    def to_internal_value(self, data: Any) -> Any:
        """The object; text that is no plain JSON is refused."""
        try:
            value = loads_strict(data) if isinstance(data, str | bytes) else data
            check_storable(value)
        except (ValueError, RecursionError) as error:
            raise serializers.ValidationError(f"not acceptable JSON: {error}", code="JSON_MALFORMED") from None
        if not isinstance(value, dict):
            raise serializers.ValidationError("must be a JSON object", code="JSON_MALFORMED")
        return value
