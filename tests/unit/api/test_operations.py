import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.api import application, context
from app.audit import AuditReport
from app.db.tables import CLAWBACK, TREASURY, WORLD, assets, balances, blocks, chain_state, installation
from app.domain import ledger
from app.domain.ledger import Bucket, Entry, Posting
from app.money import COIN
from app.runtime.loop import LoopHealth
from app.runtime.shared_runs import SharedRun
from tests.unit.api.conftest import client_of, context_on


@pytest.fixture
async def tip(ready: AsyncEngine) -> AsyncEngine:
    """A chain that has come to block 100."""
    block = {"height": 100, "hash": b"h" * 32, "previous": b"p" * 32, "time": 0, "chainwork": 1}
    async with ready.begin() as db:
        await db.execute(insert(blocks).values(block))
        await db.execute(insert(chain_state).values(id=1, height=100, hash=b"h" * 32, start_height=100))
    return ready


async def test_the_audit_of_a_new_installation_is_good(admin: httpx.AsyncClient) -> None:
    report = (await admin.get("/audit")).json()

    assert list(report) == ["ok", "solvent", "owing", "checks", "height", "totals", "payments_paused"]
    assert report["ok"] is True
    assert (report["solvent"], report["owing"]) == (True, "0")
    assert report["height"] is None
    assert all(
        list(check) == ["name", "ok", "checked", "detail"] and check["ok"] for check in report["checks"]
    )


async def test_a_mismatch_is_200_and_says_where(admin: httpx.AsyncClient, tip: AsyncEngine) -> None:
    postings = (Posting(WORLD, Bucket.AVAILABLE, -5), Posting(0, Bucket.AVAILABLE, 5))
    async with tip.begin() as db:
        await ledger.post(db, [Entry("deposit", ("deposit", "t:0"), "t:0", postings)])
        await db.execute(update(balances).where(balances.c.account_id == 0).values(available=7))

    answer = await admin.get("/audit")

    assert answer.status_code == 200
    report = answer.json()
    assert report["ok"] is False
    assert report["height"] == 100
    assert "account 0" in next(check["detail"] for check in report["checks"] if not check["ok"])
    assert report["totals"][0]["asset"] == "DOGE"
    assert report["totals"][0]["difference"] == "0.00000007"


async def test_the_system_accounts_are_the_other_side_of_the_books(
    admin: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    issued = (("gold", TREASURY, 250), ("DOGE", WORLD, 5))
    async with ready.begin() as db:
        await db.execute(insert(assets).values(code="gold", name="Gold coins", decimals=2))
        moves = [
            (Posting(giver, Bucket.AVAILABLE, -amount, asset), Posting(0, Bucket.AVAILABLE, amount, asset))
            for asset, giver, amount in issued
        ]
        await ledger.post(
            db, [Entry("TOPUP", ("test", str(n)), f"t:{n}", lines) for n, lines in enumerate(moves)]
        )

    shown = (await admin.get("/balances/system")).json()["items"]

    assert [(balance["account"], balance["asset"], balance["balance"]) for balance in shown] == [
        ("world", "DOGE", "-0.00000005"),
        ("network_fees", "DOGE", "0"),
        ("clawback", "DOGE", "0"),
        ("cold_storage", "DOGE", "0"),
        ("treasury", "gold", "-2.5"),
    ]
    report = (await admin.get("/audit")).json()
    assert [
        tuple(total[name] for name in ("asset", "customers", "treasury", "difference"))
        for total in report["totals"]
    ][1:] == [("gold", "2.5", "-2.5", "0")]


async def test_a_rescan_begins_at_the_deepest_height_that_was_asked_for(
    admin: httpx.AsyncClient, tip: AsyncEngine
) -> None:
    for height in (50, 20, 80):
        answer = await admin.post(f"/admin/setsyncheight/{height}", content="ignored")

        assert answer.status_code == 200
        assert answer.json() == "Set sync height"
    async with tip.connect() as db:
        assert (await db.execute(select(chain_state.c.rescan_height))).scalar_one() == 20


@pytest.mark.parametrize("height", ["x", "-1", "1.5", "101", "99999999999", "9" * 30, "%00"])
async def test_a_height_that_is_no_block_is_refused(
    admin: httpx.AsyncClient, tip: AsyncEngine, height: str
) -> None:
    answer = await admin.post(f"/admin/setsyncheight/{height}")

    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "blockheight"


async def test_a_rescan_may_carry_a_key(admin: httpx.AsyncClient, tip: AsyncEngine) -> None:
    answers = [await admin.post("/admin/setsyncheight/7", headers={"Idempotency-Key": "k"}) for _ in range(2)]

    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true"]


async def test_a_loop_that_has_stopped_makes_the_program_not_ready_and_says_why(
    admin: httpx.AsyncClient, kennel: context.AppContext
) -> None:
    kennel.health.loops["follow"] = LoopHealth("running")
    assert (await admin.get("/ready")).status_code == 200

    kennel.health.loops["follow"] = LoopHealth("stopped", "Block 7 cannot be read")

    answer = await admin.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["loops"] == [
        {"name": "follow", "state": "stopped", "reason": "Block 7 cannot be read"}
    ]
    assert (await admin.get("/health")).json() == {"status": "trouble"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/account/new", {}),
        (
            "/account/behind/invoice",
            {"items": [{"type": "item", "name": "Treat", "value": "1", "quantity": 1}]},
        ),
        ("/account/behind/address", {"fresh": True}),
    ],
)
async def test_while_the_database_may_be_an_old_one_what_gives_out_an_address_is_503_and_all_else_goes_on(
    admin: httpx.AsyncClient, ready: AsyncEngine, path: str, body: dict[str, object]
) -> None:
    assert (await admin.post("/account/behind", json={})).status_code == 200
    async with ready.begin() as db:
        await db.execute(update(installation).values(behind="it is an old one; run `kennel restored`"))

    answer = await admin.post(path, json=body)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["code"] == "not-available"
    assert "run `kennel restored`" in answer.json()["error"]["message"]
    assert (await admin.post("/account/behind", json={"name": "B"})).json()["name"] == "B"
    assert (await admin.get("/account/new")).status_code == 404


