"""The main job in a real browser: from a push to a reconciled trade, a halt, and its release."""

import contextlib
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import books, clients
from tests.e2e.clients import Caller, machine
from tests.e2e.pages import Person, expect_never_reloaded, mark, sign_in
from tests.e2e.product import Product, until
from tests.e2e.pushing import push_release, trusted_key

pytestmark = pytest.mark.timeout(1800)
BOT, ACCOUNT, SYMBOL = "btc-trend", "paper-crypto", "BTC-USD"
FIRST_TRADE_OF_BUILD = """
    SELECT f.trade_id FROM execution_fill f JOIN execution_order o ON o.id = f.order_id
    WHERE o.build_id = %s ORDER BY f.venue_sequence LIMIT 1"""
NEWEST_TRADE = """
    SELECT f.trade_id FROM execution_fill f JOIN bots_bot b ON b.id = f.bot_id
    WHERE b.name = %s ORDER BY f.venue_sequence DESC LIMIT 1"""
HELD = "SELECT coalesce(sum(quantity), 0) FROM paper_paperposition WHERE symbol = %s"
MATCHED_UNTIL = "SELECT matched_until_ms FROM paper_papermarket WHERE symbol = %s"
LATCHED = "SELECT id, latched_at FROM risk_hold WHERE state = 'active' ORDER BY id DESC LIMIT 1"


@pytest.fixture(scope="module")
def administrator(story_product: Product) -> Caller:
    """Adam, who makes tokens and trusts keys over REST."""
    return clients.sign_in(story_product, "adam")


@pytest.fixture
def release(story_product: Product, administrator: Caller) -> dict[str, Any]:
    """A new signed build with quick averages, pushed by the desk's CI."""
    withdraw_open_promotions(story_product)
    ci = machine(story_product, administrator, "ci", "crypto")
    key = trusted_key(administrator, "Crypto")
    return push_release(ci, key, bot=BOT, example="btc_trend", version="1.2.0", fast_bars=2, slow_bars=4)


@pytest.fixture
def people(browser: Browser, story_product: Product) -> Iterator[Any]:
    """Signs people in, each in a browser context of their own."""
    seated: list[Person] = []

    def seat(username: str) -> Person:
        seated.append(sign_in(browser, story_product, username))
        return seated[-1]

    yield seat
    for person in seated:
        person.page.context.close()


def withdraw_open_promotions(product: Product) -> None:
    """The demo leaves one request waiting; its requester takes it back."""
    erin = clients.sign_in(product, "erin")
    for promotion in erin.find("promotions/", state="voting", bot=erin.only("bots/", name=BOT)["id"]):
        erin.made(f"promotions/{promotion['id']}/withdraw/", {"reason": "a newer one comes"})


def ask_for_promotion(trader: Person, release: dict[str, Any]) -> Page:
    """Fill in the form on the release's page; the promotion's page."""
    page = trader.open(f"/releases/{release['id']}/")
    page.get_by_label("Stage").select_option("simulated_execution")
    page.get_by_label("Environment").select_option("paper")
    page.get_by_label("Capital").fill("50000")
    page.get_by_label("Why? Voters read it.").fill("quicker averages catch more")
    page.get_by_role("button", name="Ask for the promotion").click()
    page.wait_for_url("**/promotions/*/")
    return page


def vote_in_spite(product: Product, page: Page) -> None:
    """Send the vote that the page does not offer, from the page."""
    expect(page.locator("#votes")).to_contain_text("sha256")
    number = page.url.rstrip("/").rpartition("/")[2]
    digest = product.value("SELECT digest FROM promotions_promotion WHERE number = %s", int(number))
    page.evaluate(
        """(digest) => {
            const form = document.createElement("form");
            form.method = "post";
            form.action = window.location.pathname + "vote/";
            const token = document.querySelector('[name="csrfmiddlewaretoken"]').value;
            const fields = { csrfmiddlewaretoken: token, form: "vote", verdict: "approve", reason: "mine", digest };
            for (const [name, value] of Object.entries(fields)) {
                form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
            }
            document.body.append(form);
            form.submit();
        }""",
        digest,
    )


def approve(trader: Person, path: str) -> None:
    """Find the promotion among what waits, read it, approve it, and see it applied."""
    page = trader.page
    page.locator(f'#home a[href^="{path}"]').click()
    page.wait_for_url(lambda url: path in url)
    page.get_by_label("Why? Kept in the audit.").last.fill("the evidence holds")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#promotion .qd-head")).to_contain_text("applied", ignore_case=True)


