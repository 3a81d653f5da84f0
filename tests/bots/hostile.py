"""Hostile pushes by name: each is wrong in one place and made only when it is asked for."""

import base64
import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from quarterdeck.sign import SigningKey, attest

from tests.bots.archives import BOT_TOML, FILES, entry, make_zip, renamed
from tests.bots.attesting import forged_bill, statement
from tests.bots.envelopes import ENVELOPES

MEBIBYTE = 1_048_576
END_BYTES = 22
Data = Callable[[], bytes]


@dataclass(frozen=True)
class Attack:
    """What is pushed, the refusal that it must meet, and the fields of the push that are wrong."""

    data: Data
    code: str
    fields: dict[str, Any] = field(default_factory=dict)


def attacks(bot: str, key: SigningKey, ci: SigningKey, strangers: dict[str, SigningKey]) -> dict[str, Attack]:
    """All of them, for a bot whose desk trusts `key` to sign and `ci` to attest, and none of `strangers`."""
    files = FILES | {"bot.toml": BOT_TOML.replace("test-bot", bot)}
    good = make_zip(files)
    found = {name: Attack(data, code) for name, (data, code) in _archives(files, good).items()}
    found |= {name: Attack(data, code) for name, (data, code) in _described(files).items()}
    found |= {name: Attack(lambda: good, code, fields) for name, (fields, code) in _signed(key, strangers).items()}
    for name, (make, code) in ENVELOPES.items():
        found[f"provenance: {name}"] = Attack(lambda: good, code, {"envelope": partial(make, ci)})
    for name, (changes, code) in PROVENANCES.items():
        claim = lambda said, changes=changes: attest(ci, statement(said, **changes))  # noqa: E731
        found[f"provenance: {name}"] = Attack(lambda: good, code, {"claim": claim})
    found["bill of another build"] = Attack(lambda: good, "SBOM_LOCKFILE_MISMATCH", {"sbom": forged_bill()})
    found["bill that is none"] = Attack(lambda: good, "SBOM_MALFORMED", {"sbom": {"bomFormat": "CycloneDX"}})
    return found


PROVENANCES: dict[str, tuple[dict[str, Any], str]] = {
    "of another artifact": ({"artifact_sha256": "0" * 64}, "PROVENANCE_SUBJECT"),
    "of another builder": ({"builder_id": "https://ci.example/other"}, "PROVENANCE_BUILDER"),
    "from a fork": ({"source_repository": "https://git.example/mallory/bots"}, "PROVENANCE_SOURCE"),
    "from a feature branch": ({"ref": "refs/heads/feature"}, "PROVENANCE_REF"),
    "from a pull request": ({"ref": "refs/pull/7/merge"}, "PROVENANCE_REF"),
    "of another commit": ({"git_sha": "b" * 40}, "PROVENANCE_COMMIT"),
    "from the future": ({"finished_at": datetime.now(UTC) + timedelta(days=1)}, "PROVENANCE_FUTURE"),
    "ended before it began": ({"started_at": datetime.now(UTC) + timedelta(days=1)}, "PROVENANCE_TIMES"),
}


def _signed(key: SigningKey, strangers: dict[str, SigningKey]) -> dict[str, tuple[dict[str, Any], str]]:
    """Faults of the signature: what to sign otherwise, or to send instead."""
    return {
        "signed for another version": ({"signed": {"version": "9.9.9"}}, "SIGNATURE_INVALID"),
        "signed for another commit": ({"signed": {"git_sha": "b" * 40}}, "SIGNATURE_INVALID"),
        "signed for another bot": ({"signed": {"name": "other-bot"}}, "SIGNATURE_INVALID"),
        "signed for other bytes": ({"signed": {"artifact_sha256": "0" * 64}}, "SIGNATURE_INVALID"),
        "signature missing": ({"signature": ""}, "SIGNATURE_INVALID"),
        "signature that is no base64": ({"signature": "!" * 88}, "SIGNATURE_INVALID"),
        "signature cut short": ({"signature": base64.b64encode(b"x" * 32).decode()}, "SIGNATURE_INVALID"),
        "signature of zeros": ({"signature": base64.b64encode(bytes(64)).decode()}, "SIGNATURE_INVALID"),
        "signed by a stranger under a known name": (
            {"key": strangers["unknown"], "key_id": key.key_id},
            "SIGNATURE_INVALID",
        ),
        "signed by a stranger": ({"key": strangers["unknown"]}, "SIGNER_UNKNOWN"),
        "signed by another desk": ({"key": strangers["other"]}, "SIGNER_UNKNOWN"),
        "signed by a revoked key": ({"key": strangers["revoked"]}, "SIGNER_REVOKED"),
        "commit that is none": ({"git_sha": "HEAD"}, "GIT_SHA_MALFORMED"),
        "bytes changed on their way": ({"artifact_sha256": "0" * 64}, "ARTIFACT_DIGEST"),
        "bytes swapped after they were verified": ({"is_swapped": True}, "ARTIFACT_DIGEST"),
    }


