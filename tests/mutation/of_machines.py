"""Safeguards around what machines may do: whose assertion is believed, how often, from where, and for how long."""

from tests.mutation.safeguard import Safeguard

KEYSETS = "apps/access/services/keysets.py"
TOKENS = "apps/access/services/tokens.py"
WORKLOADS = "apps/access/services/workloads.py"
FETCHING = "apps/access/services/fetching.py"
FORGED = "tests/access/test_forged_assertions.py::"
EXCHANGE = "tests/access/test_exchange.py::"
ISSUER = "tests/access/test_issuer_keys.py::"
NARROWED = "tests/access/test_narrowed_tokens.py::"

SAFEGUARDS = (
    Safeguard(
        "key-says-the-algorithm",
        "The key decides by which algorithm an assertion is verified.",
        KEYSETS,
        '    if key.algorithm_name != header["alg"]:\n',
        "    if False:\n",
        (f"{FORGED}test_the_key_says_the_algorithm_and_not_the_token",),
    ),
    Safeguard(
        "claims-are-exact",
        "Every claim that a trust names must be equal.",
        "apps/access/rules.py",
        "    return all(_text(claims.get(name)) == wanted for name, wanted in workload.claims.items())\n",
        "    return True\n",
        (f"{EXCHANGE}test_another_workload_is_not_believed",),
    ),
    Safeguard(
        "assertions-expire",
        "An assertion that has expired is not believed.",
        "apps/access/rules.py",
        "    if now_s >= expires + LEEWAY_S:\n",
        "    if False:\n",
        (f"{EXCHANGE}test_a_token_counts_while_it_is_valid_with_half_a_minute_of_leeway",),
    ),
    Safeguard(
        "assertions-count-once",
        "An assertion is exchanged once.",
        WORKLOADS,
        '                jti_digest=hashlib.sha256(claims["jti"].encode()).hexdigest(),\n',
        "                jti_digest=hashlib.sha256(str(wall_now()).encode()).hexdigest(),\n",
        (f"{EXCHANGE}test_a_token_is_exchanged_once",),
    ),
    Safeguard(
        "exchanges-are-counted",
        "Whoever asks too often is turned away before anything is read.",
        WORKLOADS,
        '    _count(f"from {addresses.neighbourhood(address)}", CALLER_PER_MINUTE_MAX)\n',
        "",
        (f"{EXCHANGE}test_a_caller_is_counted_before_anything_is_read",),
    ),
    Safeguard(
        "revoked-trusts-end-tokens",
        "A revoked trust ends what was exchanged by it.",
        TOKENS,
        "    if token.trust is not None and token.trust.revoked_at is not None:\n",
        "    if False:\n",
        (f"{EXCHANGE}test_a_revoked_trust_ends_its_tokens_at_once",),
    ),
    Safeguard(
        "private-addresses-are-not-called",
        "An issuer's name that leads inside is not followed.",
        FETCHING,
        "    if is_private and place.host not in settings.ISSUER_PRIVATE_HOSTS:\n",
        "    if False:\n",
        (f"{ISSUER}test_a_private_address_is_not_called",),
    ),
    Safeguard(
        "keys-from-the-issuers-place",
        "Keys come from the issuer's own place.",
        FETCHING,
        "        if place_of(url) != place:\n",
        "        if False:\n",
        (f"{ISSUER}test_keys_at_another_place_are_not_asked_for",),
    ),
    Safeguard(
        "tokens-from-their-networks",
        "A token counts from its networks only.",
        TOKENS,
        "    check_address(token, address)\n",
        "",
        (f"{NARROWED}test_a_token_counts_from_its_networks_only",),
    ),
    Safeguard(
        "tokens-below-their-scope",
        "A token of a scope reaches nothing beside it.",
        "apps/access/selectors.py",
        "    if token is not None and token.scope is not None:\n",
        "    if False:\n",
        (f"{NARROWED}test_a_token_of_a_scope_sees_nothing_beside_it",),
    ),
    Safeguard(
        "forwarded-by-our-proxies",
        "A forwarded address counts from our proxies only.",
        "apps/common/addresses.py",
        "    while claimed and is_within(address, ours):\n",
        "    while claimed:\n",
        (f"{NARROWED}test_a_forwarded_address_counts_from_our_proxies_only",),
    ),
)