def run_reconciliation(operator: Person) -> None:
    """Ask for a run of the account and wait for its line."""
    page = operator.open("/reconciliation/")
    before = newest_run(operator.product)
    row = page.locator("table").first.locator("tr").filter(has_text=ACCOUNT)
    operator.act(row, "Run now", "a look before the close")
    until(lambda: newest_run(operator.product) not in (before, None))


def is_found(operator: Person, title: str) -> bool:
    """Whether a run found the break: a bot that trades fast may hide it from one of a run's two looks."""
    run_reconciliation(operator)
    operator.page.reload()
    return operator.page.get_by_role("article", name=title).count() > 0


def newest_run(product: Product) -> Any:
    """The id of the newest finished run that a person asked for."""
    rows = product.rows(
        "SELECT id FROM reconciliation_reconciliationrun WHERE trigger = 'person' AND state <> 'due'"
        " ORDER BY id DESC LIMIT 1"
    )
    return rows[0][0] if rows else None


def test_a_push_becomes_a_reconciled_trade(story_product: Product, release: dict[str, Any], people: Any) -> None:
    alice, carol, omar = people("alice"), people("carol"), people("omar")

    page = ask_for_promotion(alice, release)
    path = page.url.removeprefix(story_product.url)
    expect(page.locator("#votes")).to_contain_text("Alice Trader is excluded")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    vote_in_spite(story_product, page)
    expect(page.locator("#votes")).to_contain_text("VOTE_EXCLUDED")
    assert story_product.value("SELECT count(*) FROM access_vote WHERE reason = 'mine'") == 0

    bot_page = alice.open(f"/bots/{BOT}/positions/")
    expect(bot_page.locator("[data-live-state]")).to_have_text("live")
    mark(bot_page)
    carol.open("/")
    approve(carol, path)
    story_product.wait_for(
        lambda: bool(story_product.rows(FIRST_TRADE_OF_BUILD, release["build_id"])), "a fill of the build"
    )
    trade = story_product.value(FIRST_TRADE_OF_BUILD, release["build_id"])
    expect(bot_page.locator("#bot-tab")).to_contain_text(trade)
    expect_never_reloaded(bot_page)

    run_reconciliation(omar)
    expect(omar.page.locator("#reconciliation")).to_contain_text("0 breaks: both books agree.")
    story_product.manage("inject_break", "--account", ACCOUNT, "--kind", "position", "--symbol", SYMBOL)
    until(lambda: is_found(omar, "Position differs"))
    expect(omar.page.get_by_role("article", name="Position differs")).to_contain_text(SYMBOL)
    expect(alice.open("/fleet/").get_by_role("alert")).to_contain_text(ACCOUNT)

    story_product.manage(
        "inject_break", "--account", ACCOUNT, "--kind", "position", "--symbol", SYMBOL, "--side", "SELL"
    )
    run_reconciliation(omar)
    expect(omar.page.locator("#reconciliation")).to_contain_text("0 breaks: both books agree.")


def pin_position(product: Product, program: Caller) -> dict[str, Any]:
    """A resting exit over all that the bot holds, so that the bot keeps it: the order."""
    deployment = program.only("deployments/", bot=program.only("bots/", name=BOT)["id"])["id"]
    found: list[dict[str, Any]] = []

    def is_pinned() -> bool:
        held = Decimal(product.value(HELD, SYMBOL))
        if held <= 0:
            return False
        answer = program.post("orders/", far_exit(deployment, held))
        found.extend([answer.json()] if answer.status_code == 201 else [])
        return answer.status_code == 201 and is_open(product, found[-1])

    product.wait_for(is_pinned, "a position to keep")
    return found[-1]


def far_exit(deployment: str, quantity: Decimal) -> dict[str, Any]:
    """An exit far above the market."""
    return {
        "deployment": deployment,
        "instrument": SYMBOL,
        "side": "SELL",
        "quantity": format(quantity.normalize(), "f"),
        "order_type": "LIMIT",
        "limit_price": "900000",
        "time_in_force": "GTC",
        "purpose": "EXIT",
    }


