"""Behind a real PgBouncer in transaction mode: every command, and many clients at once."""

import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests import pooler
from tests.conftest import cloned
from tests.end_to_end.program import Program, command, running
from tests.end_to_end.shop import Shop, answered, order

pytestmark = pooler.needed

CLIENTS: Final = 24
ROUNDS: Final = 12
SOAK_SECONDS: Final = int(os.environ.get("SOAK_SECONDS", "0"))
"""Beyond the rounds that every run has, the clients go on for so long."""


@pytest.fixture
async def empty(server: str) -> AsyncIterator[str]:
    """The URL of a database without a table."""
    async with cloned(server, "template1") as url:
        yield url


@pytest.fixture
def pooled(empty: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a program is told whose database is reached through PgBouncer."""
    with pooler.running(tmp_path, empty) as url:
        yield {"KENNEL_DATABASE_URL": url, "KENNEL_DATABASE_POOLER": "transaction"}


def test_every_command_does_its_work_through_a_pooler(pooled: dict[str, str], tmp_path: Path) -> None:
    program = Program(tmp_path / "kennel", None, **pooled)
    books = str(tmp_path / "books.jsonl")

    words = "abandon " * 11 + "about\n"
    before = [
        command(program, "migrate"),
        command(program, "recover", "--words", "--accounts", "2", "--gap", "20", typed=words),
    ]
    with running(program):
        program.node.fill_faucet()
        program.keep_up()
        shop = Shop(program, "shop").open()
        platform = Shop(program, "platform").open()
        for one in (shop, platform, platform):
            program.pay(one.invoice("10", required_confirmations=1)["id"], "10")
        program.mine(6)
        rounds = [
            "audit",
            f"export {books}",
            "resume",
            "consolidate",
            "rescan --from 50",
            "rename shop cafe",
            "migrate",
        ]
        beside = [command(program, *words.split()) for words in rounds]
        paid = answered(
            program.admin.post("/account/cafe/pay", json={"to": program.node.miner(), "amount": "2"})
        )
        assert program.audit()["payments_paused"] is None
    after = [
        command(program, "restored", "--anyway"),
        command(program, "verify", books),
        command(program, "audit"),
    ]

    assert [done.stdout for done in (*before, *beside, *after) if done.returncode] == []
    assert paid["hex"]


def test_many_clients_read_and_write_through_a_pooler_without_an_error(
    pooled: dict[str, str], tmp_path: Path
) -> None:
    with running(Program(tmp_path / "kennel", None, **pooled)) as program:
        answered(program.admin.post("/assets", json={"code": "gold", "name": "Gold", "decimals": 0}))
        shops = [Shop(program, f"shop{number}").open(opening={"gold": "1000000"}) for number in range(4)]
        end = time.monotonic() + SOAK_SECONDS
        with ThreadPoolExecutor(CLIENTS) as people:
            statuses = Counter[int]()
            for its in people.map(partial(_trade, shops, end), range(CLIENTS)):
                statuses += its
        audit = program.audit()

        assert statuses.keys() == {200}
        assert [total["difference"] for total in audit["totals"]] == ["0"] * len(audit["totals"])
        assert "ERROR" not in program.said()


def _trade(shops: list[Shop], end: float, client: int) -> Counter[int]:
    """Pay from shop to shop, sell, and look at what came of it; returns how often each status was answered."""
    statuses, number = Counter[int](), 0
    admin = shops[0].program.admin
    while number < ROUNDS or time.monotonic() < end:
        number += 1
        giver, taker = (shops[(client + number + step) % len(shops)] for step in (0, 1))
        moved = {"from": giver.foreign_id, "to": taker.foreign_id, "asset": "gold", "amount": "1"}
        answers = [
            admin.post("/transfers", json=moved, headers={"Idempotency-Key": f"{client}-{number}"}),
            admin.post(f"{giver.path}/invoice", json=order()),
            admin.get(f"{taker.path}/balances"),
            admin.get(f"{taker.path}/history"),
            admin.get(f"{giver.path}/events"),
            admin.get("/accounts"),
        ]
        statuses += Counter(answer.status_code for answer in answers)
    return statuses