def _archives(files: dict[str, str], good: bytes) -> dict[str, tuple[Data, str]]:
    """Faults of the archive itself."""
    malformed, overlap = "ARTIFACT_MALFORMED", "ARTIFACT_OVERLAP"
    found: dict[str, tuple[Data, str]] = {
        "nothing": (lambda: b"", malformed),
        "text": (lambda: b"not a zip at all, but long enough to look at", malformed),
        "cut at its end": (lambda: good[:-1], malformed),
        "cut in the middle": (lambda: good[: len(good) // 2], malformed),
        "without an end record": (lambda: good[:-END_BYTES], malformed),
        "trailing data": (lambda: good + b"trailing", malformed),
        "leading script": (lambda: b"#!/bin/sh\n" + good, malformed),
        "two archives in one": (lambda: good + good, malformed),
        "hidden in the comment": (lambda: _put(good, len(good) - 2, 4, "<H") + b"evil", malformed),
        "of several disks": (lambda: _put(good, len(good) - 18, 1, "<H"), malformed),
        "count that lies": (lambda: _put(good, len(good) - 12, 1, "<H"), malformed),
        "zip64 count without zip64": (
            lambda: _put(_put(good, len(good) - 12, 0xFFFF, "<H"), len(good) - 14, 0xFFFF, "<H"),
            "ARTIFACT_TOO_MANY_FILES",
        ),
        "zip64 directory size": (lambda: _put(good, len(good) - 10, 0xFFFFFFFF), "ARTIFACT_TOO_MANY_FILES"),
        "zip64 size of a file": (lambda: _entry(good, 24, 0xFFFFFFFF), "ARTIFACT_TOO_LARGE"),
        "directory elsewhere": (lambda: _put(good, len(good) - 6, 0), malformed),
        "encrypted": (lambda: _entry(good, 8, 1, "<H"), malformed),
        "packed oddly": (lambda: _entry(good, 10, 14, "<H"), malformed),
        "wrong checksum": (lambda: _entry(good, 16, 0), malformed),
        "larger than declared": (lambda: _entry(good, 24, 1), malformed),
        "smaller than declared": (lambda: _entry(good, 24, 60_000), malformed),
        "reaches into the next file": (lambda: _entry(good, 20, 10**6), overlap),
        "begins inside itself": (lambda: _entry(good, 42, 40), overlap),
        "bomb of 8 MiB": (lambda: make_zip(files | {"bomb": bytes(8 * MEBIBYTE)}), "ARTIFACT_RATIO"),
        "bomb of 64 MiB": (lambda: make_zip(files | {"bomb": bytes(64 * MEBIBYTE)}), "ARTIFACT_RATIO"),
        "many small bombs": (
            lambda: make_zip(files | {f"b{n}": bytes(MEBIBYTE) for n in range(20)}),
            "ARTIFACT_RATIO",
        ),
        "too many files": (lambda: make_zip(files | {f"f{n}": "" for n in range(5_000)}), "ARTIFACT_TOO_MANY_FILES"),
        "name behind a NUL": (
            lambda: renamed(make_zip(files, (entry("evil.py-x.txt"), "x")), b"evil.py-x.txt", b"evil.py\0x.txt"),
            "ARTIFACT_NAME_INVALID",
        ),
        "names in two Unicode forms": (
            lambda: make_zip(files | {"caf\u00e9.py": "a", "cafe\u0301.py": "b"}),
            "ARTIFACT_DUPLICATE_NAME",
        ),
        "file that is also a folder": (lambda: make_zip(files | {"bot.py/in.py": ""}), "ARTIFACT_DUPLICATE_NAME"),
    }
    for name, code in NAMES.items():
        found[f"name {name[:30]!a}"] = (partial(make_zip, files, (entry(name), "x")), code)
    for kind, mode in KINDS.items():
        data = partial(make_zip, files, (entry("special", mode), "/etc/passwd"))
        found[kind] = (data, "ARTIFACT_SPECIAL_FILE")
    return found


ESCAPE, PLAIN = "ARTIFACT_PATH_ESCAPE", "ARTIFACT_NAME_INVALID"
NAMES = {
    "../evil.py": ESCAPE, "a/../../evil.py": ESCAPE, "/etc/evil": ESCAPE, "..\\evil": ESCAPE, "C:/evil": ESCAPE,
    "c:evil": ESCAPE, "a//b": PLAIN, "./a": PLAIN, "a.": PLAIN, "a ": PLAIN, "a\nb": PLAIN, "con": PLAIN,
    "sub/NUL.txt": PLAIN, "xx:y": PLAIN, "n" * 241: PLAIN, "a\u202eb": PLAIN,
    "bot.py": "ARTIFACT_DUPLICATE_NAME", "BOT.py": "ARTIFACT_DUPLICATE_NAME",
}  # fmt: skip
KINDS = {
    "symbolic link": 0o120777, "named pipe": 0o010644, "character device": 0o020644, "block device": 0o060644,
    "socket": 0o140755, "folder that is a file": 0o040755,
}  # fmt: skip


def _described(files: dict[str, str]) -> dict[str, tuple[Data, str]]:
    """Faults of bot.toml and of the parameter schema."""
    toml, invalid = files["bot.toml"], "ARTIFACT_MANIFEST_INVALID"
    noise = random.Random(12).randbytes(300_000).hex()
    texts = {
        "TOML bomb of lists": ("x = " + "[" * 20_000 + "\n" + toml, invalid),
        "TOML bomb of names": (".".join("a" * 15_000) + " = 1\n" + toml, invalid),
        "TOML bomb of many names": ((".".join("a" * 190) + " = 1\n") * 70 + toml, invalid),
        "TOML deeper than kept": (f"x = {'[' * 100}{']' * 100}\n{toml}", invalid),
        "TOML with a NUL": ('x = "\\u0000"\n' + toml, invalid),
        "TOML with a date": ("x = 2026-01-01\n" + toml, invalid),
        "TOML with a NaN": ("x = nan\n" + toml, invalid),
        "TOML that ends early": (toml + "[", invalid),
        "TOML in UTF-16": (toml.encode("utf-16"), invalid),
        "TOML that is huge": (f"# {noise}\n{toml}", "ARTIFACT_TOO_LARGE"),
        "name that leads out": (toml.replace('name = "', 'name = "../'), invalid),
        "entry point that is code": (toml.replace('"bot:Bot"', '"os;system:Bot"'), invalid),
        "entry point that is not there": (toml.replace("bot:Bot", "other:Bot"), "ARTIFACT_ENTRY_POINT"),
        "another language": (toml.replace('"python"', '"elf"'), "ARTIFACT_LANGUAGE"),
        "another bot's": (toml.replace('name = "', 'name = "x'), "ARTIFACT_OTHER_BOT"),
    }
    schemas = {
        "schema bomb": ("[" * 50_000, "ARTIFACT_SCHEMA_INVALID"),
        "schema deeper than kept": (_deep(60), "ARTIFACT_SCHEMA_INVALID"),
        "schema much deeper": (_deep(1_500), "ARTIFACT_SCHEMA_INVALID"),
        "schema that fetches": (
            json.dumps({"type": "object", "allOf": [{"$ref": "http://evil.example/"}]}),
            "ARTIFACT_SCHEMA_INVALID",
        ),
        "schema that never ends": (json.dumps({"type": "object", "$ref": "#"}), "ARTIFACT_SCHEMA_INVALID"),
        "schema in UTF-16": ('{"type": "object"}'.encode("utf-16"), "ARTIFACT_SCHEMA_INVALID"),
        "schema with a NaN": ('{"type": "object", "default": NaN}', "ARTIFACT_SCHEMA_INVALID"),
        "schema with a NUL": ('{"type": "object", "title": "\\u0000"}', "ARTIFACT_SCHEMA_INVALID"),
        "schema with a name twice": ('{"type": "object", "type": "object"}', "ARTIFACT_SCHEMA_INVALID"),
        "schema whose check is slow": (
            json.dumps({"type": "object", "required": [[n] if n % 2 else str(n) for n in range(8_000)]}),
            "ARTIFACT_SCHEMA_INVALID",
        ),
        "schema that is huge": (json.dumps({"type": "object", "title": noise}), "ARTIFACT_TOO_LARGE"),
    }
    found = {name: (_with(files, "bot.toml", text), code) for name, (text, code) in texts.items()}
    found |= {name: (_with(files, "parameters.schema.json", text), code) for name, (text, code) in schemas.items()}
    found["without a description"] = (_with(files, "bot.toml", None), "ARTIFACT_MANIFEST_MISSING")
    return found


def _with(files: dict[str, str], name: str, text: str | bytes | None) -> Data:
    changed: dict[str, Any] = {known: content for known, content in files.items() if known != name}
    return partial(make_zip, changed if text is None else changed | {name: text})


def _deep(levels: int) -> str:
    return '{"type": "object", "not": ' * levels + "{}" + "}" * levels


def _put(data: bytes, at: int, value: int, layout: str = "<L") -> bytes:
    packed = struct.pack(layout, value)
    return data[:at] + packed + data[at + len(packed) :]


def _entry(data: bytes, offset: int, value: int, layout: str = "<L") -> bytes:
    """The zip with a field of its first directory entry replaced."""
    return _put(data, struct.unpack("<L", data[-6:-2])[0] + offset, value, layout)
