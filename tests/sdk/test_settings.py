"""Where address and token come from, and that neither leaks."""

import stat
from pathlib import Path

import pytest
from quarterdeck.client.settings import config_path, read_config, resolved, write_config
from quarterdeck.failures import ExitCode, Failure, scrubbed

from tests.sdk.conftest import TOKEN

HERE, THERE = "https://here.example", "https://there.example"


@pytest.fixture
def home(tmp_path):
    """The environment of somebody who signed in at HERE."""
    environ = {"HOME": str(tmp_path)}
    write_config(config_path(environ), {"url": HERE, "token": "stored"})
    return environ


def found(environ, url=None, token_file=None):
    return resolved(url=url, token_file=token_file, ca_file=None, timeout_s=1, environ=environ)


def test_what_login_stored_is_used(home):
    settings = found(home)

    assert (settings.url, settings.token) == (HERE, "stored")


def test_the_environment_wins_over_the_file_and_a_flag_over_both(home, tmp_path):
    (tmp_path / "token").write_text("from a file\n".replace(" ", "-"))
    environ = home | {"QUARTERDECK_URL": THERE, "QUARTERDECK_TOKEN": "from-the-environment"}

    assert (found(environ).url, found(environ).token) == (THERE, "from-the-environment")
    assert found(environ, HERE, tmp_path / "token").token == "from-a-file"


def test_a_stored_token_goes_to_no_other_address(home):
    assert found(home, url=THERE).token == ""
    assert found(home, url=f"{HERE}/").token == "stored"


def test_the_file_is_its_owners_alone(home):
    path = config_path(home)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_can_read_is_refused(home, mode):
    config_path(home).chmod(mode)

    with pytest.raises(Failure, match="chmod 600"):
        found(home)


def test_a_file_that_is_damaged_is_refused_without_its_content(home):
    config_path(home).write_text(f"token = {TOKEN}")

    with pytest.raises(Failure) as caught:
        read_config(config_path(home))

    assert TOKEN not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "which platform"),
        ("quarterdeck.example", "https://HOST"),
        ("ftp://quarterdeck.example", "https://HOST"),
        ("https://quarterdeck.example?x=1", "https://HOST"),
        ("https://me:secret@quarterdeck.example", "holds a password"),
        ("http://quarterdeck.example", "in the clear"),
        ("http://127.0.0.1.example.org", "in the clear"),
        ("https://[::1", "not a URL"),
    ],
)
def test_an_address_that_would_give_the_token_away_is_refused(tmp_path, url, said):
    with pytest.raises(Failure, match=said) as caught:
        found({"HOME": str(tmp_path)}, url=url)

    assert caught.value.exit_code == ExitCode.USAGE
    assert "secret" not in str(caught.value)


def test_a_token_with_a_line_in_it_is_refused_and_not_shown(tmp_path):
    (tmp_path / "token").write_text("one\ntwo")

    with pytest.raises(Failure) as caught:
        found({"HOME": str(tmp_path)}, HERE, tmp_path / "token")

    assert "one" not in str(caught.value).split()


def test_a_token_is_never_part_of_what_settings_show(home):
    assert "stored" not in repr(found(home))


@pytest.mark.parametrize("secret", [TOKEN, "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"])
def test_what_looks_like_a_token_is_taken_out_of_texts(secret):
    assert scrubbed(f"unrecognized arguments: --token {secret} x") == "unrecognized arguments: --token [token] x"


def test_the_settings_folder_follows_the_convention(tmp_path):
    environ = {"HOME": "/home/me", "XDG_CONFIG_HOME": str(tmp_path)}

    assert config_path(environ) == tmp_path / "quarterdeck" / "config.toml"
    assert config_path({"HOME": "/home/me"}) == Path("/home/me/.config/quarterdeck/config.toml")
