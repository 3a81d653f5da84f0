"""Hostile artifacts are refused with the rule they break; honest ones are described."""

import hashlib
import io
import json
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from quarterdeck.build import build_bytes

from apps.bots import archive
from apps.bots.artifacts import ArtifactRefused, inspect
from tests.bots.archives import BOT_TOML, FILES, entry, make_zip, renamed

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MEBIBYTE = 1_048_576
END_RECORD_BYTES = 22


def refused(data):
    """The code of the refusal; every one is quick and small."""
    started = time.monotonic()
    with pytest.raises(ArtifactRefused) as caught:
        inspect(data)
    assert time.monotonic() - started < 2
    return caught.value.code


def with_toml(old, new):
    assert old in BOT_TOML
    return make_zip(FILES | {"bot.toml": BOT_TOML.replace(old, new)})


@pytest.mark.parametrize("name", ["btc_trend", "eur_revert"])
def test_a_built_example_is_described(name):
    data = build_bytes(EXAMPLES / name)

    manifest = inspect(data)

    assert manifest.name == name.replace("_", "-")
    assert (manifest.version, manifest.interval, manifest.sides) == ("1.0.0", "1h", ("BUY", "SELL"))
    assert manifest.sha256 == hashlib.sha256(data).hexdigest()
    assert manifest.lockfile_sha256 == hashlib.sha256(b"").hexdigest()
    assert manifest.parameters_schema["additionalProperties"] is False
    assert manifest.packed_bytes == len(data)


def test_a_path_is_read_like_bytes(tmp_path):
    path = tmp_path / "bot.zip"
    path.write_bytes(make_zip())

    assert inspect(path) == inspect(make_zip())


@pytest.mark.parametrize(
    "name",
    ["../evil.py", "a/../../evil.py", "/etc/evil", "a\\evil.py", "..", "C:/evil", "c:evil", "..\\evil"],
)
def test_names_that_lead_out_are_refused(name):
    assert refused(make_zip(FILES, (entry(name), "x"))) == "ARTIFACT_PATH_ESCAPE"


@pytest.mark.parametrize(
    "name",
    [
        "a//b",
        "./a",
        "a/./b",
        "a.",
        "a ",
        "a\nb",
        "a\x7f",
        "con",
        "sub/NUL.txt",
        "xx:y",
        "n" * 241,
        "a\u202eb",
    ],
)
def test_names_that_are_not_plain_are_refused(name):
    assert refused(make_zip(FILES, (entry(name), "x"))) == "ARTIFACT_NAME_INVALID"


def test_a_name_that_hides_behind_a_nul_is_refused():
    data = make_zip(FILES, (entry("evil.py-x.txt"), "x"))

    assert refused(renamed(data, b"evil.py-x.txt", b"evil.py\0x.txt")) == "ARTIFACT_NAME_INVALID"


@pytest.mark.parametrize("name", ["bot.py", "BOT.py", "Bot.PY"])
def test_names_that_are_there_twice_are_refused(name):
    assert refused(make_zip(FILES, (entry(name), "other"))) == "ARTIFACT_DUPLICATE_NAME"


def test_names_that_differ_only_in_unicode_form_are_refused():
    files = FILES | {"caf\u00e9.py": "a", "cafe\u0301.py": "b"}

    assert refused(make_zip(files)) == "ARTIFACT_DUPLICATE_NAME"


def test_a_file_that_is_also_a_folder_is_refused():
    assert refused(make_zip(FILES | {"bot.py/inner.py": "x"})) == "ARTIFACT_DUPLICATE_NAME"


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o060644, 0o140755, 0o040755])
def test_links_devices_and_the_like_are_refused(mode):
    assert refused(make_zip(FILES, (entry("special", mode), "/etc/passwd"))) == "ARTIFACT_SPECIAL_FILE"


def test_folders_are_fine():
    assert inspect(make_zip(FILES, (entry("sub/", 0o040755), ""), ("sub/a.py", "x"))).file_count == 5


def test_a_bomb_is_refused_before_it_is_unpacked():
    tracemalloc.start()
    data = make_zip(FILES | {"bomb": b"\0" * (8 * MEBIBYTE)})
    tracemalloc.reset_peak()

    assert refused(data) == "ARTIFACT_RATIO"
    assert tracemalloc.get_traced_memory()[1] < 64 * MEBIBYTE
    tracemalloc.stop()


def test_more_than_the_limit_unpacked_is_refused(monkeypatch):
    monkeypatch.setattr(archive, "UNPACKED_BYTES_MAX", 10)

    assert refused(make_zip()) == "ARTIFACT_TOO_LARGE"


def test_more_than_the_limit_packed_is_refused(monkeypatch):
    monkeypatch.setattr(archive, "PACKED_BYTES_MAX", 100)

    assert refused(make_zip()) == "ARTIFACT_TOO_LARGE"


def test_too_many_files_are_refused():
    files = FILES | {f"f{n}": "" for n in range(archive.FILE_COUNT_MAX)}

    assert refused(make_zip(files)) == "ARTIFACT_TOO_MANY_FILES"


def directory_offset(data):
    return struct.unpack("<L", data[-6:-2])[0]


def patched(data, at, value, layout="<L"):
    packed = struct.pack(layout, value)
    return data[:at] + packed + data[at + len(packed) :]


