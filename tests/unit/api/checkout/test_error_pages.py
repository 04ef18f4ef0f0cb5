"""Who opens a page gets a page, also where there is none or the database is away; scripts get the JSON."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from app.api import application, context
from app.api.checkout.branding import Branding
from app.api.client_limits import ClientLimits
from tests.unit.api.conftest import client_of

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ADDRESS = "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb"


@pytest.fixture
async def homeless_payer(nowhere: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    """A payer whose Kennel has no database."""
    async with client_of(application.public(nowhere, lambda: "id")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "Your payment is safe"), ("de", "Ihre Zahlung ist sicher")]
)
async def test_while_the_database_is_away_the_page_says_so_and_tries_again(
    homeless_payer: httpx.AsyncClient, language: str, sentence: str
) -> None:
    answer = await homeless_payer.get(f"/pay/{ADDRESS}?token=x&lang={language}", headers=BROWSER)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-language"] == language
    assert answer.headers["x-request-id"] == "id"
    assert sentence in answer.text
    assert '<meta http-equiv="refresh" content="5">' in answer.text
    assert 'id="again" href=""' in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", [f"/pay/{ADDRESS}", "/l/abc"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_presses_a_button_meanwhile_gets_that_page_too(
    homeless_payer: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await homeless_payer.request(method, path, headers=BROWSER)

    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "Your payment is safe" in answer.text


@pytest.mark.parametrize("path", [f"/pay/{ADDRESS}", f"/invoice/{ADDRESS}/status"])
async def test_a_script_hears_of_it_in_json(homeless_payer: httpx.AsyncClient, path: str) -> None:
    answer = await homeless_payer.get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not-available")


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/", "./"),
        ("/pay", "./"),
        ("/pay/", "../"),
        ("/pay/a/b", "../../"),
        ("/pay/a%2Fb", "../"),
        ("/x?y=/z", "./"),
    ],
)
async def test_a_path_that_leads_nowhere_has_a_page(payer: httpx.AsyncClient, path: str, root: str) -> None:
    answer = await payer.get(path, headers=BROWSER)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such payment" in answer.text
    assert f'href="{root}checkout/page.css?v=' in answer.text


@pytest.mark.parametrize("path", [f"/invoice/{ADDRESS}", "/a" * 9, "/invoice/x/qr.png"])
async def test_what_is_no_page_stays_as_it_is(payer: httpx.AsyncClient, path: str) -> None:
    answer = await payer.get(path, headers=BROWSER)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")


async def test_who_asks_too_often_gets_a_page_that_tries_again(kennel: context.AppContext) -> None:
    app = application.public(kennel, lambda: "id", clients=ClientLimits(requests_per_address=1))
    async with client_of(app) as payer:
        answers = [await payer.get(f"/pay/{ADDRESS}", headers=BROWSER) for _ in range(6)]

    assert (answers[-1].status_code, answers[-1].headers["content-type"]) == (429, "text/html; charset=utf-8")
    assert "cannot be shown just now" in answers[-1].text
    assert "retry-after" in answers[-1].headers


async def test_a_shop_that_may_frame_the_page_may_frame_its_errors(kennel: context.AppContext) -> None:
    branding = Branding(frame_origins=frozenset({"https://shop.example"}))
    async with client_of(application.public(replace(kennel, branding=branding), lambda: "id")) as payer:
        answer = await payer.get("/pay/a/b", headers=BROWSER)

    assert "frame-ancestors https://shop.example" in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers
