"""A plugin asks for a key, an operator grants it on a page, and the plugin exchanges a code for it, once."""

import asyncio
import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.api.access import authorize, authorize_page, redirects
from app.cli import keys
from app.cli.command import CannotBeDone
from app.db.tables import api_keys, grant_links, key_grants
from app.domain import access
from app.domain.refusals import Invalid
from tests import funding
from tests.funding import GOLD
from tests.unit.api.access.conftest import ADMIN, TOKEN, Made, bearer
from tests.unit.api.conftest import client_of

VERIFIER = "v" * 50
BACK = "https://shop.example/kennel/back?lang=de"
ASKED = {
    "name": "Woo <b>Commerce</b>",
    "scopes": "invoices:write invoices:read",
    "account": "shop-1",
    "redirect_uri": BACK,
    "state": "a b&c",
    "code_challenge": authorize.challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}
PAGE = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}


async def shown(client: httpx.AsyncClient, **changes: str) -> httpx.Response:
    return await client.get("/authorize", params={**ASKED, **changes})


async def decide(
    client: httpx.AsyncClient,
    secret: str = "",
    attempt: str = "",
    headers: Any = None,
    **changes: str,
) -> httpx.Response:
    """Send the page's form."""
    attempt = attempt or attempt_of(await shown(client, **changes))
    form = {"attempt": attempt, "secret": secret}
    return await client.post("/authorize", params={**ASKED, **changes}, data=form, headers=headers or PAGE)


def attempt_of(page: httpx.Response) -> str:
    match = re.search(r'name="attempt" value="([^"]+)"', page.text)
    assert match, page.text
    return match[1]


