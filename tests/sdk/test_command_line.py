"""The shape of the command line: help, output, exit codes, and documents that keep up with it."""

import argparse
import re
import shlex
from decimal import Decimal
from pathlib import Path

import pytest
from quarterdeck import Bar, Context, Instrument, Strategy
from quarterdeck.cli import parser
from quarterdeck.commands.screen import Screen
from quarterdeck.failures import ExitCode, Failure
from quarterdeck.testing import Harness

from tests.sdk.command import ran
from tests.sdk.platform import problem
from tests.sdk.test_pushing import BOT

SDK = Path(__file__).resolve().parents[2] / "sdk"
MANUAL = (SDK / "README.md").read_text()


def below(made):
    """The commands of a parser by name."""
    groups = [one for one in made._actions if isinstance(one, argparse._SubParsersAction)]
    return groups[0].choices if groups else {}


def every(made, path=()):
    """Each command that runs something, with the words that lead to it."""
    for name, command in below(made).items():
        yield from every(command, (*path, name)) if below(command) else [((*path, name), command)]


COMMANDS = list(every(parser()))


@pytest.mark.parametrize(
    ("words", "command"), COMMANDS, ids=lambda one: " ".join(one) if isinstance(one, tuple) else ""
)
def test_a_commands_example_is_one_that_it_takes(words, command):
    line = command.epilog.split("\n", 1)[1].strip().split(">")[0]

    assert shlex.split(line)[1 : 1 + len(words)] == list(words)
    assert callable(parser().parse_args(shlex.split(line)[1:]).run)


def test_the_manual_names_every_command_and_every_exit_code():
    named = set(re.findall(r"`([a-z-]+(?: [a-z]+)?)`", MANUAL.split("## The command")[1]))

    for words, _ in COMMANDS:
        assert " ".join(words) in named, words
    for code in ExitCode:
        assert f"| {int(code)} |" in MANUAL


@pytest.mark.parametrize(("status", "code"), [(401, 3), (403, 3), (404, 1), (409, 1), (422, 1), (500, 4), (503, 4)])
def test_an_exit_code_says_what_kind_of_no_it_was(capsys, at_platform, status, code):
    at_platform.on("GET bots/", problem(status, "NO", "no"))

    assert ran(capsys, "status", "x").code == code


def test_without_an_address_the_command_says_how_to_give_one(capsys, at_platform, monkeypatch):
    monkeypatch.delenv("QUARTERDECK_URL")

    done = ran(capsys, "status", "x")

    assert done.code == 2
    assert "QUARTERDECK_URL" in done.err


def test_without_the_extra_the_command_says_what_to_install(capsys, at_platform, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "quarterdeck.client", None)

    done = ran(capsys, "status", "x")

    assert done.code == 2
    assert "quarterdeck[cli]" in done.err


def test_output_for_a_script_has_no_colours_and_nothing_on_the_way(capsys, at_platform):
    at_platform.lists("bots/", BOT)
    for path in ("deployments", "promotions", "orders", "fills"):
        at_platform.lists(f"{path}/")

    done = ran(capsys, "status", "btc-dips", "--json")

    assert (done.code, done.err) == (0, "")
    assert done.json["bot"] == "btc-dips"
    assert "\x1b" not in done.out


def test_bars_are_drawn_for_a_terminal_only(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    with Screen().progress("uploading") as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Screen().progress("uploading") as progress:
        progress(1, 2)
    assert "uploading" in capsys.readouterr().err


def answering(monkeypatch, answer):
    """A terminal at which somebody types `answer`."""
    stdin = type("Terminal", (), {"isatty": lambda self: True, "readline": lambda self: answer})()
    monkeypatch.setattr("sys.stdin", stdin)


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_a_person_says_yes(monkeypatch, answer):
    answering(monkeypatch, answer)

    Screen().agrees("Go on?", is_agreed=False)


@pytest.mark.parametrize("answer", ["\n", "no\n", "yesterday\n", ""])
def test_anything_but_yes_is_a_no(monkeypatch, answer):
    answering(monkeypatch, answer)

    with pytest.raises(Failure, match="nothing was done"):
        Screen().agrees("Go on?", is_agreed=False)


def test_the_manuals_strategy_does_what_its_test_says():
    strategy, tests = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    names = {"Strategy": Strategy, "Context": Context, "Bar": Bar, "Decimal": Decimal}
    exec(strategy, names)
    instrument = Instrument("X-USD", Decimal("0.01"), Decimal(1), Decimal(1))
    harness = Harness(names["Dips"], {"quantity": "1"}, instrument)
    names |= {"HARNESS": harness, "BARS": harness.bars(*["100", "99", "101", "98", "102"] * 8)}
    exec(tests.split("\n\n", 1)[1], names)

    names["test_buys_a_dip"]()
    names["test_holds_for_any_bot"]()
