"""The checkout page: the bytes that a payer loads, and the first paint in Chromium beside that of a bare page."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from playwright.async_api import Browser, async_playwright

from bench import programs, shop
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Testbed
from bench.shop import Shop

ROUNDS = 12
LIMIT_BYTES = 60_000
FILES = re.compile(r'(?:href|src)="([^"]*\.(?:css|js)[^"]*)"')
PAINT = """new Promise(painted => new PerformanceObserver(list => {
    for (const entry of list.getEntriesByName("first-contentful-paint")) painted(entry.startTime);
}).observe({type: "paint", buffered: true}))"""
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
BARE = b"<!doctype html><title>Bare</title><p>Bare</p>"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"


async def measure(testbed: Testbed) -> list[Figure]:
    """Load a page that waits for its payment; without Chromium only its bytes are counted."""
    async with (
        programs.devnet(testbed.folder()) as node,
        shop.opened(testbed, node) as opened,
        _bare_page() as bare,
    ):
        page = await _page(opened)
        figure = Figure("checkout_bytes", "bytes", await _bytes(page), LIMIT_BYTES, 1, at_most=True)
        chromium = shutil.which("chromium")
        return [figure] if chromium is None else [figure, await _first_paint(chromium, page, bare)]


async def _page(opened: Shop) -> str:
    """Return the URL of the page of a new invoice; its public URL is another listener's."""
    invoice = await opened.invoice()
    port = opened.kennel.port("public API")
    return f"http://127.0.0.1:{port}/pay/{invoice['id']}?token={invoice['token']}"


async def _bytes(page: str) -> int:
    """Return the bytes of the page, with the codes that are in it, and of its files; nothing is compressed."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answers = [(await client.get(page)).raise_for_status()]
        for path in FILES.findall(answers[0].text):
            answers.append((await client.get(str(answers[0].url.join(path)))).raise_for_status())
    if len(answers) < 3:
        raise RuntimeError("the page loads neither style nor script")
    return sum(len(answer.content) for answer in answers)


async def _first_paint(chromium: str, page: str, bare: str) -> Figure:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        await _paint(browser, page)
        paints = [(await _paint(browser, page), await _paint(browser, bare)) for _ in range(ROUNDS)]
        await browser.close()
    return of_rounds(Terms("first_paint", "ms"), *zip(*paints, strict=True))


async def _paint(browser: Browser, url: str) -> float:
    """Return the milliseconds to the first paint of text, with nothing in the browser's cache."""
    context = await browser.new_context(viewport={"width": 412, "height": 915})
    page = await context.new_page()
    await page.goto(url)
    milliseconds = float(await page.evaluate(PAINT))
    await context.close()
    return milliseconds


@asynccontextmanager
async def _bare_page() -> AsyncIterator[str]:
    """Yield the URL of a page with one word."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER % (len(BARE), BARE))
        except asyncio.IncompleteReadError:
            pass  # the browser opens connections that it may need
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