def code_of(answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return query["code"][0]


async def exchange(client: httpx.AsyncClient, code: str, **changes: str) -> httpx.Response:
    body = {"code": code, "code_verifier": VERIFIER, "redirect_uri": BACK, **changes}
    return await client.post("/authorize/key", json=body)


async def count(engine: AsyncEngine, table: sa.Table) -> int:
    async with engine.connect() as db:
        return await db.scalar(sa.select(sa.func.count()).select_from(table)) or 0


async def test_a_granted_key_opens_what_was_asked_for_and_nothing_else(
    locked: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await funding.fund(ready, {"shop-1": 0, "shop-2": 0}, GOLD)

    granted = await decide(locked, TOKEN)
    made = await exchange(locked, code_of(granted))

    location = urlsplit(granted.headers["location"])
    assert parse_qs(location.query) == {"lang": ["de"], "code": [code_of(granted)], "state": ["a b&c"]}
    assert location._replace(query="").geturl() == "https://shop.example/kennel/back"
    assert granted.headers["cache-control"] == "no-store"
    assert made.status_code == 200, made.text
    key = made.json()
    assert (key["scopes"], key["accounts"], key["description"]) == (
        ["invoices:read", "invoices:write"], ["shop-1"], "Woo <b>Commerce</b>",
    )  # fmt: skip
    assert (await locked.get("/account/shop-1/invoices", headers=bearer(key))).status_code == 200
    assert (await locked.get("/account/shop-2/invoices", headers=bearer(key))).status_code == 404
    assert (await locked.get("/account/shop-1/payments", headers=bearer(key))).status_code == 403


async def test_the_page_shows_what_is_asked_for_and_sends_its_form_to_us_and_the_shop_alone(
    locked: httpx.AsyncClient,
) -> None:
    page = await shown(locked, scopes="payments:write", prefix="tenant-7.", account="")

    assert page.status_code == 200
    assert "Woo &lt;b&gt;Commerce&lt;/b&gt;" in page.text
    assert "<b>" not in page.text
    for words in (
        "shop.example",
        "tenant-7.",
        "payments:write",
        "Money can leave",
        "regtest",
        'type="password"',
    ):
        assert words in page.text, words
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' https://shop.example:443;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert TOKEN not in page.text


@pytest.mark.parametrize(
    ("header", "changes", "code", "direction", "sentence"),
    [
        ("", {}, "en", "ltr", "Money can leave"),
        ("de-AT, en;q=0.5", {}, "de", "ltr", "Damit kann Geld ein Konto verlassen"),
        ("de", {"lang": "ja"}, "ja", "ltr", "アカウントからお金が出ることがあります"),
        ("ar", {}, "ar", "rtl", "يمكن أن يخرج المال"),
        ("xx", {"lang": "xx"}, "en", "ltr", "Money can leave"),
    ],
)
async def test_the_page_speaks_the_operator_s_language_and_leads_to_the_same_request_in_the_others(
    locked: httpx.AsyncClient, header: str, changes: dict[str, str], code: str, direction: str, sentence: str
) -> None:
    asked = {**ASKED, "scopes": "payments:write", **changes}
    page = await locked.get("/authorize", params=asked, headers={"Accept-Language": header})
    links = [html.unescape(link) for link in re.findall(r'<a href="(\?[^"]+)" lang', page.text)]

    assert page.headers["content-language"] == code
    assert f'<html lang="{code}" dir="{direction}">' in page.text
    assert sentence in page.text
    assert "Woo &lt;b&gt;Commerce&lt;/b&gt;" in page.text
    queries = [parse_qs(link[1:]) for link in links]
    assert sorted(query.pop("lang")[0] for query in queries) == sorted(authorize_page.languages())
    expected = {name: [text] for name, text in asked.items() if name != "lang"}
    assert queries == [expected] * len(queries)


async def test_what_is_wrong_is_said_in_the_operator_s_language_and_to_plugins_in_english(
    locked: httpx.AsyncClient,
) -> None:
    german = {**PAGE, "Accept-Language": "de"}

    wrong = await decide(locked, "wrong", headers=german)
    of_plugin = await locked.get("/authorize", params={**ASKED, "scopes": "root"}, headers=german)

    assert "weder das Token noch ein Schlüssel" in wrong.text
    assert "Es wurde kein Schlüssel erteilt" in of_plugin.text
    assert '<p class="wrong" role="alert" lang="en" dir="ltr">There is no scope root' in of_plugin.text


@pytest.mark.parametrize("wrong", ["", "wrong", "kennel_1_" + "x" * 43])
async def test_who_is_no_operator_grants_nothing_and_is_slowed_down(
    locked: httpx.AsyncClient, ready: AsyncEngine, wrong: str
) -> None:
    attempt = attempt_of(await shown(locked))

    first = await decide(locked, wrong, attempt)
    answers = await asyncio.gather(*(decide(locked, wrong, attempt) for _ in range(200)))

    assert first.status_code == 403
    assert "neither the token nor a key" in first.text
    assert {answer.status_code for answer in answers} == {403, 429}
    assert await count(ready, key_grants) == 0


async def test_a_key_grants_another_one_only_with_the_scope_admin(
    locked: httpx.AsyncClient, make: Made
) -> None:
    ordinary, admin = await make("invoices:write"), await make("admin")

    refused, granted = await decide(locked, ordinary["secret"]), await decide(locked, admin["secret"])

    assert (refused.status_code, granted.status_code) == (403, 303)
    assert 'lacks the scope <code dir="ltr">admin</code>' in refused.text


async def test_a_code_is_exchanged_once_also_by_two_at_once(
    locked: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    code = code_of(await decide(locked, TOKEN))

    answers = await asyncio.gather(*(exchange(locked, code) for _ in range(8)))
    again = await exchange(locked, code)

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert (again.status_code, again.json()["error"]["field"]) == (400, "code")
    assert await count(ready, api_keys) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code_verifier": "w" * 50}, "code_verifier"),
        ({"code_verifier": "short"}, "code_verifier"),
        ({"redirect_uri": "https://evil.example/"}, "redirect_uri"),
        ({"code": "x" * 43}, "code"),
    ],
)
async def test_a_code_is_of_no_use_without_the_plugin_s_secret(
    locked: httpx.AsyncClient, ready: AsyncEngine, changes: dict[str, str], field: str
) -> None:
    code = code_of(await decide(locked, TOKEN))

    stolen = await exchange(locked, **{"code": code, **changes})

    assert (stolen.status_code, stolen.json()["error"]["field"]) == (400, field)
    assert await count(ready, api_keys) == 0
    assert (await exchange(locked, code)).status_code == 200


async def test_a_code_is_over_after_its_time(locked: httpx.AsyncClient, ready: AsyncEngine) -> None:
    code = code_of(await decide(locked, TOKEN))
    async with ready.begin() as db:
        await db.execute(sa.update(key_grants).values(expires=key_grants.c.created))

    assert (await exchange(locked, code)).json()["error"]["field"] == "code"
    async with ready.begin() as db:
        kept = await access.delete_over(db)
        await db.execute(sa.update(key_grants).values(expires=sa.func.now() - sa.text("interval '2 days'")))
        deleted = await access.delete_over(db)
    assert (kept, deleted, await count(ready, key_grants)) == (False, True, 0)


async def test_a_second_click_grants_once(locked: httpx.AsyncClient, ready: AsyncEngine) -> None:
    attempt = attempt_of(await shown(locked))

    answers = await asyncio.gather(*(decide(locked, TOKEN, attempt) for _ in range(4)))
    other = await decide(locked, TOKEN, attempt, scopes="payments:write")

    assert len({answer.headers["location"] for answer in answers}) == 1
    assert other.status_code == 400
    assert "used for another request" in other.text
    assert await count(ready, key_grants) == 1


async def test_a_link_grants_its_own_request_once_without_a_token(
    locked: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    address = str(httpx.URL("http://localhost/authorize", params=ASKED))
    link = parse_qs(urlsplit(await keys.link_to(ready, address)).query)["link"][0]
    page = await shown(locked, link=link)
    attempt = attempt_of(page)

    other = await decide(locked, scopes="payments:write", link=link)
    first, again = [await decide(locked, attempt=attempt, link=link) for _ in range(2)]
    third = await decide(locked, link=link)

    assert 'type="password"' not in page.text
    assert (other.status_code, first.status_code, again.status_code, third.status_code) == (
        400,
        303,
        303,
        400,
    )
    assert 'run <code dir="ltr">kennel key authorize</code> once more' in third.text
    assert (await exchange(locked, code_of(first))).status_code == 200
    assert (await count(ready, grant_links), await count(ready, key_grants)) == (1, 1)
    with pytest.raises(CannotBeDone, match="asks for a key"):
        await keys.link_to(ready, "http://localhost/authorize?name=x")


@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_no_other_page_sends_the_form_also_where_nothing_is_locked(
    admin: httpx.AsyncClient, ready: AsyncEngine, page: dict[str, str]
) -> None:
    own = await decide(admin)
    foreign = await decide(admin, headers=page)

    assert (own.status_code, foreign.status_code) == (303, 403)
    assert await count(ready, key_grants) == 1


async def test_a_shop_leads_to_the_page_and_frames_and_reads_nothing(locked: httpx.AsyncClient) -> None:
    led = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    read = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": "https://evil.example"}

    assert (await locked.get("/authorize", params=ASKED, headers=led)).status_code == 200
    assert (await locked.get("/authorize", params=ASKED, headers=read)).status_code == 403
    assert (await locked.get("/accounts", headers={**led, **ADMIN})).status_code == 403


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scopes": "admin"}, "not granted to plugins"),
        ({"scopes": "root"}, "There is no scope root"),
        ({"scopes": ""}, "one scope or more"),
        ({"name": " "}, "granted to a name"),
        ({"name": "x" * 81}, "at most 80"),
        ({"name": "a\nb"}, "one line"),
        ({"prefix": "x."}, "not both"),
        ({"code_challenge": ""}, "code_challenge"),
        ({"code_challenge_method": "plain"}, "S256"),
        ({"redirect_uri": "http://shop.example/"}, "https://"),
        ({"state": "s" * 501}, "state"),
    ],
)
async def test_what_no_plugin_may_ask_for_is_refused_on_a_page_that_leads_nowhere(
    locked: httpx.AsyncClient, changes: dict[str, str], words: str
) -> None:
    page = await shown(locked, **changes)
    sent = await decide(locked, TOKEN, "a" * 43, **changes)

    for answer in (page, sent):
        assert answer.status_code == 400
        assert words in answer.text
        assert "location" not in answer.headers
        assert "form-action 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "uri",
    [
        "", "/back", "javascript:alert(1)", "data:text/html,x", "//evil.example", "http://evil.example/", "ftp://x/",
        "https://user@shop.example/", "https://user:pw@shop.example/", "https://shop.example/#there",
        "https://shop.example\\@evil.example/", "https://shop.example/ x", "https://shöp.example/", "https:///x",
        "https://sh*p.example/", "http://127.0.0.1.evil.example/", "http://[::1]:3000/", "https://a;b/", "https://x:99999/",
        "woocommerce://back",
    ],
)  # fmt: skip
def test_a_browser_is_sent_to_no_doubtful_place(uri: str) -> None:
    with pytest.raises(Invalid, match="redirect_uri"):
        redirects.read(uri)


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://Shop.Example/back?a=1", "https://shop.example:443"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://127.0.0.1:3000/x", "http://127.0.0.1:3000"),
        ("http://localhost/x", "http://localhost:80"),
        ("https://xn--shp-sna.example/", "https://xn--shp-sna.example:443"),
    ],
)
def test_a_browser_is_sent_to_pages_with_tls_and_to_this_machine(uri: str, origin: str) -> None:
    target = redirects.read(uri)

    assert target.origin == origin
    assert target.with_answer(code="a&b", state="").endswith("code=a%26b")


