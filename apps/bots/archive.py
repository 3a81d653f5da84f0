"""Opening a zip that a stranger made: every structural trick is refused before a byte is unpacked."""

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from apps.common.errors import Refused

MEBIBYTE = 1_048_576
PACKED_BYTES_MAX = 200 * MEBIBYTE
UNPACKED_BYTES_MAX = 500 * MEBIBYTE
FILE_COUNT_MAX = 5_000
DIRECTORY_BYTES_MAX = 4 * MEBIBYTE
NAME_LENGTH_MAX = 240
RATIO_MAX = 200
RATIO_FREE_BYTES = 64 * 1_024
CHUNK_BYTES = 256 * 1_024

_END_RECORD = struct.Struct("<4s4H2LH")
_LOCAL_HEADER_BYTES = 30
_REGULAR_KINDS = (0o000000, 0o100000)
_FOLDER_KIND = 0o040000
_ENCRYPTED = 0x1
_WINDOWS_NAMES = {"con", "prn", "aux", "nul"} | {f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10)}


class ArtifactRefused(Refused):
    """An artifact that must not be unpacked or run; the code says which rule it breaks."""


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of a checked archive."""

    name: str
    info: zipfile.ZipInfo


def open_checked(handle: BinaryIO) -> tuple[zipfile.ZipFile, list[Member]]:
    """The archive and its regular files, names and structure checked; ArtifactRefused otherwise.

    Contents are not read yet: read_member enforces the declared sizes while it does.
    """
    size = handle.seek(0, 2)
    if size > PACKED_BYTES_MAX:
        raise ArtifactRefused("ARTIFACT_TOO_LARGE", f"The artifact is larger than {PACKED_BYTES_MAX} bytes.")
    _check_end_record(handle, size)
    try:
        archive = zipfile.ZipFile(handle)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise ArtifactRefused("ARTIFACT_MALFORMED", f"Not a readable zip: {error}.") from None
    infos = archive.infolist()
    _check_layout(infos, archive.start_dir)
    members = [Member(info.filename, info) for info in infos if _is_file(info)]
    _check_names(infos)
    _check_sizes(infos)
    return archive, members


def read_member(archive: zipfile.ZipFile, member: Member) -> Iterator[bytes]:
    """The file's bytes in chunks; ArtifactRefused when they are not what the directory declared."""
    total = 0
    try:
        with archive.open(member.info) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                total += len(chunk)
                if total > member.info.file_size:
                    raise ArtifactRefused("ARTIFACT_MALFORMED", f"{member.name} is larger than declared.")
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ArtifactRefused("ARTIFACT_MALFORMED", f"{member.name} cannot be read: {error}.") from None
    if total != member.info.file_size:
        raise ArtifactRefused("ARTIFACT_MALFORMED", f"{member.name} is smaller than declared.")


def _check_end_record(handle: BinaryIO, size: int) -> None:
    """One plain end record at the very end, with sane counts, before the directory is parsed at all."""
    if size < _END_RECORD.size:
        raise ArtifactRefused("ARTIFACT_MALFORMED", "Not a zip: too short.")
    handle.seek(size - _END_RECORD.size)
    magic, disk, directory_disk, here, count, directory_bytes, offset, comment = _END_RECORD.unpack(
        handle.read(_END_RECORD.size)
    )
    if magic != b"PK\x05\x06" or disk or directory_disk or comment or here != count:
        raise ArtifactRefused("ARTIFACT_MALFORMED", "Not a plain zip: no end record at its very end.")
    if count > FILE_COUNT_MAX or directory_bytes > DIRECTORY_BYTES_MAX:
        raise ArtifactRefused("ARTIFACT_TOO_MANY_FILES", f"More than {FILE_COUNT_MAX} files.")
    if offset + directory_bytes + _END_RECORD.size != size:
        raise ArtifactRefused("ARTIFACT_MALFORMED", "Data hides before or after the zip directory.")
    handle.seek(0)


def _check_layout(infos: list[zipfile.ZipInfo], directory_at: int) -> None:
    """Files lie one behind the other: shared bytes are how small bombs unpack to much."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end or (end == 0 and info.header_offset != 0):
            raise ArtifactRefused("ARTIFACT_OVERLAP", f"{_shown(info.filename)} overlaps another file.")
        end = info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size
    if end > directory_at:
        raise ArtifactRefused("ARTIFACT_OVERLAP", "A file overlaps the zip directory.")


def _is_file(info: zipfile.ZipInfo) -> bool:
    """Whether it is a file (else a folder); ArtifactRefused for links, devices, encryption."""
    kind = (info.external_attr >> 16) & 0o170000
    if kind not in (*_REGULAR_KINDS, _FOLDER_KIND) or (kind == _FOLDER_KIND and not info.is_dir()):
        raise ArtifactRefused("ARTIFACT_SPECIAL_FILE", f"{_shown(info.filename)} is a link or special file.")
    if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArtifactRefused("ARTIFACT_MALFORMED", f"{_shown(info.filename)} is encrypted or oddly packed.")
    return not info.is_dir()


def _check_names(infos: list[zipfile.ZipInfo]) -> None:
    """Plain relative paths that no file system takes for one another."""
    files: set[str] = set()
    folders: set[str] = set()
    for info in infos:
        # What zipfile shows is cut at a NUL; the original name is what other tools would see.
        name = info.orig_filename
        _check_name(name)
        key = unicodedata.normalize("NFC", name.rstrip("/")).casefold()
        if key in files or (info.is_dir() and key in folders):
            raise ArtifactRefused("ARTIFACT_DUPLICATE_NAME", f"{_shown(name)} is there twice.")
        (folders if info.is_dir() else files).add(key)
    parents = {str(parent) for key in files | folders for parent in PurePosixPath(key).parents}
    if clash := files & (parents | folders):
        raise ArtifactRefused("ARTIFACT_DUPLICATE_NAME", f"{_shown(min(clash))} is both file and folder.")


def _check_name(name: str) -> None:
    parts = name.removesuffix("/").split("/")
    escapes = name.startswith("/") or "\\" in name or ".." in parts or (len(name) > 1 and name[1] == ":")
    if escapes:
        raise ArtifactRefused("ARTIFACT_PATH_ESCAPE", f"{_shown(name)} leads out of the archive.")
    if not name.isprintable() or len(name) > NAME_LENGTH_MAX or not all(map(_is_plain_part, parts)):
        raise ArtifactRefused("ARTIFACT_NAME_INVALID", f"{_shown(name)} is not a plain file name.")


def _is_plain_part(part: str) -> bool:
    stem = part.split(".", 1)[0].casefold()
    return part not in ("", ".") and part == part.rstrip(". ") and ":" not in part and stem not in _WINDOWS_NAMES


def _check_sizes(infos: list[zipfile.ZipInfo]) -> None:
    if sum(info.file_size for info in infos) > UNPACKED_BYTES_MAX:
        raise ArtifactRefused("ARTIFACT_TOO_LARGE", f"It unpacks to more than {UNPACKED_BYTES_MAX} bytes.")
    for info in infos:
        if info.file_size > RATIO_FREE_BYTES and info.file_size > RATIO_MAX * info.compress_size:
            raise ArtifactRefused("ARTIFACT_RATIO", f"{_shown(info.filename)} is packed suspiciously tight.")


def _shown(name: str) -> str:
    return ascii(name[:80])
