"""An operator's browser is led to the page that grants a key, grants it, and comes back to the shop with a code."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page

from app.api.access.authorize import challenge_of
from tests.checkout.conftest import LARGE_PHONE, PHONE, launched, look, screenshot
from tests.end_to_end.program import Program, command, running

Open = Callable[..., Page]
TOKEN = "such-token-of-sixteen"
VERIFIER = "v" * 50


class ShopPage(BaseHTTPRequestHandler):
    """A shop: a page with a link to Kennel, and the page to which the browser comes back."""

    link = ""

    def do_GET(self) -> None:
        """Answer with the link; http.server calls it by this name."""
        body = f'<!doctype html><title>Shop</title><a id="connect" href="{self.link}">Connect</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """The origin of the shop, which is another site than Kennel's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), ShopPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def kennel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(Program(tmp_path_factory.mktemp("authorize"), KENNEL_ADMIN_TOKEN=TOKEN)) as program:
        yield program


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with launched(chromium) as browser:
        yield browser


def address(kennel: Program, shop: str, **changes: str) -> str:
    asked = {
        "name": "WooCommerce at Moon Shop",
        "scopes": "invoices:write invoices:read payments:write",
        "account": "moon",
        "redirect_uri": f"{shop}/back",
        "state": "s1",
        "code_challenge": challenge_of(VERIFIER),
        **changes,
    }
    return f"{kennel.admin.base_url}/authorize?{urlencode(asked)}".replace("//authorize", "/authorize")


def exchanged(kennel: Program, shop: str, page: Page) -> httpx.Response:
    """Exchange the code that the browser has come back with."""
    query = parse_qs(urlsplit(page.url).query)
    assert query["state"] == ["s1"]
    body = {"code": query["code"][0], "code_verifier": VERIFIER, "redirect_uri": f"{shop}/back"}
    return kennel.admin.post("/authorize/key", json=body)


def test_a_shop_leads_to_the_page_and_the_key_comes_back_by_a_code(
    kennel: Program,
    shop: str,
    open_page: Open,
) -> None:
    ShopPage.link = address(kennel, shop).replace("&", "&amp;")
    page = open_page(shop)
    page.click("#connect")
    page.locator("h1").wait_for()
    look(page, "authorize-phone")

    page.fill("input[name=secret]", "wrong")
    page.click("button")
    page.locator(".wrong").wait_for()
    look(page, "authorize-wrong")
    page.fill("input[name=secret]", TOKEN)
    page.dblclick("button")
    page.locator("#connect").wait_for()
    made = exchanged(kennel, shop, page)

    assert made.status_code == 200, made.text
    key = {"Authorization": f"Bearer {made.json()['secret']}"}
    assert kennel.admin.get("/account/moon/invoices", headers=key).status_code == 404  # there is none yet
    assert kennel.admin.get("/accounts", headers=key).status_code == 403


@pytest.mark.parametrize("language", ["ar", "de", "es", "fr", "ja", "pt", "zh"])
def test_an_operator_reads_the_page_in_their_language_and_changes_it(
    kennel: Program, shop: str, open_page: Open, language: str
) -> None:
    page = open_page(address(kennel, shop), PHONE)

    page.click(f"nav a[lang={language}]")
    page.locator(f"html[lang={language}]").wait_for()
    look(page, f"authorize-{language}")
    page.fill("input[name=secret]", TOKEN)
    page.click("button")
    page.locator("#connect").wait_for()

    assert exchanged(kennel, shop, page).status_code == 200


def test_a_link_of_the_command_line_grants_with_one_click(
    kennel: Program,
    shop: str,
    open_page: Open,
) -> None:
    told = command(kennel, "key", "authorize", address(kennel, shop))
    [link] = [line for line in told.stdout.splitlines() if line.startswith("http")]

    page = open_page(link, LARGE_PHONE, color_scheme="dark", java_script_enabled=False)
    page.screenshot(path=screenshot("authorize-dark"), full_page=True)
    assert page.locator("input[type=password]").count() == 0
    page.click("button")
    page.wait_for_url(f"{shop}/back?*")

    assert exchanged(kennel, shop, page).status_code == 200


def test_an_operator_who_refuses_goes_back_with_nothing(
    kennel: Program,
    shop: str,
    open_page: Open,
) -> None:
    page = open_page(address(kennel, shop), PHONE)

    page.click("text=Refuse")
    page.wait_for_url(f"{shop}/back?*")

    assert parse_qs(urlsplit(page.url).query) == {"error": ["access_denied"], "state": ["s1"]}


def test_what_is_asked_for_wrongly_is_said_on_a_page(kennel: Program, shop: str, open_page: Open) -> None:
    page = open_page(address(kennel, shop, redirect_uri="http://evil.example/"), PHONE)

    look(page, "authorize-refused")
    assert "redirect_uri begins with https://" in page.locator(".wrong").inner_text()
