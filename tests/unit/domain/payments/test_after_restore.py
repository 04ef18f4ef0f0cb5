"""A database that was restored from a dump: nobody is paid twice by it, and no address is given out twice."""

import json
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.sent_marker import DatabaseBehind, SentMarker
from app.cli import maintenance
from app.db import Db
from app.db.all_cells import AllCells
from app.db.engine import open_engine
from app.db.tables import NEVER
from app.db.tables import accounts as account_rows
from app.db.tables import installation as installation_row
from app.domain import accounts, blocks, installation
from app.domain.accounts import AccountOrder, AddressOrder
from app.domain.dogecoin import REGTEST
from app.domain.installation import NewHistory, NotCurrent
from app.domain.invoices import InvoiceOrder, issuing
from app.domain.payments import pause
from app.domain.refusals import Refusal
from app.workers.clocks import Payouts
from tests import chain_harness, conftest, scenario
from tests.chain_harness import ChainHarness
from tests.scenario import doge


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as harness:
        await harness.fund("shop", 100, 50, 30)
        yield harness


async def dump_database(server: str, harness: ChainHarness) -> str:
    """Copy the harness's database as it is now; return the copy's name."""
    name = f"dump_{secrets.token_hex(8)}"
    await harness.engine.dispose()
    await conftest._administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{harness.engine.url.database}"')
    return name


@asynccontextmanager
async def restored(
    server: str, harness: ChainHarness, dump: str, home: Path | None = None
) -> AsyncIterator[ChainHarness]:
    """The same node with a copy of the dump, in the same home or in another."""
    async with conftest.cloned(server, dump) as url:
        engine = open_engine(url)
        older = ChainHarness(engine, harness.node, home or harness.home, harness.url)
        yield older
        await older.close()
        await engine.dispose()


async def resume(harness: ChainHarness) -> None:
    """Do what the operator does after a restore, where payments may go on."""
    await maintenance.restored(AllCells.of_one(harness.engine), harness.home, REGTEST)
    await harness.follow()
    async with harness.engine.connect() as db:
        owing = await blocks.shortfall(db)
    await maintenance.resume(AllCells.of_one(harness.engine), harness.node, owing=owing)


async def answers(engine: AsyncEngine) -> list[str]:
    """Ask for an invoice, an address and an account; return the refusals' words, and the types of results."""
    outcomes: list[object] = []
    for command in (
        _invoice,
        lambda db: accounts.give(db, [AddressOrder("shop", fresh=True)], scenario.INSTALLATION),
        lambda db: accounts.put(db, [AccountOrder(f"new-{secrets.token_hex(4)}", {})], REGTEST),
    ):
        async with engine.begin() as db:
            outcomes += await command(db)
    return [str(outcome) if isinstance(outcome, Refusal) else type(outcome).__name__ for outcome in outcomes]


async def _invoice(db: Db) -> list[object]:
    return list(await issuing.create(db, [InvoiceOrder("shop", (scenario.item(),))], scenario.INSTALLATION))


ACCEPTED = ["Invoice", "str", "Account"]


async def test_a_dump_that_is_restored_twice_pays_nobody_twice(harness: ChainHarness, server: str) -> None:
    first, second = await harness.node_address(), await harness.node_address()
    payment = await harness.pay(first, 10)
    dump = await dump_database(server, harness)
    await harness.send()
    await harness.mine(2)

    async with restored(server, harness, dump) as once:
        await resume(once)
        assert await once.states(payment) == ["FAILED"]
        await once.pay(second, 5)
        await once.send()
        await once.mine(2)
    async with restored(server, harness, dump) as twice:
        with pytest.raises(DatabaseBehind, match=r"another history than sent\.json"):
            await twice.send()
        await resume(twice)
        await twice.send()
        await twice.mine(2)

        assert await twice.states(payment) == ["FAILED"]
        assert [await twice.received(to) for to in (first, second)] == [doge(10), doge(5)]
        await twice.audit()


