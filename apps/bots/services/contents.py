"""Texts of a stored artifact, read without unpacking or running it."""

from collections.abc import Sequence

from apps.bots import artifacts
from apps.bots.archive import open_checked, read_member
from apps.bots.models import CodeVersion
from apps.bots.store import store

TEXT_BYTES_MAX = 256 * 1_024


def read_text(code: CodeVersion, names: Sequence[str]) -> tuple[str, str] | None:
    """Name and text of the first of `names` that the artifact holds, or None; bytes that are no UTF-8 are replaced.

    Raises artifacts.ArtifactRefused ARTIFACT_MISSING, ARTIFACT_DIGEST when the stored bytes are others than those
    pushed, ARTIFACT_TOO_LARGE above TEXT_BYTES_MAX.
    """
    with store().taken(code.artifact_sha256) as stored, stored.open("rb") as handle:
        archive, members = open_checked(handle)
        with archive:
            held = {member.name: member for member in members}
            name = next((name for name in names if name in held), None)
            if name is None:
                return None
            if held[name].info.file_size > TEXT_BYTES_MAX:
                raise artifacts.ArtifactRefused("ARTIFACT_TOO_LARGE", f"{name} is larger than {TEXT_BYTES_MAX} bytes.")
            return name, b"".join(read_member(archive, held[name])).decode(errors="replace")
