"""Pushing the three independently versioned things of a release; launching what was pushed."""

import base64
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models
from django.db.models import Max

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.bots import artifacts, schemas
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet, Signer
from apps.common.canonical import digest
from apps.common.errors import Invalid, Refused


def push_code(
    *,
    bot: Bot,
    artifact: Path,
    git_sha: str,
    key_id: str,
    signature: str,
    provenance: dict[str, Any] | None = None,
    sbom: dict[str, Any] | None = None,
    actor: User,
    reason: str,
) -> CodeVersion:
    """Verify an artifact and keep it; the same bytes twice are one version.

    Nothing is stored before size, names, contents, digest and signature were checked. Raises
    artifacts.ArtifactRefused (ARTIFACT_*, SIGNATURE_INVALID), Refused SIGNER_UNKNOWN, SIGNER_REVOKED,
    ARTIFACT_OTHER_BOT or VERSION_TAKEN, Invalid GIT_SHA_MALFORMED.
    """
    _check_git_sha(git_sha)
    manifest = artifacts.inspect(artifact)
    if manifest.name != bot.name:
        raise Refused("ARTIFACT_OTHER_BOT", f"the artifact is of {manifest.name}, not of {bot.name}")
    signer = _signer(bot, key_id)
    _verify(manifest.sha256, manifest.name, manifest.version, git_sha, signature, signer)
    _store(artifact, manifest.sha256)
    try:
        with acting(actor, reason):
            number = _next_number(bot, CodeVersion)
            same = CodeVersion.objects.filter(bot=bot, artifact_sha256=manifest.sha256).first()
            if same is not None:
                return same
            code = CodeVersion.objects.create(
                bot=bot,
                number=number,
                version=manifest.version,
                git_sha=git_sha,
                artifact_sha256=manifest.sha256,
                artifact_bytes=manifest.packed_bytes,
                lockfile_sha256=manifest.lockfile_sha256 or "",
                manifest=manifest.bot_toml,
                parameter_schema=manifest.parameters_schema,
                sbom=sbom,
                provenance=provenance,
                signer=signer,
                signature=signature,
                pushed_by=actor,
            )
            audit.record("code.pushed", code, scope_id=bot.scope_id, after={"artifact_sha256": manifest.sha256})
    except IntegrityError as error:
        raise Refused(
            "VERSION_TAKEN", f"{bot.name} {manifest.version} exists with other bytes: raise the version"
        ) from error
    return code


def push_config(*, bot: Bot, content: dict[str, Any], actor: User, reason: str) -> ConfigBundle:
    """Validate and keep a config bundle; the same content twice is one version.

    Raises Invalid CONFIG_SCHEMA, Refused CONFIG_OUTSIDE_BLAST_RADIUS.
    """
    schemas.check(content, schemas.CONFIG, "CONFIG_SCHEMA")
    beyond = sorted((set(content["symbols"]) - set(bot.symbols)) | (set(content["accounts"]) - set(bot.accounts)))
    if beyond:
        raise Refused("CONFIG_OUTSIDE_BLAST_RADIUS", f"{bot.name} may not reach {', '.join(beyond)}", beyond=beyond)
    return _push(ConfigBundle, bot, content, "config.pushed", actor, reason)


def push_parameters(
    *, bot: Bot, code_version: CodeVersion, content: dict[str, Any], actor: User, reason: str
) -> ParameterSet:
    """Validate parameters by the schema that the code declares, and keep them.

    Raises Invalid PARAMETERS_SCHEMA, Refused CODE_OTHER_BOT.
    """
    if code_version.bot_id != bot.pk:
        raise Refused("CODE_OTHER_BOT", "the code version is another bot's")
    schemas.check(content, code_version.parameter_schema, "PARAMETERS_SCHEMA")
    return _push(ParameterSet, bot, content, "parameters.pushed", actor, reason)


def launchable(code: CodeVersion) -> Path:
    """The unpacked, re-verified build of `code`: key, signature, stored bytes and unpacked files, every time.

    Raises Refused SIGNER_REVOKED, artifacts.ArtifactRefused (ARTIFACT_MISSING, ARTIFACT_DIGEST,
    BUILD_TAMPERED, SIGNATURE_INVALID).
    """
    if Signer.objects.filter(pk=code.signer_id, revoked_at__isnull=False).exists():
        raise Refused("SIGNER_REVOKED", f"the key that signed {code.version} was revoked")
    _verify(code.artifact_sha256, code.manifest["name"], code.version, code.git_sha, code.signature, code.signer)
    stored = artifacts.ArtifactStore(settings.ARTIFACT_ROOT).path(code.artifact_sha256)
    if not stored.is_file():
        raise artifacts.ArtifactRefused("ARTIFACT_MISSING", f"the artifact of {code.version} is not in the store")
    build = artifacts.unpack(stored, settings.BUILD_ROOT / code.artifact_sha256, code.artifact_sha256)
    if artifacts.tree_digest(build) != artifacts.inspect(stored).tree_sha256:
        raise artifacts.ArtifactRefused("BUILD_TAMPERED", f"the unpacked files of {code.version} were changed")
    return build


def _store(artifact: Path, sha256: str) -> None:
    """Keep exactly the bytes that were inspected; a file changed meanwhile is refused."""
    with artifact.open("rb") as stream:
        if artifacts.ArtifactStore(settings.ARTIFACT_ROOT).put(stream) != sha256:
            raise artifacts.ArtifactRefused("ARTIFACT_DIGEST", "the artifact changed while it was read")


def _push(model: type[Any], bot: Bot, content: dict[str, Any], act: str, actor: User, reason: str) -> Any:
    content_digest = digest(content)
    with acting(actor, reason):
        Bot.objects.select_for_update().get(pk=bot.pk)
        same = model.objects.filter(bot=bot, digest=content_digest).first()
        if same is not None:
            return same
        number = _next_number(bot, model)
        row = model.objects.create(bot=bot, number=number, digest=content_digest, content=content, pushed_by=actor)
        audit.record(act, row, scope_id=bot.scope_id, after={"number": number, "digest": content_digest})
    return row


def _next_number(bot: Bot, model: type[models.Model]) -> int:
    Bot.objects.select_for_update().get(pk=bot.pk)
    top = model._default_manager.filter(bot=bot).aggregate(top=Max("number"))["top"]
    return (top or 0) + 1


def _signer(bot: Bot, key_id: str) -> Signer:
    desk = bot.strategy.bucket.desk
    signer = Signer.objects.filter(key_id=key_id, desk=desk).first()
    if signer is None:
        raise Refused("SIGNER_UNKNOWN", f"desk {desk} does not trust the key {key_id}", key_id=key_id)
    if signer.revoked_at is not None:
        raise Refused("SIGNER_REVOKED", f"the key {key_id} was revoked", key_id=key_id)
    return signer


def _verify(sha256: str, name: str, version: str, git_sha: str, signature: str, signer: Signer) -> None:
    signed = artifacts.statement(artifact_sha256=sha256, name=name, version=version, git_sha=git_sha)
    artifacts.verify_signature(signed, signature, base64.b64decode(signer.public_key))


def _check_git_sha(git_sha: str) -> None:
    if len(git_sha) != 40 or set(git_sha) - set("0123456789abcdef"):
        raise Invalid("GIT_SHA_MALFORMED", "git_sha must be 40 lower-case hex digits")