async def test_no_two_histories_that_begin_with_the_same_dump_give_out_the_same_address_or_number(
    harness: ChainHarness, server: str
) -> None:
    """Nor does one that begins in the midst of the first of them."""
    issued = [await scenario.invoice(harness.engine)]
    first = await dump_database(server, harness)
    second = ""
    for nth in range(4):
        async with restored(server, harness, second if nth == 2 else first) as older:
            await maintenance.restored(AllCells.of_one(older.engine), older.home, REGTEST, anyway=True)
            await older.follow()
            issued.append(await scenario.invoice(older.engine))
            second = second or await dump_database(server, older)
            issued.append(await scenario.invoice(older.engine))

    assert [invoice.index // 10_000 for invoice in issued] == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert len({invoice.address for invoice in issued}) == len(issued)
    assert json.loads((harness.home / "sent.json").read_text())["restores"] == 4


async def test_after_a_restore_neither_a_payout_that_failed_nor_new_terms_begin_payouts_again(
    harness: ChainHarness, server: str
) -> None:
    await harness.fund("other", 100)
    terms = {"payout_address": await harness.node_address(), "payout_threshold": doge(50)}
    payouts = Payouts(harness.engine, REGTEST, harness.committed)
    async with harness.engine.begin() as db:
        await accounts.put(db, [AccountOrder("shop", terms)], REGTEST)
    while await payouts.step():
        pass
    dump = await dump_database(server, harness)

    async with restored(server, harness, dump) as older:
        await maintenance.restored(AllCells.of_one(older.engine), older.home, REGTEST, anyway=True)
        async with older.engine.begin() as db:
            await accounts.put(
                db,
                [AccountOrder("shop", {"payout_threshold": doge(20)}), AccountOrder("other", terms)],
                REGTEST,
            )

        async with older.engine.connect() as db:
            assert set(await db.scalars(sa.select(account_rows.c.payout_after == NEVER))) == {True}
        assert (await older.balance()).available == doge(180)
        await Payouts(older.engine, REGTEST, older.committed).step()
        assert [(await older.balance(name)).available for name in ("shop", "other")] == [doge(180), doge(100)]


async def test_the_number_of_what_was_sent_never_falls_and_new_transactions_are_above_it(
    harness: ChainHarness, server: str
) -> None:
    dump = await dump_database(server, harness)
    for _ in range(2):
        await harness.pay(await harness.node_address(), 10)
        await harness.send()
        await harness.mine(2)

    async with restored(server, harness, dump) as older:
        await resume(older)
        assert SentMarker(harness.home / "sent.json").highest == 2
        await older.pay(await harness.node_address(), 5)
        await older.send()

        assert [transaction["id"] > 2 for transaction in await older.transactions()] == [True]
        assert SentMarker(harness.home / "sent.json").highest > 2


async def test_a_dump_from_after_a_restore_is_as_old_as_any(harness: ChainHarness, server: str) -> None:
    dump = await dump_database(server, harness)
    await harness.pay(await harness.node_address(), 10)
    await harness.send()

    async with restored(server, harness, dump) as older:
        await resume(older)
        later = await dump_database(server, older)
        await older.pay(await harness.node_address(), 5)
        await older.send()
    async with restored(server, harness, later) as oldest:
        with pytest.raises(DatabaseBehind, match=r"but .* was sent"):
            await oldest.send()


async def test_on_a_new_machine_without_the_mark_nothing_is_signed_until_it_is_put_back(
    harness: ChainHarness, server: str, tmp_path: Path
) -> None:
    await harness.send()
    waiting = await harness.pay(await harness.node_address(), 10)
    dump = await dump_database(server, harness)
    machine = tmp_path / "machine"
    machine.mkdir()

    async with restored(server, harness, dump, machine) as moved:
        with pytest.raises(DatabaseBehind, match=r"sent\.json is missing beside it"):
            await moved.send()
        assert all("missing" in answer for answer in await answers(moved.engine))
        shutil.copy(harness.home / "sent.json", machine)
        await moved.send()

        assert await moved.states(waiting) == ["BROADCAST"]
        assert await answers(moved.engine) == ACCEPTED


@pytest.mark.parametrize("sends", [False, True])
async def test_without_the_mark_a_database_is_behind_that_has_transactions_or_was_ever_marked(
    harness: ChainHarness, server: str, tmp_path: Path, *, sends: bool
) -> None:
    if sends:
        await harness.pay(await harness.node_address(), 10)
        await harness.sender.step()
        async with harness.engine.begin() as db:
            await db.execute(sa.update(installation_row).values(compared=None))  # as an older Kennel left it
    await harness.send()
    dump = await dump_database(server, harness)
    machine = tmp_path / "machine"
    machine.mkdir()

    async with restored(server, harness, dump, machine) as moved:
        with pytest.raises(DatabaseBehind):
            await moved.sender.step()


async def test_nothing_is_signed_until_the_ledger_has_been_at_the_nodes_tip(harness: ChainHarness) -> None:
    payment = await harness.pay(await harness.node_address(), 10)
    await harness.call("generatetoaddress", 2, chain_harness.NOWHERE)

    assert await harness.send() == 0
    assert await harness.states(payment) == ["PENDING"]
    await harness.follow()
    # From now on a block to come stops nothing.
    await harness.call("generatetoaddress", 1, chain_harness.NOWHERE)
    await harness.follow()
    await harness.send()

    assert await harness.states(payment) == ["BROADCAST"]


async def test_an_old_home_that_is_put_back_as_a_whole_pays_nobody_twice(
    harness: ChainHarness, server: str, tmp_path: Path
) -> None:
    """Then nothing but the chain knows what was sent."""
    to = await harness.node_address()
    await harness.send()
    payment = await harness.pay(to, 10)
    shutil.copy(harness.home / "sent.json", tmp_path / "old.json")
    dump = await dump_database(server, harness)
    await harness.send()
    await harness.mine(2)

    shutil.copy(tmp_path / "old.json", harness.home / "sent.json")
    async with restored(server, harness, dump) as older:
        assert await older.send() == 0
        await older.follow()
        assert await older.send() == 0

        assert (await older.states(payment), await older.received(to)) == (["PENDING"], doge(10))


async def test_a_database_that_is_behind_gives_out_no_address_invoice_or_account_until_it_is_told_to_go_on(
    harness: ChainHarness, server: str
) -> None:
    lost = [(await scenario.invoice(harness.engine)).address for _ in range(3)]
    await harness.send()
    dump = await dump_database(server, harness)
    lost += [(await scenario.invoice(harness.engine)).address for _ in range(3)]
    await harness.pay(await harness.node_address(), 10)
    await harness.send()

    async with restored(server, harness, dump) as older:
        assert all("has not looked at it yet" in answer for answer in await answers(older.engine))
        with pytest.raises(DatabaseBehind):
            await older.send()
        assert all("run `kennel restored`" in answer for answer in await answers(older.engine))

        await resume(older)
        await scenario.make_ready(older.engine)
        issued = [(await scenario.invoice(older.engine)).address for _ in range(3)]
        assert set(issued) & set(lost) == set()
        assert await answers(older.engine) == ACCEPTED


async def test_a_database_that_was_moved_and_is_not_behind_goes_on_by_itself(
    harness: ChainHarness, server: str
) -> None:
    await harness.send()
    dump = await dump_database(server, harness)

    async with restored(server, harness, dump) as moved:
        async with moved.engine.begin() as db:
            assert isinstance((await _invoice(db))[0], NotCurrent)
        await moved.sender.step()

        assert await answers(moved.engine) == ACCEPTED


async def test_a_dump_that_is_restored_into_the_same_database_is_looked_at_before_anything_is_given_out(
    harness: ChainHarness,
) -> None:
    """While Kennel runs: what tells is that its tables are others."""
    await harness.send()
    again = """
        ALTER TABLE installation RENAME TO before;
        CREATE TABLE installation (LIKE before INCLUDING ALL);
        INSERT INTO installation SELECT * FROM before;
        DROP TABLE before
    """
    async with harness.engine.begin() as db:
        for statement in again.split(";"):
            await db.execute(sa.text(statement))

    assert all("has not looked at it yet" in answer for answer in await answers(harness.engine))
    await harness.send()
    assert await answers(harness.engine) == ACCEPTED


async def test_what_an_older_kennel_left_goes_on_without_a_hand(harness: ChainHarness) -> None:
    await harness.pay(await harness.node_address(), 10)
    await harness.send()
    mark = harness.home / "sent.json"
    mark.write_text('{"highest_transaction": 1}')
    async with harness.engine.begin() as db:
        await db.execute(sa.update(installation_row).values(compared=None))
    harness.sender = harness.make_sender()

    payment = await harness.pay(await harness.node_address(), 5)
    await harness.send()

    assert await harness.states(payment) == ["BROADCAST"]
    async with harness.engine.connect() as db:
        database = await installation.read(db)
    assert json.loads(mark.read_text()) == {"highest_transaction": 2, "epoch": database.epoch, "restores": 0}
    assert database.compared


async def test_a_way_back_that_was_killed_half_way_stays_closed_until_it_is_gone_again(
    harness: ChainHarness, server: str
) -> None:
    payment = await harness.pay(await harness.node_address(), 10)
    dump = await dump_database(server, harness)
    await harness.send()

    async with restored(server, harness, dump) as older:
        async with older.engine.begin() as db:
            await pause.begin_history(db, NewHistory("an epoch", 1, 1))
        with pytest.raises(DatabaseBehind, match="begun and has not ended"):
            await older.send()
        assert all("run `kennel restored` again" in answer for answer in await answers(older.engine))

        await resume(older)

        await older.send()
        assert await older.states(payment) == ["FAILED"]
