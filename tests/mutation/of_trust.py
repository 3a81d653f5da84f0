"""Safeguards of the supply chain: who vouches for a build, and that it is still what they vouched for."""

from tests.mutation.safeguard import Safeguard

PROVENANCE = "apps/bots/provenance.py"
SIGNERS = "apps/bots/services/signers.py"
TRUST = "apps/bots/services/trust.py"
PROMOTIONS = "apps/promotions/services.py"
JUDGED = "tests/bots/test_provenance.py::"
KEYS = "tests/bots/test_signers.py::"
STORED = "tests/bots/test_store.py::"
WATCHED = "tests/rollouts/test_watch_trust.py::"
HOSTILE = "tests/bots/test_hostile_artifacts.py::test_no_hostile_artifact_is_accepted"
OTHER = f"{JUDGED}test_what_is_not_what_the_desk_trusts_is_refused"

SAFEGUARDS = (
    Safeguard(
        "provenance-is-signed",
        "What nobody trusted has signed attests nothing.",
        PROVENANCE,
        "            if _is_signed(signed, signature, builder.public_key):\n",
        "            if True:\n",
        (f"{JUDGED}test_an_envelope_with_a_fault_is_refused",),
    ),
    Safeguard(
        "provenance-of-this-artifact",
        "A provenance of other bytes is none.",
        PROVENANCE,
        '    if artifact_sha256 not in [_at(subject, "digest", "sha256") for subject in subjects]:\n',
        "    if False:\n",
        (OTHER, HOSTILE),
    ),
    Safeguard(
        "provenance-from-a-trusted-ref",
        "A branch that the desk does not trust attests nothing.",
        PROVENANCE,
        '        ("REF", claims.ref, lambda one: one.allows(claims.ref)),\n',
        "",
        (OTHER, f"{JUDGED}test_a_wrong_provenance_stores_nothing"),
    ),
    Safeguard(
        "provenance-of-the-pushed-commit",
        "The commit that was built is the one that was pushed.",
        PROVENANCE,
        "    if claims.git_sha != git_sha:\n",
        "    if False:\n",
        (OTHER, HOSTILE),
    ),
    Safeguard(
        "revoked-builder",
        "A CI whose key was revoked attests nothing.",
        PROVENANCE,
        "                found += [builder] if builder.is_trusted else []\n",
        "                found += [builder]\n",
        (
            f"{JUDGED}test_a_key_that_is_not_trusted_any_more_attests_nothing",
            f"{KEYS}test_a_build_whose_ci_is_not_trusted_any_more_starts_nowhere",
        ),
    ),
    Safeguard(
        "one-role-a-key",
        "Whoever signs builds does not attest them.",
        SIGNERS,
        "    if other._default_manager.filter(key_id=key_id).exists():\n",
        "    if False:\n",
        (f"{KEYS}test_a_key_that_signs_cannot_attest_nor_the_other_way_round",),
    ),
    Safeguard(
        "revocation-comes-sooner-only",
        "Nobody gives a revoked key more time.",
        SIGNERS,
        "    if row.revoked_at is not None and moment > row.revoked_at:\n",
        "    if False:\n",
        (f"{KEYS}test_an_end_comes_sooner_and_never_later",),
    ),
    Safeguard(
        "launch-verifies-again",
        "A build whose signer was revoked starts nowhere.",
        TRUST,
        "    if not signer.is_trusted:\n",
        "    if False:\n",
        (
            "tests/bots/test_launchable.py::test_a_revoked_key_launches_nothing_even_for_a_version_read_before",
            f"{KEYS}test_a_key_with_an_end_is_trusted_until_then_and_launches_nothing_after",
        ),
    ),
    Safeguard(
        "revoked-runs-are-paused",
        "What runs by a revoked key is stopped.",
        "apps/rollouts/services.py",
        "            deployments.pause(deployment=deployment, actor=ACTOR, reason=reason)\n",
        "",
        (f"{WATCHED}test_a_bot_of_a_revoked_key_is_paused_in_a_new_epoch_and_told_of",),
    ),
    Safeguard(
        "live-is-judged-at-apply",
        "What was approved for live goes live only while its CI is trusted.",
        PROMOTIONS,
        "    _check_provenance(row.release, row.environment)\n",
        "",
        (f"{WATCHED}test_what_was_approved_for_live_is_judged_again_when_it_is_applied",),
    ),
    Safeguard(
        "s3-is-not-trusted",
        "Bytes that a store changed never come out of it.",
        "apps/bots/store_s3.py",
        "            if file_sha256(path) != sha256:\n",
        "            if False:\n",
        (f"{STORED}test_what_was_changed_or_lost_never_comes_out",),
    ),
    Safeguard(
        "swapped-after-verification",
        "Only the bytes that were verified are kept.",
        "apps/bots/store.py",
        "    if hasher.hexdigest() != sha256:\n",
        "    if False:\n",
        (HOSTILE, f"{STORED}test_other_bytes_than_were_named_are_not_kept"),
    ),
    Safeguard(
        "bill-agrees-with-lockfile",
        "A bill of materials of another build is refused.",
        "apps/bots/sbom.py",
        "    _check_agreement(document, lockfile)\n",
        "",
        ("tests/bots/test_sbom.py::test_what_is_none_or_of_another_build_is_refused", HOSTILE),
    ),
    Safeguard(
        "size-while-it-arrives",
        "No more of an artifact is written than is allowed.",
        "apps/bots/api/uploads.py",
        "        if start + len(raw_data) > PACKED_BYTES_MAX:\n",
        "        if False:\n",
        ("tests/api/test_upload.py::test_an_artifact_is_refused_while_it_arrives_and_nothing_of_it_stays",),
    ),
)