def first_entry_field(data, offset_in_entry, value, layout="<L"):
    return patched(data, directory_offset(data) + offset_in_entry, value, layout)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        b"not a zip at all, but long enough to look at",
        make_zip()[:-1],
        make_zip()[:-END_RECORD_BYTES],
        make_zip() + b"trailing",
        b"#!/bin/sh\n" + make_zip(),
        make_zip()[: len(make_zip()) // 2],
        patched(make_zip(), len(make_zip()) - 6, 0),
        patched(make_zip(), len(make_zip()) - 12, 1, "<H"),
        first_entry_field(make_zip(), 0, 0),
    ],
)
def test_what_is_no_plain_zip_is_refused(data):
    assert refused(data) == "ARTIFACT_MALFORMED"


@pytest.mark.parametrize(
    ("offset", "value", "layout", "code"),
    [
        (8, 1, "<H", "ARTIFACT_MALFORMED"),  # encrypted
        (10, 14, "<H", "ARTIFACT_MALFORMED"),  # packed with LZMA
        (16, 0, "<L", "ARTIFACT_MALFORMED"),  # another checksum
        (24, 1, "<L", "ARTIFACT_MALFORMED"),  # smaller than it is
        (24, 60_000, "<L", "ARTIFACT_MALFORMED"),  # larger than it is
        (20, 10**6, "<L", "ARTIFACT_OVERLAP"),  # reaches into the next file
        (42, 40, "<L", "ARTIFACT_OVERLAP"),  # begins inside itself
    ],
)
def test_a_directory_that_lies_is_refused(offset, value, layout, code):
    assert refused(first_entry_field(make_zip(), offset, value, layout)) == code


def test_two_names_for_the_same_bytes_are_refused():
    data = bytearray(make_zip(FILES | {"twin": "class Bot: ..."}))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        offset = opened.getinfo("bot.py").header_offset
        twin = data.index(b"PK\x01\x02", directory_offset(data))
    while not data[twin + 46 :].startswith(b"twin"):
        twin = data.index(b"PK\x01\x02", twin + 1)

    assert refused(patched(bytes(data), twin + 42, offset)) == "ARTIFACT_OVERLAP"


def test_a_damaged_byte_is_noticed():
    data = bytearray(build_bytes(EXAMPLES / "btc_trend"))
    data[data.index(b"class BtcTrend")] ^= 1

    assert refused(bytes(data)) == "ARTIFACT_MALFORMED"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "test-bot"', ""),
        ('"test-bot"', '"Test Bot"'),
        ('"test-bot"', '"../up"'),
        ('"test-bot"', "7"),
        ('"1.2.3"', '"1.2"'),
        ('"1.2.3"', '"v1.2.3"'),
        ('"1.2.3"', '"01.2.3"'),
        ('"bot:Bot"', '"bot"'),
        ('"bot:Bot"', '"os;system:Bot"'),
        ("[data]", "[dato]"),
        ("[orders]", "[others]"),
        ('"1h"', '"2h"'),
        ('["close"]', "[]"),
        ('["close"]', '["close", "close"]'),
        ('["MARKET"]', '["ICEBERG"]'),
        ('["BUY", "SELL"]', '"BUY"'),
        ("[data]", "[data"),
    ],
)
def test_a_malformed_description_is_refused(old, new):
    assert refused(with_toml(old, new)) == "ARTIFACT_MANIFEST_INVALID"


def test_other_languages_are_refused_for_now():
    assert refused(with_toml('"python"', '"cobol"')) == "ARTIFACT_LANGUAGE"


def test_a_missing_description_is_refused():
    assert refused(make_zip({k: v for k, v in FILES.items() if k != "bot.toml"})) == "ARTIFACT_MANIFEST_MISSING"


def test_a_missing_entry_point_is_refused():
    assert refused(with_toml("bot:Bot", "other:Bot")) == "ARTIFACT_ENTRY_POINT"


def test_a_missing_schema_is_refused():
    assert refused(with_toml("parameters.schema.json", "none.json")) == "ARTIFACT_SCHEMA_MISSING"


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "[]",
        "{",
        json.dumps({"type": "string"}),
        json.dumps({"type": "object", "properties": {"n": {"type": "whole"}}}),
        json.dumps({"type": "object", "required": "n"}),
        json.dumps({"type": "object", "$schema": "http://json-schema.org/draft-04/schema#"}),
        json.dumps({"type": "object", "properties": {"n": {"$ref": "http://evil.example/schema"}}}),
        json.dumps({"type": "object", "allOf": [{"$ref": "file:///etc/passwd"}]}),
        json.dumps({"type": "object", "$ref": "#"}),
        json.dumps({"type": "object", "properties": {"n": {"pattern": "("}}}),
        json.dumps({"type": "object", "patternProperties": {"(": {}}}),
        "[" * 50_000,
    ],
)
def test_a_schema_that_is_none_is_refused(schema):
    assert refused(make_zip(FILES | {"parameters.schema.json": schema})) == "ARTIFACT_SCHEMA_INVALID"


def test_a_huge_description_is_refused():
    noise = "".join(f"# {hashlib.sha256(str(n).encode()).hexdigest()}\n" for n in range(5_000))

    assert refused(make_zip(FILES | {"bot.toml": noise + BOT_TOML})) == "ARTIFACT_TOO_LARGE"
