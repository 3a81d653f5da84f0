"""Pushing the three independently versioned things of a release; launching what was pushed."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models
from django.db.models import Max

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.bots import artifacts, schemas, selectors
from apps.bots import provenance as provenances
from apps.bots import sbom as bills
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet, Signer, TrustedBuilder
from apps.bots.services import trust
from apps.bots.states import Moment
from apps.bots.store import store
from apps.common.canonical import digest
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused


def push_code(
    *,
    bot: Bot,
    artifact: Path,
    git_sha: str,
    key_id: str,
    signature: str,
    artifact_sha256: str = "",
    provenance: dict[str, Any] | None = None,
    sbom: dict[str, Any] | None = None,
    actor: User,
    reason: str,
) -> CodeVersion:
    """Verify an artifact and keep it; the same bytes twice are one version, as it was pushed first.

    Nothing is stored before size, names, contents, digests, signature, SBOM and provenance were checked. Without
    provenance it is a laptop's push, which stops at paper. Raises artifacts.ArtifactRefused (ARTIFACT_*,
    SIGNATURE_INVALID), Refused SIGNER_UNKNOWN, SIGNER_REVOKED, ARTIFACT_OTHER_BOT, VERSION_TAKEN, PROVENANCE_* or
    SBOM_LOCKFILE_MISMATCH, Invalid GIT_SHA_MALFORMED, SBOM_MALFORMED, SBOM_TOO_LARGE or LOCKFILE_MALFORMED,
    Unavailable ARTIFACT_STORE_UNAVAILABLE.
    """
    _check_git_sha(git_sha)
    manifest = _inspected(bot, artifact, artifact_sha256)
    signer = _signer(bot, key_id)
    trust.check_signature(
        signer,
        sha256=manifest.sha256,
        name=manifest.name,
        version=manifest.version,
        git_sha=git_sha,
        signature=signature,
    )
    builder = _builder(bot, provenance, manifest.sha256, git_sha)
    sbom_sha256 = "" if sbom is None else bills.checked(sbom, manifest.lockfile)
    store().put(artifact, manifest.sha256)
    try:
        with acting(actor, reason):
            number = _next_number(bot, CodeVersion)
            same = CodeVersion.objects.filter(bot=bot, artifact_sha256=manifest.sha256).first()
            if same is not None:
                return same
            code = CodeVersion.objects.create(
                bot=bot,
                number=number,
                git_sha=git_sha,
                sbom=sbom,
                sbom_sha256=sbom_sha256,
                provenance=provenance,
                builder=builder,
                signer=signer,
                signature=signature,
                pushed_by=actor,
                **_described(manifest),
            )
            audit.record("code.pushed", code, scope_id=bot.scope_id, after={"artifact_sha256": manifest.sha256})
            trust.verify_code(code, moment=Moment.UPLOAD)
    except IntegrityError as error:
        raise Refused(
            "VERSION_TAKEN", f"{bot.name} {manifest.version} exists with other bytes: raise the version"
        ) from error
    return code


def _described(manifest: artifacts.Manifest) -> dict[str, Any]:
    """The columns that say what the artifact says of itself."""
    return {
        "version": manifest.version,
        "artifact_sha256": manifest.sha256,
        "artifact_bytes": manifest.packed_bytes,
        "lockfile_sha256": manifest.lockfile_sha256 or "",
        "manifest": manifest.bot_toml,
        "parameter_schema": manifest.parameters_schema,
    }


def _inspected(bot: Bot, artifact: Path, expected_sha256: str) -> artifacts.Manifest:
    """What an artifact of this bot is; its digest is the one its pusher names, where it is named."""
    if expected_sha256 and artifacts.digest(artifact) != expected_sha256:
        raise artifacts.ArtifactRefused("ARTIFACT_DIGEST", "other bytes arrived than were sent: push again")
    manifest = artifacts.inspect(artifact)
    if manifest.name != bot.name:
        raise Refused("ARTIFACT_OTHER_BOT", f"the artifact is of {manifest.name}, not of {bot.name}")
    return manifest


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
    """The unpacked, re-verified build of `code`: keys, signatures, stored bytes and unpacked files, every time.

    Raises Refused SIGNER_REVOKED or PROVENANCE_*, artifacts.ArtifactRefused (ARTIFACT_MISSING, ARTIFACT_DIGEST,
    BUILD_TAMPERED, SIGNATURE_INVALID), Unavailable ARTIFACT_STORE_UNAVAILABLE.
    """
    build = settings.BUILD_ROOT / code.artifact_sha256
    trust.verify_code(code, moment=Moment.LAUNCH, also=lambda: _unpack(code, build))
    return build


def _unpack(code: CodeVersion, build: Path) -> None:
    with store().taken(code.artifact_sha256) as stored:
        artifacts.unpack(stored, build, code.artifact_sha256)
        if artifacts.tree_digest(build) != artifacts.inspect(stored).tree_sha256:
            raise artifacts.ArtifactRefused("BUILD_TAMPERED", f"the unpacked files of {code.version} were changed")


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
    return signer


def _builder(bot: Bot, envelope: dict[str, Any] | None, sha256: str, git_sha: str) -> TrustedBuilder | None:
    """The desk's builder whose provenance the envelope is; None for a laptop's push, which has none."""
    if envelope is None:
        return None
    rows = {selectors.as_builder(row): row for row in TrustedBuilder.objects.filter(desk=bot.strategy.bucket.desk)}
    builder, _ = provenances.judge(
        envelope, artifact_sha256=sha256, git_sha=git_sha, builders=list(rows), now=wall_now()
    )
    return rows[builder]


def _check_git_sha(git_sha: str) -> None:
    if len(git_sha) != 40 or set(git_sha) - set("0123456789abcdef"):
        raise Invalid("GIT_SHA_MALFORMED", "git_sha must be 40 lower-case hex digits")
