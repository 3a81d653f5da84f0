"""Uploading an artifact: refused early by its kind, while it arrives by its size, and never with a server error."""

import json

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.bots.api import uploads
from apps.bots.models import CodeVersion


@pytest.fixture
def push(world, as_user):
    """Push a form as the own desk's engineer; nothing of it may be kept."""
    client, before = as_user(world.own.people["engineer"]), CodeVersion.objects.count()

    def call(artifact=None, **fields):
        body = {
            "bot": world.own.bot.name,
            "artifact": artifact or SimpleUploadedFile("bot.zip", b"no zip", "application/zip"),
            "git_sha": "a" * 40,
            "key_id": "b" * 16,
            "signature": "c" * 88,
        }
        answer = client.post("/api/v1/code-versions/", body | fields, format="multipart")
        assert CodeVersion.objects.count() == before
        return answer.status_code, answer.json()

    return call


@pytest.mark.parametrize(
    ("name", "kind"), [("bot.tar.gz", "application/gzip"), ("bot.zip", "text/html"), ("bot", "application/zip")]
)
def test_what_does_not_claim_to_be_a_zip_is_refused_by_its_name(push, name, kind):
    status, problem = push(SimpleUploadedFile(name, b"PK", kind))

    assert (status, problem["code"]) == (422, "ARTIFACT_TYPE")


def test_an_artifact_is_refused_while_it_arrives_and_nothing_of_it_stays(push, monkeypatch):
    monkeypatch.setattr(uploads, "PACKED_BYTES_MAX", 1000)

    status, problem = push(SimpleUploadedFile("bot.zip", b"x" * 2000, "application/zip"))

    assert (status, problem["code"]) == (413, "BODY_TOO_LARGE")
    assert not list(settings.INCOMING_ROOT.glob("*.upload"))


def test_other_bytes_than_were_named_are_refused(push):
    status, problem = push(artifact_sha256="0" * 64)

    assert (status, problem["code"]) == (409, "ARTIFACT_DIGEST")


@pytest.mark.parametrize("field", ["sbom", "provenance"])
@pytest.mark.parametrize(
    "text",
    ["[" * 50_000, '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\u0000"}', "[]", "{", json.dumps({"a": [[]] * 2})[:-3]],
)
def test_documents_that_are_no_plain_json_are_refused(push, field, text):
    status, problem = push(**{field: text})

    assert (status, problem["code"]) == (422, "VALIDATION_FAILED")


def test_fields_that_are_too_large_are_refused(push):
    status, problem = push(sbom=json.dumps({"a": "x" * 3_000_000}))

    assert status in (400, 413)
    assert problem["code"]
