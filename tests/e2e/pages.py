"""People at their browsers: a signed-in page each, and the acts that several tests share."""

from dataclasses import dataclass

from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.clients import PASSWORD
from tests.e2e.product import Product

PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Person:
    """One person with a browser of their own."""

    product: Product
    page: Page

    def open(self, path: str) -> Page:
        """Go to a page of the product."""
        self.page.goto(f"{self.product.url}{path}")
        return self.page

    def act(self, within: Locator | Page, label: str, reason: str, button: str | None = None) -> None:
        """Open the disclosure of an act, say why, and do it."""
        details = within.locator("details.qd-act").filter(has=self.page.locator("summary", has_text=label))
        details.locator("summary").click()
        details.get_by_label("Why? Kept in the audit.").fill(reason)
        details.get_by_role("button", name=button or label).click()


def sign_in(browser: Browser, product: Product, username: str) -> Person:
    """A person who signed in by the form."""
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{product.url}/accounts/login/")
    page.get_by_label("Name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{product.url}/")
    return Person(product, page)


def mark(page: Page) -> None:
    """Leave a mark in the page that a reload would wipe away."""
    page.evaluate("window.neverReloaded = true")


def expect_never_reloaded(page: Page) -> None:
    """The mark is still there."""
    assert page.evaluate("window.neverReloaded === true"), "the page was reloaded"
