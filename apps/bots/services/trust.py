"""Is a code version still what a trusted key signed and a trusted CI built? Asked at upload and at every launch."""

import base64
from collections.abc import Callable
from typing import Any

from apps.audit.context import acting, job
from apps.bots import artifacts, selectors
from apps.bots.models import CodeVersion, Signer, Verification
from apps.bots.states import Moment, Verdict
from apps.common import nudges
from apps.common.errors import DomainError, Refused, Unavailable

ACTOR = job("trust")


def verify_code(code: CodeVersion, *, moment: Moment, also: Callable[[], object] = lambda: None) -> Verification:
    """Judge a code version now: key, signature, provenance, then `also`; the verdict that stands.

    A verdict that says something new is kept as a row of its own. What refuses is raised again once that is
    committed: Refused SIGNER_REVOKED, ArtifactRefused, ProvenanceRefused, and whatever `also` raises. A store that
    does not answer (Unavailable) is no verdict.
    """
    refusal: DomainError | None = None
    facts: dict[str, Any] = {}
    try:
        facts = _facts(code)
        also()
    except Unavailable:
        raise
    except DomainError as error:
        refusal = error
    kept = _kept(code, moment, facts, refusal)
    if refusal is not None:
        raise refusal
    return kept


def check_signature(signer: Signer, *, sha256: str, name: str, version: str, git_sha: str, signature: str) -> None:
    """Return when a trusted key signed exactly this, else Refused SIGNER_REVOKED, ArtifactRefused SIGNATURE_INVALID."""
    if not signer.is_trusted:
        raise Refused("SIGNER_REVOKED", f"the key {signer.key_id} was revoked", key_id=signer.key_id)
    signed = artifacts.statement(artifact_sha256=sha256, name=name, version=version, git_sha=git_sha)
    artifacts.verify_signature(signed, signature, base64.b64decode(signer.public_key))


def _facts(code: CodeVersion) -> dict[str, Any]:
    """What was checked; raises the refusal of what does not hold."""
    signer = Signer.objects.get(pk=code.signer_id)
    check_signature(
        signer,
        sha256=code.artifact_sha256,
        name=code.manifest["name"],
        version=code.version,
        git_sha=code.git_sha,
        signature=code.signature,
    )
    return {
        "key_id": signer.key_id,
        "artifact_sha256": code.artifact_sha256,
        "git_sha": code.git_sha,
        "lockfile_sha256": code.lockfile_sha256,
        "sbom_sha256": code.sbom_sha256,
        "provenance": selectors.attested(code),
    }


def _kept(code: CodeVersion, moment: Moment, facts: dict[str, Any], refusal: DomainError | None) -> Verification:
    """The last verdict where it says the same, else a new row."""
    verdict = Verdict.VERIFIED if refusal is None else Verdict.REFUSED
    reason = "" if refusal is None else refusal.code
    last = code.verifications.order_by("-id").first()
    if last is not None and (last.verdict, last.code, last.facts) == (verdict, reason, facts):
        return last
    with acting(ACTOR, f"verified at {moment}"):
        nudges.hint("trust")
        return Verification.objects.create(
            code_version=code,
            moment=moment,
            verdict=verdict,
            code=reason,
            message="" if refusal is None else refusal.message,
            facts=facts,
        )
