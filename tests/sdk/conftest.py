"""A platform for the SDK's client, and an environment without anybody's settings."""

import pytest

from tests.sdk.platform import serving

TOKEN = "qd_0123456789ab_" + "s3cret" * 6


@pytest.fixture
def platform():
    """A stand-in for the platform, on this machine."""
    with serving() as running:
        yield running


@pytest.fixture
def at_platform(platform, monkeypatch, tmp_path):
    """The command line as if a token were set for the stand-in; waits are short, and home is empty."""
    for name in (
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "GITHUB_SHA",
        "CI_COMMIT_SHA",
        "XDG_CONFIG_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("QUARTERDECK_URL", platform.url)
    monkeypatch.setenv("QUARTERDECK_TOKEN", TOKEN)
    monkeypatch.setattr("quarterdeck.commands.waiting.FIRST_S", 0.01)
    monkeypatch.setattr("quarterdeck.client.retrying.FIRST_S", 0.001)
    return platform
