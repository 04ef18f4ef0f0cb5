"""A browser before a whole program, and a shop whose invoices can be made old."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.db.engine import open_engine
from tests.conftest import cloned
from tests.end_to_end.program import ROOT, Program, running, until
from tests.end_to_end.shop import Shop

CHROMIUM = shutil.which("chromium")
PHONE, LARGE_PHONE = (320, 568), (412, 915)
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", ROOT / "build" / "screenshots"))
OPTIONS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-features=LocalNetworkAccessChecks",  # the shop's page of a test is on the same machine
]
MEANT = ("404 (Not Found)", "400 (Bad Request)", "503 (Service Unavailable)", "403 (Forbidden)")
"""How a browser tells of an answer that says what is wrong."""
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E"
    "%3Ccircle cx='4' cy='4' r='4' fill='%23c2a633'/%3E%3C/svg%3E"
)
VENDOR = {
    "vendor_name": "Moon Shop",
    "vendor_icon": ICON,
    "vendor_address": "1 Crater Lane\nTycho",
    "vendor_url": "https://moon.example/",
}
ORDER = {
    "items": [
        {"type": "item", "name": "Doge plush", "value": "1024.89", "quantity": 2},
        {"type": "shipping", "name": "", "value": "5", "quantity": 1},
        {"type": "tax", "name": "VAT 19%", "value": "3.5", "quantity": 1},
    ],
    "reference": "1001",
    "expire_minutes": 30,
    "required_confirmations": 3,
    "return_url": "https://moon.example/thanks",
    "cancel_url": "https://moon.example/basket",
}
TOTAL = "2058.28"


_AGED = "UPDATE invoices SET created = created - (expires - created), expires = created WHERE token = :token"


class MoonShop:
    """A shop on a program, and the clock of its invoices."""

    def __init__(self, program: Program, database: str) -> None:
        self.program = program
        self.shop = Shop(program, "moon").open(**VENDOR)
        self._database = database

    def invoice(self, **terms: Any) -> dict[str, Any]:
        made = self.program.admin.post("/account/moon/invoice", json={**ORDER, **terms})
        assert made.status_code == 200, made.text
        return dict(made.json())

    def url(self, invoice: dict[str, Any], **parameters: str) -> str:
        """The page, with the token."""
        query = {"token": invoice["token"], **parameters}
        url = self.program.public.base_url.copy_with(path=f"/pay/{invoice['id']}")
        return str(url.copy_merge_params(query))

    def pay(self, invoice: dict[str, Any], amount: str = TOTAL, blocks: int = 1) -> str:
        """Pay it, and mine so many blocks; returns the txid."""
        txid = self.program.pay(invoice["id"], amount)
        self.program.mine(blocks)
        return txid

    def end(self, invoice: dict[str, Any]) -> None:
        """Let its time be over, and wait until that is told."""
        self.age(invoice)
        self.program.mine()
        until(lambda: self.shop.shown(invoice["id"])["state"] == "expired")

    def age(self, invoice: dict[str, Any]) -> None:
        """Let its time be over; it is not told before the chain stands still."""
        self.program.mine()
        self._write(_AGED, token=invoice["token"])

    def outdate_rates(self) -> None:
        """Let no rate be fresh; the next round makes new ones."""
        self._write("UPDATE rates SET at = at - interval '1 day'")

    def _write(self, statement: str, **values: str) -> None:
        with ThreadPoolExecutor(1) as thread:  # the browser's loop runs in this one
            thread.submit(asyncio.run, self._execute(statement, values)).result()

    async def _execute(self, statement: str, values: dict[str, str]) -> None:
        engine = open_engine(self._database)
        async with engine.begin() as db:
            await db.execute(sa.text(statement), values)
        await engine.dispose()


@pytest.fixture(scope="module")
def chromium() -> str:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine; .ci/run installs it")
    return CHROMIUM


@pytest.fixture(scope="module")
def moon(chromium: str, server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoonShop]:
    settings = {
        "KENNEL_FRAME_ORIGINS": "*",
        "KENNEL_SHOP_CONTACT": "mailto:help@moon.example",
        "KENNEL_EXPLORER_URL": "https://explorer.example/tx/{txid}",
        "KENNEL_RATES": "EUR=0.15",
    }
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        database = runner.run(stack.enter_async_context(cloned(server)))
        home = tmp_path_factory.mktemp("checkout")
        with running(Program(home, None, KENNEL_DATABASE_URL=database, **settings)) as program:
            program.node.fill_faucet()
            until(lambda: program.node.mine() and program.audit()["height"] == program.node.height)
            yield MoonShop(program, database)
        runner.run(stack.aclose())


@contextmanager
def launched(chromium: str) -> Iterator[Browser]:
    """A browser without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser(moon: MoonShop, chromium: str) -> Iterator[Browser]:
    with launched(chromium) as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages that load everything from Kennel, obey its policy and raise nothing; checked at the end."""
    faults: list[str] = []
    contexts: list[BrowserContext] = []

    def opened(url: str, size: tuple[int, int] = PHONE, **options: Any) -> Page:
        width, height = size
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [fault for fault in faults if not fault.endswith(MEANT)] == []


def look(page: Page, name: str) -> None:
    """Store a picture of the page; axe must find nothing, and nothing is wider than the screen."""
    page.screenshot(path=screenshot(name), full_page=True)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is too wide"


def shows(page: Page, screen: str) -> None:
    """Wait until the page shows the screen."""
    page.locator(f"main[data-screen={screen}]").wait_for()
    assert page.locator("main").get_attribute("data-screen") == screen


def screenshot(name: str, kind: str = "png") -> Path:
    """Where a picture is stored."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS / f"{name}.{kind}"
