"""Safeguards of the quarterdeck command: acts happen once, tokens stay where they belong, people are asked."""

from tests.mutation.safeguard import Safeguard

SDK = "sdk/src/quarterdeck"
CLIENT = "tests/sdk/test_client.py::"
SETTINGS = "tests/sdk/test_settings.py::"
OPERATING = "tests/sdk/test_operating.py::"
PUSHING = "tests/sdk/test_pushing.py::"

SAFEGUARDS = (
    Safeguard(
        "a-repeated-call-is-one-act",
        "Every try of an act carries the same Idempotency-Key.",
        f"{SDK}/client/rest.py",
        "        for attempt in range(self.pauses.attempts):\n",
        "        for attempt in range(self.pauses.attempts):\n"
        "            own |= _act() if 'Idempotency-Key' in own else {}\n",
        (f"{CLIENT}test_a_post_that_is_sent_again_is_one_act",),
    ),
    Safeguard(
        "no-redirect-takes-the-token",
        "A redirect is not followed.",
        f"{SDK}/client/rest.py",
        "follow_redirects=False",
        "follow_redirects=True",
        (f"{CLIENT}test_a_redirect_is_not_followed",),
    ),
    Safeguard(
        "a-stored-token-stays-at-its-address",
        "The token that login stored goes to the stored address only.",
        f"{SDK}/client/settings.py",
        'if not token and stored.get("url", "").rstrip("/") == address.rstrip("/"):',
        "if not token:",
        (f"{SETTINGS}test_a_stored_token_goes_to_no_other_address",),
    ),
    Safeguard(
        "settings-are-their-owners-alone",
        "A settings file that others can read is refused.",
        f"{SDK}/client/settings.py",
        "            _check_private(os.fstat(handle.fileno()), path)\n",
        "",
        (f"{SETTINGS}test_a_file_that_others_can_read_is_refused",),
    ),
    Safeguard(
        "no-token-in-the-clear",
        "Plain http is for this machine alone.",
        f"{SDK}/client/settings.py",
        'if parts.scheme == "http" and host not in _LOOPBACK:',
        "if False:",
        (f"{SETTINGS}test_an_address_that_would_give_the_token_away_is_refused",),
    ),
    Safeguard(
        "certificates-are-verified",
        "An unknown authority is refused.",
        f"{SDK}/client/rest.py",
        "    if settings.ca_file is None:\n        return True\n",
        "    if settings.ca_file is None:\n        return False\n",
        ("tests/sdk/test_client_tls.py::test_an_unknown_authority_is_refused_at_once",),
    ),
    Safeguard(
        "tokens-are-taken-out-of-texts",
        "What is printed holds no token.",
        f"{SDK}/failures.py",
        '    return _SECRETS.sub("[token]", text)\n',
        "    return text\n",
        (
            f"{OPERATING}test_a_mistyped_command_does_not_repeat_the_token",
            f"{OPERATING}test_a_failure_with_json_is_one_document_on_standard_output",
        ),
    ),
    Safeguard(
        "nobody-there-is-no-yes",
        "Without a terminal and without --yes nothing is halted, promoted or applied.",
        f"{SDK}/commands/screen.py",
        "        if not sys.stdin.isatty():\n            raise usage(",
        "        if not sys.stdin.isatty():\n            return\n            raise usage(",
        (
            f"{OPERATING}test_a_halt_without_a_yes_shows_what_it_would_do_and_does_nothing",
            f"{OPERATING}test_a_declaration_is_not_applied_without_a_yes",
            f"{PUSHING}test_a_promotion_is_not_asked_for_without_a_yes",
        ),
    ),
    Safeguard(
        "what-is-pushed-is-committed",
        "A build of uncommitted files is not pushed under a commit.",
        f"{SDK}/commands/source.py",
        "    if changed:\n",
        "    if False:\n",
        (f"{PUSHING}test_what_is_not_committed_is_not_pushed",),
    ),
    Safeguard(
        "login-tries-before-it-stores",
        "A token that the platform does not take is not stored.",
        f"{SDK}/commands/login.py",
        '        firm = client.get("firm/")["name"]\n',
        '        firm = ""\n',
        (f"{OPERATING}test_login_tries_the_token_before_it_stores_it",),
    ),
)
