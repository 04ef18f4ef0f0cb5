"""What a page of another site can do with a real browser, on a machine that has one."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.api import application, context
from app.api.serving import serving

CHROMIUM = shutil.which("chromium")
SITE = "evil.example"
SECONDS = 120
PAGE = """<!doctype html><title>Kittens</title><script>
const post = (url) => fetch(url, {{mode: "no-cors", method: "POST", body: "{{}}"}}).catch(() => null);
const shows = (url) => new Promise((report) => {{
    const image = new Image(); image.onload = () => report("shown");
    image.onerror = () => report("not shown"); image.src = url;
}});
(async () => {{
    await post("http://127.0.0.1:{admin}/account/stolen");
    await post("http://localhost:{admin}/account/stolen");
    const image = await shows("http://127.0.0.1:{public}/address/{address}/qr.png");
    location = "/done?" + new URLSearchParams({{image}});
}})();
</script>"""

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium on this machine; .ci/run installs it"
)


class Site:
    """A site of somebody else: one page, and what it tells in the end."""

    def __init__(self) -> None:
        self.page = ""
        self.report: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = urlsplit((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode())
        if target.path == "/done" and not self.report.done():
            self.report.set_result({name: values[0] for name, values in parse_qs(target.query).items()})
        page = self.page.encode()
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
            f"Content-Length: {len(page)}\r\n\r\n"
        )
        writer.write(head.encode() + page)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def browsing(home: Path, url: str, *options: str) -> AsyncIterator[asyncio.StreamReader]:
    """What a browser says that shows the page, and for which SITE is this machine, as after a rebinding."""
    always = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    rules = f"--host-resolver-rules=MAP {SITE} 127.0.0.1"
    command = [str(CHROMIUM), *always, f"--user-data-dir={home}", rules, *options, url]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_name_that_was_made_to_lead_here_reads_nothing(
    kennel: context.AppContext, tmp_path: Path
) -> None:
    async with (
        serving(application.admin(kennel, lambda: "id"), "127.0.0.1", 0) as admin,
        asyncio.timeout(SECONDS),
    ):
        async with browsing(tmp_path / "a", f"http://127.0.0.1:{admin}/accounts", "--dump-dom") as shown:
            ours = await shown.read()
        async with browsing(tmp_path / "b", f"http://{SITE}:{admin}/accounts", "--dump-dom") as shown:
            theirs = await shown.read()

    assert b'"items":' in ours
    assert b'"items":' not in theirs
    assert b'"code":"forbidden"' in theirs


async def test_a_page_of_another_site_cannot_change_anything_and_shows_a_payers_image(
    kennel: context.AppContext, tmp_path: Path
) -> None:
    site = Site()
    admin_app, public_app = application.admin(kennel, lambda: "id"), application.public(kennel, lambda: "id")
    async with (
        serving(admin_app, "127.0.0.1", 0) as admin,
        serving(public_app, "127.0.0.1", 0) as public,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{admin}") as shop,
        await asyncio.start_server(site.answer, "127.0.0.1", 0) as server,
    ):
        await shop.post("/account/shop", content="{}")
        address = (await shop.post("/account/shop/address", content="{}")).json()["address"]
        site.page = PAGE.format(admin=admin, public=public, site=SITE, address=address)
        port = server.sockets[0].getsockname()[1]
        async with (
            browsing(tmp_path, f"http://{SITE}:{port}/", "--remote-debugging-port=0"),
            asyncio.timeout(SECONDS),
        ):
            report = await site.report

        accounts = [account["foreign_id"] for account in (await shop.get("/accounts")).json()["items"]]

    assert accounts == ["shop"]
    assert report == {"image": "shown"}
