"""halt, status, gates, declarations, remote backtests, login and token against a stand-in platform."""

import io
import stat
from pathlib import Path

import pytest

from tests.sdk.command import ran
from tests.sdk.conftest import TOKEN
from tests.sdk.platform import problem
from tests.sdk.test_pushing import BOT, EXAMPLE, RELEASE, gate, promotion

HOLD = {
    "id": "h", "scope_kind": "bot", "scope_name": "btc-dips", "level": "HALTED", "cancels": "opening",
    "state": "active", "latched_at": "now", "latch_ms": 4, "drain_state": "pending", "left": [],
}  # fmt: skip
PREVIEW = {
    "bots": ["btc-dips"], "accounts": ["paper-fx"], "opening": [{}, {}], "kept": ["k"],
    "unguarded": [{"symbol": "BTC-USD", "units": "0.1"}],
}  # fmt: skip
STOP = ("halt", "--scope", "bot:btc-dips", "--reason", "odd fills")
JWT = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"


@pytest.fixture
def haltable(at_platform):
    at_platform.lists("bots/", BOT | {"name": "other", "scope": "no"}, BOT)
    at_platform.on("POST holds/", HOLD)
    at_platform.on("POST holds/preview/", PREVIEW)
    return at_platform


def test_a_halt_with_yes_stops_at_once_without_a_look(capsys, haltable):
    done = ran(capsys, *STOP, "--yes", "--json")

    assert (done.code, done.json["latch_ms"]) == (0, 4)
    assert haltable.got("POST holds/preview/") == []
    assert haltable.got("POST holds/")[0].json == {
        "scope": "scope-b",
        "level": "HALTED",
        "cancels": "opening",
        "reason": "odd fills",
    }


def test_a_halt_without_a_yes_shows_what_it_would_do_and_does_nothing(capsys, haltable):
    done = ran(capsys, *STOP)

    assert (done.code, haltable.got("POST holds/")) == (2, [])
    assert "stops btc-dips on paper-fx" in done.err
    assert "without protection: 0.1 BTC-USD" in done.err


def test_the_whole_firm_is_halted_by_its_own_word(capsys, haltable):
    haltable.on("GET firm/", {"scope": "all"})

    assert ran(capsys, "halt", "--all", "--reason", "x", "--yes", "--level", "REDUCING").code == 0
    body = haltable.got("POST holds/")[0].json
    assert (body["scope"], body["level"]) == ("all", "REDUCING")


@pytest.mark.parametrize(
    "which", [(), ("--scope", "x"), ("--scope", "moon:x"), ("--scope", "bot:none"), ("--all", "--scope", "bot:x")]
)
def test_a_halt_of_nothing_or_of_two_things_halts_nothing(capsys, haltable, which):
    assert ran(capsys, "halt", *which, "--reason", "x", "--yes").code in (1, 2)
    assert haltable.got("POST holds/") == []


def test_a_halt_that_waits_stays_until_the_venue_has_confirmed(capsys, haltable):
    haltable.on("GET holds/h/", HOLD, HOLD | {"drain_state": "drained"})

    assert ran(capsys, *STOP, "--yes", "--wait", "--json").json["drain_state"] == "drained"


def look(platform, **lists):
    for path in ("deployments", "promotions", "orders", "fills"):
        platform.lists(f"{path}/", *lists.get(path, []))


FILL = {"created_at": "t", "symbol": "BTC-USD", "side": "BUY", "quantity": "0.1", "price": "4000", "fee": "0"}


def test_status_waits_for_a_fill(capsys, at_platform):
    at_platform.lists("bots/", BOT)
    look(at_platform, promotions=[promotion("applied")])
    none, one = {"results": [], "next": None}, {"results": [FILL], "next": None}
    at_platform.on("GET fills/", none, one)

    done = ran(capsys, "status", "btc-dips", "--wait-for", "fill", "--json")

    assert (done.code, done.json["fills"]) == (0, [FILL])
    assert len(at_platform.got("GET fills/")) == 2