async def test_the_audit_log_says_who_granted_a_key_and_when_it_was_fetched(
    locked: httpx.AsyncClient, ready: AsyncEngine, make: Made
) -> None:
    admin = await make("admin", description="Ann")
    attempt = attempt_of(await shown(locked))
    address = str(httpx.URL("http://localhost/authorize", params=ASKED))
    await keys.link_to(ready, address)

    code = code_of(await decide(locked, admin["secret"], attempt))
    await decide(locked, admin["secret"], attempt)
    key = (await exchange(locked, code)).json()

    rows = (await locked.get("/audit/log", headers=ADMIN)).json()["items"]
    shown_rows = [(row["action"], row["actor"], row["actor_name"], row["subject"]) for row in rows]
    assert shown_rows[0] == ("key.exchange", "plugin", "", str(key["id"]))
    assert shown_rows[1] == ("key.grant", f"key:{admin['id']}", "Ann", "Woo <b>Commerce</b>")
    assert shown_rows[2][:2] == ("key.authorize", "command line")
    assert len(rows) == 4
    assert key["secret"] not in str(rows)
    assert code not in str(rows)


async def test_only_the_merchant_s_listener_has_the_page(kennel: context.AppContext) -> None:
    async with client_of(application.public(kennel, lambda: "id")) as payer:
        answers: list[Any] = [await payer.get("/authorize"), await payer.post("/authorize/key", json={})]

    assert [answer.status_code for answer in answers] == [404, 404]