def is_open(product: Product, order: dict[str, Any]) -> bool:
    """Whether the order came to rest at the venue."""
    state = "SELECT state FROM execution_order WHERE id = %s"
    product.wait_for(lambda: product.value(state, order["id"]) not in ("INITIALIZED", "SUBMITTING"), "the exit")
    return bool(product.value(state, order["id"]) == "ACCEPTED")


def place_hold(operator: Person) -> Any:
    """HALT the firm by the form; when it latched."""
    page = operator.open("/holds/")
    page.get_by_label("What to stop").select_option(label="firm: Meridian Capital")
    page.get_by_label("Why? Kept in the audit.").first.fill("something is odd")
    page.get_by_role("button", name="Hold now").click()
    expect(page.get_by_role("article", name="Hold on")).to_contain_text("something is odd")
    return operator.product.rows(LATCHED)[0][1]


def test_a_firm_halt_stops_bots_and_lets_people_out(story_product: Product, administrator: Caller, people: Any) -> None:
    omar, rita, alice = people("omar"), people("rita"), people("alice")
    program = machine(story_product, administrator, "bot", "crypto")
    resting = pin_position(story_product, program)

    latched_at = place_hold(omar)
    before = story_product.value(MATCHED_UNTIL, SYMBOL)
    story_product.wait_for(lambda: story_product.value(MATCHED_UNTIL, SYMBOL) > before + 30 * 3_600_000, "thirty bars")
    assert story_product.value(books.BOT_ORDERS_AFTER, latched_at) == 0

    alice.open(f"/orders/{resting['id']}/")
    alice.act(alice.page, "Cancel this order", "it is in the way")
    expect(alice.page.locator("#order .qd-head")).to_contain_text("CANCELED")
    story_product.wait_for(lambda: is_leaving(alice), "an exit that was not denied")
    story_product.wait_for(lambda: story_product.value(HELD, SYMBOL) == 0, "the exit under the halt")
    assert story_product.value(books.BOT_ORDERS_AFTER, latched_at) == 0

    release_firm(omar, rita)


def is_leaving(person: Person) -> bool:
    """Whether an exit by the ticket was accepted; while the machine is slow the feed may be late at that moment."""
    person.open(f"/bots/{BOT}/positions/")
    person.act(person.page, "Reduce or close…", "flat until we know more", button="Send the exit")
    person.page.wait_for_url("**/orders/*/")
    return "DENIED" not in person.page.locator("#order .qd-head").inner_text()


def release_firm(operator: Person, second: Person) -> None:
    """The operator asks; only somebody else is offered the vote; then the firm is ACTIVE."""
    page = operator.open("/holds/")
    operator.act(
        page.get_by_role("article", name="Hold on"), "Ask to release…", "understood", "Ask for a second person"
    )
    expect(page.get_by_role("article", name="Hold on")).to_contain_text("asks to release it")
    expect(page.get_by_role("button", name="Release to ACTIVE")).to_have_count(0)

    page = second.open("/holds/")
    hold = page.get_by_role("article", name="Hold on")
    hold.get_by_label("Why? Kept in the audit.").fill("agreed")
    hold.get_by_role("button", name="Release to ACTIVE").click()
    expect(page.locator("#hold-list")).to_contain_text("No hold is in force.")


@contextlib.contextmanager
def live_is_dead(product: Product) -> Iterator[None]:
    """The live process is killed, and the one that takes its place does not get to run."""
    pid = product.pid("live")
    os.kill(pid, signal.SIGKILL)
    until(lambda: product.is_running("live", instead_of=pid))
    successor = product.pid("live")
    os.kill(successor, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(successor, signal.SIGCONT)


def test_pages_go_on_by_polling_while_live_is_dead(story_product: Product, people: Any) -> None:
    page = people("alice").open(f"/bots/{BOT}/positions/")
    expect(page.locator("[data-live-state]")).to_have_text("live")
    mark(page)

    with live_is_dead(story_product):
        expect(page.locator("[data-live-state]")).to_have_text("polling")
        before = story_product.value(NEWEST_TRADE, BOT)
        story_product.wait_for(lambda: story_product.value(NEWEST_TRADE, BOT) != before, "another fill")

        expect(page.locator("#bot-tab")).to_contain_text(story_product.value(NEWEST_TRADE, BOT))
        expect(page.locator("[data-live-state]")).to_have_text("polling")
    expect_never_reloaded(page)