def test_status_of_a_bot_out_of_reach_is_refused(capsys, at_platform):
    at_platform.lists("bots/")

    assert ran(capsys, "status", "btc-dips").code == 1


def test_watching_tells_changes_and_ends_with_ctrl_c(capsys, at_platform, monkeypatch):
    at_platform.lists("bots/", BOT)
    look(at_platform, fills=[FILL])

    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("quarterdeck.commands.status.time.sleep", interrupted)

    done = ran(capsys, "status", "btc-dips", "--watch")

    assert (done.code, done.out) == (130, "")
    assert "fill BUY 0.1 BTC-USD at 4000" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(("state", "code"), [("passed", 0), ("failed", 1), ("error", 1)])
def test_a_report_ends_as_the_platform_judges_it(capsys, at_platform, tmp_path, state, code):
    at_platform.on("GET releases/r/", RELEASE)
    at_platform.lists("gates/", gate("unit", "pending"))
    at_platform.on("POST gates/unit/report/", gate("unit", state))
    (tmp_path / "figures.json").write_text('{"tests": 5}')
    (tmp_path / "report.xml").write_text("<ok/>")
    files = ("--figures", tmp_path / "figures.json", "--evidence", tmp_path / "report.xml")

    done = ran(capsys, "gate", "report", "unit", "--release", "r", "--tool", "pytest 9", *files)

    body = at_platform.got("POST gates/unit/report/")[0].json
    assert done.code == code
    assert (body["figures"], body["tool"], len(body["evidence_sha256"])) == ({"tests": 5}, "pytest 9", 64)


def declared(capsys, at_platform, tmp_path, verb, *options):
    at_platform.lists("bots/", BOT)
    document = tmp_path / "quarterdeck.yaml"
    document.write_text("apiVersion: quarterdeck/v1\n")
    return ran(capsys, verb, "-f", document, "--folder", EXAMPLE, *options)


def test_an_invalid_declaration_is_told_by_line(capsys, at_platform, tmp_path):
    failures = [{"line": 9, "path": "limits.position", "problem": "1000 exceeds the bucket's 500", "fix": "lower it"}]
    refusal = problem(422, "DECLARATION_INVALID", "it does not hold", context={"failures": failures})
    at_platform.on("POST bots/b/declaration/validate/", refusal)

    done = declared(capsys, at_platform, tmp_path, "validate")

    assert done.code == 1
    assert "line 9: limits.position: 1000 exceeds the bucket's 500 (lower it)" in done.err


def test_what_is_applied_is_what_was_planned(capsys, at_platform, tmp_path):
    at_platform.on("POST bots/b/declaration/plan/", {"digest": "d", "lines": []})
    at_platform.on("POST bots/b/declaration/apply/", {"number": 1})

    assert declared(capsys, at_platform, tmp_path, "apply", "--reason", "why", "--yes").code == 0
    body = at_platform.got("POST bots/b/declaration/apply/")[0].json
    assert body == {"text": "apiVersion: quarterdeck/v1\n", "digest": "d", "reason": "why"}


def test_a_declaration_is_not_applied_without_a_yes(capsys, at_platform, tmp_path):
    at_platform.on("POST bots/b/declaration/plan/", {"digest": "d", "lines": [{"path": "limits.position"}]})

    done = declared(capsys, at_platform, tmp_path, "apply", "--reason", "why")

    assert (done.code, at_platform.got("POST bots/b/declaration/apply/")) == (2, [])
    assert "path: limits.position" in done.err


def backtest(capsys):
    return ran(capsys, "backtest", EXAMPLE, "--remote", "--release", "r", "--dataset", "prices", "--json")


def run_row(state, **changes):
    return {"state": state, "progress_percent": 50, "error_code": "", "error_message": "", "result": None} | changes


@pytest.fixture
def testable(at_platform):
    at_platform.on("GET releases/r/", RELEASE)
    at_platform.on("POST backtests/", {"id": "run"})
    return at_platform


