"""Every page in a real browser, light and dark, on a desk and on a phone: accessible, quiet, inside its width.

Pictures of all of them are left in test-results/pages/ to be looked at.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e import clients
from tests.e2e.pages import sign_in
from tests.e2e.product import Product

pytestmark = pytest.mark.timeout(1200)
PICTURES = Path("test-results") / "pages"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}
LISTS = (
    "/",
    "/fleet/",
    "/promotions/",
    "/backtests/",
    "/backtests/new/?bot=btc-trend",
    "/datasets/",
    "/orders/",
    "/deployments/",
    "/limits/",
    "/limits/exposure/",
    "/markets/",
    "/markets/marks/",
    "/limits/days/",
    "/gates/",
    "/exit-plans/",
    "/signals/",
    "/signers/",
    "/alerts/",
    "/reconciliation/",
    "/holds/",
    "/audit/",
)


def addresses(product: Product) -> Iterator[str]:
    """One address of every page; of the pages of an object, one object's."""
    rita = clients.sign_in(product, "rita")
    yield from LISTS
    for tab in ("", "orders/", "positions/", "releases/", "declaration/", "history/"):
        yield f"/bots/btc-trend/{tab}"
    first = rita.find("bots/")[0]
    bot = first["id"]
    for kind in ("orders", "releases", "deployments", "backtests", "datasets"):
        yield f"/{kind}/{rita.find(f'{kind}/')[0]['id']}/"
    yield f"/people/{first['owner']}/bots/"
    yield f"/promotions/{rita.find('promotions/')[0]['number']}/"
    yield f"/audit/bots.bot/{bot}/"
    yield f"/exit-plans/?scope={first['scope']}"
    yield f"/holds/?scope={first['scope']}&cancels=all"
    yield "/accounts/reauthenticate/?next=/holds/"
    yield "/no/such/page/"


@pytest.fixture(params=LOOKS)
def desk(request: pytest.FixtureRequest, browser: Browser, story_product: Product) -> Iterator[Page]:
    """Rita's browser with one look; the axe script may run in it although the policy forbids foreign scripts."""
    context = browser.new_context(**LOOKS[request.param], bypass_csp=True)
    page = context.new_page()
    page.goto(f"{story_product.url}/accounts/login/")
    page.get_by_label("Name").fill("rita")
    page.get_by_label("Password").fill(clients.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{story_product.url}/")
    page.look = request.param  # type: ignore[attr-defined]
    yield page
    context.close()


def faults(page: Page, address: str) -> Iterator[str]:
    """What is wrong with the page that is open."""
    for found in Axe().run(page).response["violations"]:
        yield f"{address}: {found['id']}: {found['nodes'][0]['html'][:200]}"
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        yield f"{address}: wider than the window"


def test_every_page_is_accessible_and_fits(story_product: Product, desk: Page) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    found = []
    for address in addresses(story_product):
        desk.goto(f"{story_product.url}{address}", wait_until="load")
        name = re.sub(r"\W+", "-", re.sub(r"[0-9a-f-]{36}|\d+", "one", address)).strip("-") or "home"
        desk.screenshot(path=PICTURES / f"{name}.{desk.look}.png", full_page=True)  # type: ignore[attr-defined]
        found += faults(desk, address)
    assert found == []


def test_no_page_breaks_the_security_policy(story_product: Product, browser: Browser) -> None:
    page = sign_in(browser, story_product, "rita").page
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for address in list(addresses(story_product))[:-1]:
        page.goto(f"{story_product.url}{address}", wait_until="load")
    page.context.close()
    assert said == []


def test_the_kill_switch_is_one_key_away(story_product: Product, browser: Browser) -> None:
    page = sign_in(browser, story_product, "omar").page
    for address in ("/", "/bots/btc-trend/", "/audit/"):
        page.goto(f"{story_product.url}{address}", wait_until="load")
        page.keyboard.press("!")
        page.wait_for_url("**/holds/#scope")
        expect(page.get_by_label("What to stop")).to_be_focused()
    page.context.close()


def test_the_preview_of_a_halt_follows_scope_and_choice(story_product: Product, browser: Browser) -> None:
    page = sign_in(browser, story_product, "omar").page
    page.goto(f"{story_product.url}/holds/")
    preview = page.locator("#hold-preview")
    page.get_by_label("What to stop").select_option(label="bot: btc-trend")
    expect(preview).to_contain_text("protective (kept)")
    page.get_by_label("All orders, protective ones too").check()
    expect(preview).to_contain_text("protective (cancelled too)")
    expect(preview).to_contain_text("This stops bot btc-trend")
    page.context.close()


def test_a_refresh_keeps_focus_and_half_typed_forms(story_product: Product, browser: Browser) -> None:
    page = sign_in(browser, story_product, "omar").page
    page.goto(f"{story_product.url}/deployments/")
    page.locator("#deployments th a").first.click()
    page.wait_for_url("**/deployments/*/")
    page.locator("#deployment summary", has_text="Pause").click()
    reason = page.locator("#reason-pause")
    reason.fill("half a sent")
    until_refreshed(page, has_form_open=True)
    expect(reason).to_have_value("half a sent")

    page.locator("#deployment summary", has_text="Pause").click()
    page.locator("#deployment h1 a").focus()
    until_refreshed(page, has_form_open=False)
    expect(page.locator("#deployment h1 a")).to_be_focused()
    page.context.close()


def test_a_refresh_takes_no_element_from_under_a_finger(story_product: Product, browser: Browser) -> None:
    page = sign_in(browser, story_product, "omar").page
    page.goto(f"{story_product.url}/deployments/")
    link = page.locator("#deployments th a").first
    link.hover()
    page.mouse.down()
    page.evaluate("document.querySelector('#deployments').dispatchEvent(new CustomEvent('live'))")
    expect(page.locator("#deployments[data-live-stale]")).to_be_attached()
    page.mouse.up()
    page.wait_for_url("**/deployments/*/")
    page.context.close()


def until_refreshed(page: Page, *, has_form_open: bool) -> None:
    """Wait until the fragment was fetched again, or was marked as waiting for the form."""
    if has_form_open:
        expect(page.locator("#deployment[data-live-stale]")).to_be_attached()
        return
    page.locator("#deployment").evaluate("element => element.dataset.old = 'yes'")
    expect(page.locator("#deployment:not([data-old])")).to_be_attached()


def test_the_theme_is_remembered(story_product: Product, browser: Browser) -> None:
    page = sign_in(browser, story_product, "alice").page
    html = page.locator("html")
    before = html.get_attribute("data-bs-theme")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(html).not_to_have_attribute("data-bs-theme", str(before))
    chosen = html.get_attribute("data-bs-theme")
    page.reload()
    expect(html).to_have_attribute("data-bs-theme", str(chosen))
    page.context.close()
