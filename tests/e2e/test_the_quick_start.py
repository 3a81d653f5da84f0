"""The quick start holds: its own commands take a new bot from an empty folder to a fill on paper."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from quarterdeck import __version__

from apps.console.demo.bots import LIMITS, SHARED_LIMITS
from controlplane.supervisor.installation import ROOT
from tests.e2e.clients import Caller, machine, sign_in
from tests.e2e.product import Product
from tests.e2e.quick_start import Follower, commands

pytestmark = pytest.mark.timeout(1800)
BOT, EXAMPLE = "btc-dips", ROOT / "examples" / "btc_dips"
PAGE = commands()
# What the page tells its reader to write; everything else must be what `init` made.
OWN = ("btc_dips.py", "parameters.schema.json", "parameters.yaml", "README.md")


def step(words: str) -> str:
    """The page's one command that begins so."""
    (found,) = [line for line in PAGE if line.startswith(words)]
    return found


@pytest.fixture(scope="module")
def people(story_product: Product) -> dict[str, Caller]:
    """Those who look after the platform, and the trader who approves."""
    return {name: sign_in(story_product, name) for name in ("adam", "rita", "raj", "bob", "omar")}


@pytest.fixture(scope="module")
def follower(
    story_product: Product, people: dict[str, Caller], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Follower]:
    """Somebody who follows the page; their bot, which may hold something, decides nothing more afterwards."""
    yield Follower(tmp_path_factory.mktemp("quick-start"), story_product.url)
    for bot in people["omar"].find("bots/", name=BOT):
        for deployment in people["omar"].find("deployments/", bot=bot["id"], desired="running"):
            people["omar"].made(f"deployments/{deployment['id']}/pause/", {"reason": "the story is over"})


def token_of(product: Product, people: dict[str, Caller]) -> str:
    """A token of the desk's CI account, made by the administrator."""
    return str(machine(product, people["adam"], "ci", "fx").client.headers["Authorization"].split()[1])


def trust(follower: Follower, administrator: Caller) -> None:
    """The administrator makes the desk trust the key whose public half `init-key` printed."""
    made = follower.run(step("quarterdeck init-key"))
    (public,) = [line.split()[2] for line in made.splitlines() if line.startswith("public key: ")]
    assert len(base64.b64decode(public)) == 32
    body = {"desk": "FX", "name": "quick start", "public_key": public, "reason": "a new team's key"}
    administrator.made("signers/", body)


def write_strategy(follower: Follower) -> None:
    """The strategy and what belongs to it, over what `init` made."""
    for name in OWN:
        shutil.copy(EXAMPLE / name, follower.folder / name)
    shutil.rmtree(follower.folder / "tests")
    shutil.copytree(EXAMPLE / "tests", follower.folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))


def set_limits(people: dict[str, Caller]) -> None:
    """First limits of the new bot: one risk owner asks, another grants."""
    scope = people["rita"].only("bots/", name=BOT)["scope"]
    for kind, value in (LIMITS["BTC-USD"] | SHARED_LIMITS).items():
        wish = {"scope": scope, "kind": kind, "value": value, "reason": "first limits of a new bot"}
        asked = people["rita"].made("limits/raises/", wish)
        ballot = {"approve": True, "digest": asked["digest"], "reason": "sized for paper"}
        people["raj"].made(f"limits/raises/{asked['id']}/votes/", ballot)


def approve(product: Product, trader: Caller) -> dict[str, Any]:
    """The one approval, once the gates have passed."""
    bot = trader.only("bots/", name=BOT)["id"]
    product.wait_for(lambda: bool(trader.find("promotions/", bot=bot, state="voting")), "something to vote on")
    (seen,) = trader.find("promotions/", bot=bot)
    ballot = {"approve": True, "digest": seen["digest"], "reason": "the gates pass"}
    return trader.made(f"promotions/{seen['id']}/votes/", ballot)


def test_a_bot_is_promoted_in_under_ten_commands() -> None:
    assert PAGE.index(step("quarterdeck promote")) + 1 < 10


def test_from_an_empty_folder_to_a_fill_on_paper(
    story_product: Product, people: dict[str, Caller], follower: Follower
) -> None:
    follower.run(step("pip install"))
    assert follower.run("quarterdeck --version") == f"quarterdeck {__version__}\n"
    follower.run(step("quarterdeck login"), told=token_of(story_product, people))
    follower.run(step("quarterdeck init "))
    trust(follower, people["adam"])
    write_strategy(follower)
    follower.run(step("quarterdeck backtest"))
    follower.run(step("quarterdeck register"))
    set_limits(people)
    follower.run(step("git add"))
    follower.run(step("quarterdeck push"))

    promoting = follower.start(step("quarterdeck promote"))
    approved = approve(story_product, people["bob"])
    said, heard = promoting.communicate(timeout=300)
    assert promoting.returncode == 0, heard
    shown = json.loads(follower.run(f"{step('quarterdeck status')} --json"))

    assert "state: applied" in said
    assert shown["fills"][0]["symbol"] == "BTC-USD"
    assert shown["deployments"][0]["build_id"] == approved["build_id"]


def test_the_example_is_what_init_makes_but_for_what_its_author_wrote(follower: Follower) -> None:
    made = {path.relative_to(follower.folder) for path in follower.folder.rglob("*") if ".git" not in path.parts}
    kept = [path for path in made if (follower.folder / path).is_file() and path.suffix not in (".pem", ".pyc")]

    assert Path(".github/workflows/bot.yml") in kept
    for path in kept:
        assert (EXAMPLE / path).read_text() == (follower.folder / path).read_text(), path