def test_a_remote_backtest_is_followed_to_its_result(capsys, testable):
    testable.on("GET backtests/runs/run/", run_row("queued"), run_row("running"), run_row("done", result="res"))
    testable.on("GET backtests/res/", {"id": "res", "metrics": {"sharpe": "1"}, "equity": [1, 2]})

    assert backtest(capsys).json == {"id": "res", "metrics": {"sharpe": "1"}}
    asked = testable.got("POST backtests/")[0].json
    assert asked == {"code_version": "c", "parameter_set": "p", "dataset": "prices", "seed": 1}


def test_a_remote_backtest_that_fails_ends_with_one(capsys, testable):
    testable.on("GET backtests/runs/run/", run_row("failed", error_code="BOT_DIED", error_message="it raised"))

    done = backtest(capsys)

    assert (done.code, done.json["error"]["code"]) == (1, "BOT_DIED")


def test_ctrl_c_cancels_a_remote_backtest(capsys, testable, monkeypatch):
    testable.on("GET backtests/runs/run/", run_row("running"))
    testable.on("POST backtests/runs/run/cancel/", {})

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("quarterdeck.commands.remote_backtest.until", interrupted)

    assert backtest(capsys).code == 130
    assert len(testable.got("POST backtests/runs/run/cancel/")) == 1


def stored(tmp_path) -> Path:
    return tmp_path / "home" / ".config" / "quarterdeck" / "config.toml"


def test_login_tries_the_token_before_it_stores_it(capsys, at_platform, monkeypatch, tmp_path):
    at_platform.on("GET firm/", problem(401, "NOT_AUTHENTICATED", "who are you?"), {"name": "Meridian"})
    monkeypatch.setattr("sys.stdin", io.StringIO(TOKEN))

    refused = ran(capsys, "login", at_platform.url)
    assert (refused.code, stored(tmp_path).exists()) == (3, False)

    monkeypatch.setattr("sys.stdin", io.StringIO(TOKEN))
    done = ran(capsys, "login", at_platform.url)
    assert done.code == 0
    assert stat.S_IMODE(stored(tmp_path).stat().st_mode) == 0o600
    assert TOKEN not in done.out + done.err + refused.out + refused.err


def exchange(capsys, at_platform, tmp_path, *options):
    at_platform.on("POST token-exchange/", {"access_token": TOKEN, "expires_in": 900, "scope": "build"})
    (tmp_path / "oidc.jwt").write_text(JWT)
    return ran(capsys, "token", "--oidc-file", tmp_path / "oidc.jwt", *options)


def test_a_jobs_identity_becomes_a_stored_token_that_is_not_shown(capsys, at_platform, tmp_path):
    done = exchange(capsys, at_platform, tmp_path)

    body = at_platform.asked[0].body.decode()
    assert done.code == 0
    assert "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange" in body
    assert TOKEN in stored(tmp_path).read_text()
    assert TOKEN not in done.out + done.err
    assert JWT not in done.out + done.err


def test_a_token_is_printed_only_when_asked_for_and_then_not_stored(capsys, at_platform, tmp_path):
    done = exchange(capsys, at_platform, tmp_path, "--print")

    assert done.out == f"{TOKEN}\n"
    assert not stored(tmp_path).exists()


def test_a_mistyped_command_does_not_repeat_the_token(capsys):
    done = ran(capsys, "status", f"--token={TOKEN}")

    assert done.code == 2
    assert "--token=[token]" in done.err
    assert TOKEN not in done.out + done.err


def test_a_failure_with_json_is_one_document_on_standard_output(capsys, at_platform):
    at_platform.on("GET bots/", problem(403, "PERMISSION_DENIED", f"not with {TOKEN}"))

    done = ran(capsys, "status", "x", "--json")

    assert done.code == 3
    assert done.json["error"]["code"] == "PERMISSION_DENIED"
    assert TOKEN not in done.out + done.err