async def test_coins_that_lack_for_the_balances_are_said_and_restart_nothing(
    admin: httpx.AsyncClient, tip: AsyncEngine
) -> None:
    lent = (Posting(CLAWBACK, Bucket.AVAILABLE, -6 * COIN), Posting(WORLD, Bucket.AVAILABLE, 6 * COIN))
    async with tip.begin() as db:
        await ledger.post(db, [Entry("UNKNOWN_SPENT", ("coin", "t:0"), "t:0", lent)])

    audit, ready = await admin.get("/audit"), await admin.get("/ready")

    assert (audit.json()["solvent"], audit.json()["owing"]) == (False, "6")
    assert (ready.status_code, ready.json()["solvent"], ready.json()["owing"]) == (200, False, "6")


async def test_whether_it_is_ready_is_answered_also_while_the_database_is_away(
    admin: httpx.AsyncClient, ready: AsyncEngine, server: str
) -> None:
    name = ready.url.database
    elsewhere = create_async_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with elsewhere.connect() as db:
        await db.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        await db.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :n"), {"n": name}
        )
        shown = await admin.get("/ready")
        await db.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
    await elsewhere.dispose()

    assert (shown.status_code, shown.json()["solvent"], shown.json()["owing"]) == (200, None, None)


class Counted(SharedRun[AuditReport]):
    """Counts how many audits there were, whoever shared them."""

    runs = 0

    async def result(self, run: Callable[[], Awaitable[AuditReport]]) -> AuditReport:
        async def counted() -> AuditReport:
            self.runs += 1
            return await run()

        return await super().result(counted)


async def test_audits_that_many_ask_for_at_once_are_shared(tip: AsyncEngine) -> None:
    counted = Counted()
    kennel = replace(context_on(tip), audits=counted)
    async with client_of(application.admin(kennel, lambda: "id")) as admin:
        answers = await asyncio.gather(*(admin.get("/audit") for _ in range(20)))

    assert [answer.json()["ok"] for answer in answers] == [True] * 20
    assert 1 <= counted.runs <= 2


async def test_an_audit_is_of_a_part_that_there_is(admin: httpx.AsyncClient, tip: AsyncEngine) -> None:
    assert (await admin.get("/audit", params={"part": 99})).json()["ok"] is True

    refused = await admin.get("/audit", params={"part": 100})

    assert refused.status_code == 400
    assert "part" in refused.json()["error"]["message"]
