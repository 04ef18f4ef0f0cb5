"""The watch over the mempool, on a devnet and a database: what it tells of payments that no block has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.chain import mempool, rpc, wire, zmq_announcements
from app.chain.mempool import Reader
from app.chain.node import Node
from app.chain.rpc import NodeTrouble
from app.db.tables import addresses, chain_state, sighted_inputs, sightings
from app.db.tables import invoices as invoice_rows
from app.domain import accounts, blocks, invoices
from app.domain.accounts import AddressOrder
from app.domain.accounts.addresses import give
from app.domain.blocks import ListedDeposit
from app.domain.dogecoin import REGTEST
from app.domain.pages import PageRequest
from app.domain.sightings import sighting_rows
from app.runtime.loop import Loop, ProcessHealth, WakeUp
from tests import chain_harness, scenario
from tests.chain_harness import NOWHERE, ChainHarness
from tests.scenario import doge, event_messages, event_types
from tests.statements import hear_all

REPLACEABLE = 0xFFFFFFFD
HOUR = 3600.0
PATIENCE_SECONDS = 20
SIGHTINGS = ("INV_PAYMENT_", "DEPOSIT_")


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path / "node", zmq_bind="127.0.0.1:0") as opened:
        await scenario.open_account(engine)
        yield opened


async def invoice_address(harness: ChainHarness, value: int = 10, **terms: Any) -> str:
    """A new invoice, whose making is read already."""
    invoice = await scenario.invoice(harness.engine, value=value, **terms)
    await event_types(harness.engine)
    return invoice.address


async def signed(
    harness: ChainHarness, coin: dict[str, Any], to: str, amount: str, sequence: int = REPLACEABLE
) -> str:
    """A transaction that spends a coin of the node's wallet; the rest of it is the fee."""
    spent = [{"txid": coin["txid"], "vout": coin["vout"], "sequence": sequence}]
    back = await harness.call("getnewaddress")
    rest = f"{coin['amount'] - Decimal(amount) - 1:.8f}"
    raw = await harness.call("createrawtransaction", spent, {to: amount, back: rest})
    return str((await harness.call("signrawtransaction", raw))["hex"])


async def coin(harness: ChainHarness) -> dict[str, Any]:
    """A coin of the node's wallet, of 1,000 DOGE."""
    txid = await harness.call("sendtoaddress", await harness.call("getnewaddress"), 1000)
    await harness.mine()
    await event_types(harness.engine)
    outputs = (await harness.call("getrawtransaction", txid, True))["vout"]
    [vout] = [output["n"] for output in outputs if output["value"] == 1000]
    return {"txid": txid, "vout": vout, "amount": Decimal(1000)}


async def state(harness: ChainHarness, address: str) -> str:
    return (await scenario.shown(harness.engine, address)).state


async def sighting_events(harness: ChainHarness) -> list[tuple[str, str]]:
    """What was told of sightings since the last time: the types and txids."""
    messages = await event_messages(harness.engine, *SIGHTINGS)
    return [
        (message["type"], message["txid"])
        for message in messages
        if message["type"].endswith(("_SEEN", "_DOUBLE_SPENT", "_DROPPED"))
    ]


async def listed(harness: ChainHarness, limit: int = 10) -> list[ListedDeposit]:
    async with harness.engine.begin() as db:
        page = await blocks.deposit_page(db, REGTEST, "shop", PageRequest(None, limit))
        return list(page.items)


async def rows(harness: ChainHarness, table: sa.Table) -> int:
    async with harness.engine.begin() as db:
        return await db.scalar(sa.select(sa.func.count()).select_from(table)) or 0


# ---------------------------------------------------------------- seen


async def test_a_payment_is_seen_once_before_a_block_has_it(harness: ChainHarness) -> None:
    address = await invoice_address(harness)

    txid = await harness.call("sendtoaddress", address, 4)
    await harness.look()
    await harness.look()

    [message] = await event_messages(harness.engine)
    assert (message["type"], message["txid"], message["amount"]) == ("INV_PAYMENT_SEEN", txid, "4")
    assert (message["invoice_id"], message["invoice_total"], message["total_incoming"]) == (
        address,
        "10",
        "0",
    )
    invoice = await scenario.shown(harness.engine, address)
    assert (invoice.state, invoice.received, invoice.confirmed) == ("seen", 0, 0)
    assert (await harness.balance()).incoming == 0


async def test_the_status_says_what_waits_for_a_block_and_only_the_rest_remains(
    harness: ChainHarness,
) -> None:
    address = await invoice_address(harness)
    first = await harness.call("sendtoaddress", address, 4)
    await harness.mine()
    second = await harness.call("sendtoaddress", address, "5.5")
    await harness.look()

    async with harness.engine.connect() as db:
        status = (await invoices.statuses(db, REGTEST, [address]))[address]

    assert (status.state, status.received, status.seen, status.remaining) == (
        "partial", doge(4), doge("5.5"), doge("0.5"),
    )  # fmt: skip
    assert status.payments == ((first, doge(4), 1), (second, doge("5.5"), 0))
    assert not status.unconfirmed


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sightings SET amount = amount + 1",
        "UPDATE sightings SET acceptable = NOT acceptable",
        "UPDATE sightings SET state = 'dropped', ended = now()",
        "DELETE FROM sightings",
    ],
)
async def test_the_audit_names_an_invoice_whose_sightings_were_changed_by_hand(
    harness: ChainHarness, change: str
) -> None:
    address = await invoice_address(harness)
    await harness.call("sendtoaddress", address, 4)
    await harness.look()
    before = await audit.run(harness.engine)
    async with harness.engine.begin() as db:
        await db.execute(sa.text(change))

    after = await audit.run(harness.engine)

    assert before.ok, before.findings
    assert [(finding.name, finding.fault) for finding in after.findings if not finding.ok] == [
        ("invoices equal their sightings", f"invoice {address} differs from its sightings")
    ]


async def test_a_deposit_address_tells_its_own_event(harness: ChainHarness) -> None:
    async with harness.engine.begin() as db:
        [address] = await give(db, [AddressOrder("shop", fresh=True)], scenario.INSTALLATION)
    await event_types(harness.engine)

    txid = await harness.call("sendtoaddress", scenario.accepted(address), 3)
    await harness.look()

    [message] = await event_messages(harness.engine)
    assert (message["type"], message["txid"], message["amount"]) == ("DEPOSIT_SEEN", txid, "3")
    assert (message["address"], message["invoice"], message["confirmations"]) == (address, "", 0)
    async with harness.engine.begin() as db:
        [outcome] = await accounts.close(db, ["shop"], scenario.INSTALLATION)
    assert "money on its way" in str(outcome)


async def test_a_block_makes_a_deposit_of_it_and_the_list_shows_it_once(harness: ChainHarness) -> None:
    address = await invoice_address(harness)
    txid = await harness.call("sendtoaddress", address, 10)
    await harness.look()
    [before] = await listed(harness)

    await harness.mine()
    await harness.look()

    [after] = await listed(harness)
    assert (before.state, before.confirmations, before.amount) == ("seen", 0, doge(10))
    assert (after.state, after.confirmations) == ("incoming", 1)
    assert before.outpoint == after.outpoint
    assert await state(harness, address) == "detected"
    assert await sighting_events(harness) == [("INV_PAYMENT_SEEN", txid)]
    assert (await scenario.shown(harness.engine, address)).seen == 0
    assert await rows(harness, sightings) == await rows(harness, sighted_inputs) == 0
    await harness.audit()


async def test_what_a_block_has_before_anybody_looked_is_not_told_as_seen(harness: ChainHarness) -> None:
    address = await invoice_address(harness)

    await harness.call("sendtoaddress", address, 10)
    await harness.mine()
    await harness.look()

    assert await sighting_events(harness) == []
    assert await state(harness, address) == "detected"


async def test_what_is_read_just_before_its_block_is_connected_is_told_only_as_a_deposit(
    harness: ChainHarness,
) -> None:
    """The node still shows it while the ledger has its block: the database decides."""
    address = await invoice_address(harness)
    await harness.call("sendtoaddress", address, 10)
    mempool = await harness.node.mempool()
    await harness.mine()
    harness.watch = harness.make_mempool()
    harness.watch._reader = Reader(Past(harness.url, mempool))

    await harness.watch.step()

    assert await sighting_events(harness) == []
    assert await rows(harness, sightings) == 0
    await harness.watch._reader.node.close()


class Past(Node):
    """A node whose mempool is as it once was."""

    def __init__(self, url: str, txids: set[str]) -> None:
        super().__init__(url)
        self.txids = txids

    async def mempool(self) -> set[str]:
        return set(self.txids)


async def test_lists_find_what_is_seen_and_pages_hold_both_kinds(harness: ChainHarness) -> None:
    first, second = await invoice_address(harness), await invoice_address(harness)
    await harness.call("sendtoaddress", first, 1)
    await harness.mine()
    await harness.call("sendtoaddress", second, 2)
    await harness.look()

    assert [deposit.state for deposit in await listed(harness)] == ["seen", "incoming"]
    async with harness.engine.begin() as db:
        request: PageRequest[Any] = PageRequest(None, 1)
        page = await blocks.deposit_page(db, REGTEST, "shop", request)
        rest = await blocks.deposit_page(db, REGTEST, "shop", PageRequest(page.rest, 1))
    assert [deposit.state for deposit in (*page.items, *rest.items)] == ["seen", "incoming"]
    assert rest.rest is None


# ---------------------------------------------------------------- it ends


async def test_a_replacement_in_the_mempool_is_a_double_spend(harness: ChainHarness) -> None:
    address, source = await invoice_address(harness), await coin(harness)
    paying = await harness.call("sendrawtransaction", await signed(harness, source, address, "10"))
    await harness.look()

    taking = await harness.call("sendrawtransaction", await cheat(harness, source), True)
    await harness.look()
    await harness.look()

    seen, message = await event_messages(harness.engine)
    assert (seen["type"], seen["txid"]) == ("INV_PAYMENT_SEEN", paying)
    assert (message["type"], message["txid"]) == ("INV_PAYMENT_DOUBLE_SPENT", paying)
    assert message["spent_by"] == taking
    assert await state(harness, address) == "unpaid"
    assert await listed(harness) == []


async def cheat(harness: ChainHarness, source: dict[str, Any]) -> str:
    """A transaction that spends the same to nobody of ours, for a higher fee."""
    spent = [{"txid": source["txid"], "vout": source["vout"], "sequence": REPLACEABLE}]
    outputs = {NOWHERE: f"{source['amount'] - 50:.8f}"}
    raw = await harness.call("createrawtransaction", spent, outputs)
    return str((await harness.call("signrawtransaction", raw))["hex"])


async def test_a_double_spend_in_a_block_is_told_with_the_block_and_once(harness: ChainHarness) -> None:
    address, source = await invoice_address(harness), await coin(harness)
    raw = await signed(harness, source, address, "10", 0xFFFFFFFF)
    paying = await harness.call("sendrawtransaction", raw)
    await harness.look()

    await harness.mine_only(await cheat(harness, source))
    told = await sighting_events(harness)
    await harness.look()

    assert told == [("INV_PAYMENT_SEEN", paying), ("INV_PAYMENT_DOUBLE_SPENT", paying)]
    assert await sighting_events(harness) == []
    assert await state(harness, address) == "unpaid"
    assert (await scenario.shown(harness.engine, address)).seen == 0


async def test_what_leaves_the_mempool_for_no_block_is_dropped_once(harness: ChainHarness) -> None:
    address = await invoice_address(harness)
    txid = await harness.call("sendtoaddress", address, 10)
    await harness.look()

    await harness.expire_mempool()
    await harness.look()
    await harness.look()

    assert await sighting_events(harness) == [("INV_PAYMENT_SEEN", txid), ("INV_PAYMENT_DROPPED", txid)]
    assert await state(harness, address) == "unpaid"


async def expired(harness: ChainHarness) -> int:
    """Let the time of all invoices be over, and expire those that lack money; how many."""
    async with harness.engine.begin() as db:
        await db.execute(sa.update(invoice_rows).values(expires=invoice_rows.c.created))
        return await invoices.expire(db, still=True)


async def test_an_invoice_does_not_expire_while_its_money_waits_for_a_block(harness: ChainHarness) -> None:
    await invoice_address(harness, expire_minutes=30)
    address = await invoice_address(harness, expire_minutes=30)
    part = await invoice_address(harness, expire_minutes=30)
    await harness.call("sendtoaddress", address, 10)
    await harness.call("sendtoaddress", part, 9)
    await harness.look()

    lacking, while_seen = await expired(harness), await state(harness, address)
    await harness.expire_mempool()
    await harness.look()

    assert (lacking, while_seen, await state(harness, part)) == (2, "seen", "expired")
    assert (await expired(harness), await state(harness, address)) == (1, "expired")


async def test_what_ended_long_ago_is_deleted_a_part_at_a_time(harness: ChainHarness) -> None:
    for _ in range(3):
        await harness.call("sendtoaddress", await invoice_address(harness), 10)
    await harness.look()
    await harness.expire_mempool()
    await harness.look()
    async with harness.engine.begin() as db:
        long_ago = sightings.c.ended - sighting_rows.KEPT - timedelta(hours=1)
        await db.execute(sa.update(sightings).values(ended=long_ago))
        await sighting_rows.forget(db, 2)

    assert (await rows(harness, sightings), await rows(harness, sighted_inputs) > 0) == (1, True)
    async with harness.engine.begin() as db:
        await sighting_rows.forget(db, 2)
    assert (await rows(harness, sightings), await rows(harness, sighted_inputs)) == (0, 0)


async def test_what_was_dropped_is_seen_again_when_it_comes_back(harness: ChainHarness) -> None:
    address, source = await invoice_address(harness), await coin(harness)
    raw = await signed(harness, source, address, "10")
    txid = await harness.call("sendrawtransaction", raw)
    await harness.look()
    await harness.expire_mempool()
    await harness.look()
    await sighting_events(harness)

    await harness.call("sendrawtransaction", raw)
    await harness.look()

    assert await sighting_events(harness) == [("INV_PAYMENT_SEEN", txid)]
    assert await state(harness, address) == "seen"
    await harness.mine()
    assert await state(harness, address) == "detected"


async def test_what_was_dropped_and_is_spent_elsewhere_is_told_as_double_spent(harness: ChainHarness) -> None:
    address, source = await invoice_address(harness), await coin(harness)
    txid = await harness.call("sendrawtransaction", await signed(harness, source, address, "10"))
    await harness.look()
    await harness.expire_mempool()
    await harness.look()
    await sighting_events(harness)

    await harness.mine_only(await cheat(harness, source))

    assert await sighting_events(harness) == [("INV_PAYMENT_DOUBLE_SPENT", txid)]
    assert (await scenario.shown(harness.engine, address)).seen == 0


async def test_nothing_is_dropped_until_the_ledger_knows_the_nodes_last_block(harness: ChainHarness) -> None:
    address = await invoice_address(harness)
    txid = await harness.call("sendtoaddress", address, 10)
    await harness.look()

    await harness.call("generatetoaddress", 1, NOWHERE)  # the follower has not taken it yet
    await harness.look()
    before = await sighting_events(harness)
    await harness.follow()
    await harness.look()

    assert before == [("INV_PAYMENT_SEEN", txid)]
    assert await sighting_events(harness) == []
    assert await state(harness, address) == "detected"


async def test_a_reorg_that_puts_it_back_into_the_mempool_shows_it_as_seen_again(
    harness: ChainHarness,
) -> None:
    address = await invoice_address(harness)
    txid = await harness.call("sendtoaddress", address, 10)
    await harness.look()
    await harness.mine()
    await sighting_events(harness)

    await harness.invalidate_blocks(1)
    await harness.look()  # the ledger has its block still
    early = await sighting_events(harness)
    for _ in range(2):
        await harness.call("generateblock", NOWHERE, [])
    await harness.follow()
    await harness.look()

    assert early == []
    assert await sighting_events(harness) == [("INV_PAYMENT_SEEN", txid)]
    assert [deposit.state for deposit in await listed(harness)] == ["seen"]
    assert await state(harness, address) == "seen"
    await harness.mine()
    assert [deposit.state for deposit in await listed(harness)] == ["incoming"]
    await harness.audit()


# ---------------------------------------------------------------- it survives


async def test_another_process_tells_nothing_again_and_goes_on(harness: ChainHarness) -> None:
    address = await invoice_address(harness)
    txid = await harness.call("sendtoaddress", address, 10)
    await harness.look()
    await harness.watch.close()

    harness.watch = harness.make_mempool("two")
    await harness.look()
    told = await sighting_events(harness)
    await harness.expire_mempool()
    await harness.look()

    assert told == [("INV_PAYMENT_SEEN", txid)]
    assert await sighting_events(harness) == [("INV_PAYMENT_DROPPED", txid)]


async def test_two_that_watch_at_once_tell_each_thing_once(harness: ChainHarness) -> None:
    address, source = await invoice_address(harness), await coin(harness)
    txid = await harness.call("sendrawtransaction", await signed(harness, source, address, "10"))
    watches = [harness.make_mempool() for _ in range(4)]  # the same holder: each believes it has the lease

    await asyncio.gather(*(watch.step() for watch in watches))
    await harness.call("sendrawtransaction", await cheat(harness, source), True)
    await asyncio.gather(*(watch.step() for watch in watches))

    assert await sighting_events(harness) == [("INV_PAYMENT_SEEN", txid), ("INV_PAYMENT_DOUBLE_SPENT", txid)]
    assert (await scenario.shown(harness.engine, address)).seen == 0


async def test_one_without_the_lease_tells_nothing(harness: ChainHarness) -> None:
    await harness.look()
    other = harness.make_mempool("two")
    await harness.call("sendtoaddress", await invoice_address(harness), 10)

    assert not await other.step()

    assert await sighting_events(harness) == []


async def test_who_dies_between_the_look_and_the_commit_has_told_nothing(harness: ChainHarness) -> None:
    address = await invoice_address(harness)
    txid = await harness.call("sendtoaddress", address, 10)
    async with harness.engine.begin() as db:
        await db.execute(sa.select(chain_state).with_for_update())
        dying = asyncio.create_task(harness.watch.step())
        await scenario.until_someone_waits(harness.engine)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
    before = await sighting_events(harness)

    harness.watch = harness.make_mempool()
    await harness.look()

    assert before == []
    assert await sighting_events(harness) == [("INV_PAYMENT_SEEN", txid)]


async def test_a_node_that_was_away_must_be_back_for_a_while_before_anything_is_dropped(
    harness: ChainHarness, tmp_path: Path
) -> None:
    """It answers before it has read its mempool from its disk."""
    address = await invoice_address(harness)
    txid = await harness.call("sendtoaddress", address, 10)
    harness.watch = harness.make_mempool(steady_seconds=HOUR)
    await harness.look()
    harness.watch._answers_since = 0.0
    reader = harness.watch._reader
    harness.watch._reader = Reader(Node("http://127.0.0.1:1", timeout_seconds=1))
    with pytest.raises(NodeTrouble):
        await harness.watch.step()
    await harness.watch._reader.node.close()
    harness.watch._reader = reader

    await harness.expire_mempool()
    await harness.look()
    soon = await sighting_events(harness)
    harness.watch._steady_seconds = 0
    await harness.look()

    assert soon == [("INV_PAYMENT_SEEN", txid)]
    assert await sighting_events(harness) == [("INV_PAYMENT_DROPPED", txid)]


# ---------------------------------------------------------------- what wakes it


@asynccontextmanager
async def running(harness: ChainHarness, wake_up: WakeUp, seconds: float) -> AsyncIterator[None]:
    """Run the loop, and listen to the node's announcements, while the block lasts."""
    loop = Loop("mempool", harness.watch.step, wake_up, seconds, ())
    wakes = {topic: lambda _: wake_up.wake() for topic in ("hashtx", "rawtx")}
    tasks = [
        asyncio.create_task(loop.run(ProcessHealth())),
        asyncio.create_task(zmq_announcements.listen(harness.zmq_endpoint, wakes)),
    ]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until_told(harness: ChainHarness) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "INV_PAYMENT_SEEN" not in await harness.event_types():  # noqa: ASYNC110  another task tells it
            await asyncio.sleep(0.02)


async def test_the_nodes_announcement_wakes_it(harness: ChainHarness) -> None:
    address, wake_up = await invoice_address(harness), WakeUp()
    woken = asyncio.Event()
    wakes = {"hashblock": lambda _: woken.set()}
    listening = asyncio.create_task(zmq_announcements.listen(harness.zmq_endpoint, wakes))
    async with running(harness, wake_up, HOUR), asyncio.timeout(PATIENCE_SECONDS):
        while not woken.is_set():
            await harness.mine()
            await asyncio.sleep(0.05)

        await harness.call("sendtoaddress", address, 10)
        await until_told(harness)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)

    assert await state(harness, address) == "seen"


async def test_without_announcements_it_looks_by_itself(harness: ChainHarness) -> None:
    address = await invoice_address(harness)
    harness.zmq_endpoint = "tcp://127.0.0.1:1"

    async with running(harness, WakeUp(), 0.05):
        await harness.call("sendtoaddress", address, 10)
        await until_told(harness)

    assert await state(harness, address) == "seen"


# ---------------------------------------------------------------- strangers


class Crowd(Node):
    """A node in whose mempool so many transactions of strangers wait; it counts how often each is read."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(url)
        made = [wire.assemble([wire.Input(n.to_bytes(32), 0, b"", 0)], [paid(n)]) for n in range(number)]
        self.raws = {transaction.txid[::-1].hex(): transaction.raw for transaction in made}
        self.batches: list[int] = []

    async def mempool(self) -> set[str]:
        return {*self.raws, *await super().mempool()}

    async def transactions(self, txids: Any) -> dict[str, bytes]:
        known = {txid: self.raws[txid] for txid in txids if txid in self.raws}
        self.batches.append(len(txids))
        rest = [txid for txid in txids if txid not in known]
        return known | (await super().transactions(rest))


def paid(number: int) -> wire.Output:
    """An output to a stranger."""
    return wire.Output(10**8, b"\x76\xa9\x14" + number.to_bytes(20) + b"\x88\xac")


async def test_strangers_are_read_once_in_small_batches_and_leave_nothing_behind(
    harness: ChainHarness,
) -> None:
    address = await invoice_address(harness)
    node = Crowd(harness.url, 20_000)
    harness.watch._reader = Reader(node)
    statements: list[str] = []
    hear_all(harness.engine, statements.append)
    steps = 1
    while await harness.watch.step():
        steps += 1
    reading, busy = len(statements), list(node.batches)
    statements.clear()
    await harness.watch.step()
    resting = len(statements)
    txid = await harness.call("sendtoaddress", address, 10)
    await harness.watch.step()

    assert (sum(busy), max(busy), steps) == (20_000, 500, 40)
    assert reading <= 10 * steps
    assert node.batches == [*busy, 1]  # only what was new
    assert not any(word in text for text in statements[:resting] for word in ("addresses", "sighted_inputs"))
    assert resting <= 5
    assert await rows(harness, sightings) == 1
    assert await sighting_events(harness) == [("INV_PAYMENT_SEEN", txid)]
    await node.close()


class SlowCrowd(Crowd):
    """Such a node that hands out no more transactions of strangers until the gate is open."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(url, number)
        self.asked, self.gate = asyncio.Event(), asyncio.Event()

    async def transactions(self, txids: Any) -> dict[str, bytes]:
        self.asked.set()
        await self.gate.wait()
        return await super().transactions(txids)


async def test_while_20_000_strangers_are_read_blocks_are_connected_and_pay(harness: ChainHarness) -> None:
    address = await invoice_address(harness)
    await harness.call("sendtoaddress", address, 10)
    node = SlowCrowd(harness.url, 20_000)
    harness.watch._reader = Reader(node)
    reading = asyncio.create_task(harness.look())
    await node.asked.wait()

    await harness.mine()
    connected = await state(harness, address)
    node.gate.set()
    await reading

    assert (connected, await state(harness, address)) == ("detected", "detected")
    assert sum(node.batches) >= 20_000
    assert await sighting_events(harness) == []
    assert await rows(harness, sightings) == 0
    await harness.audit()
    await node.close()


async def test_an_address_that_was_made_while_strangers_wait_is_watched(harness: ChainHarness) -> None:
    node = Crowd(harness.url, 600)
    harness.watch._reader = Reader(node)
    await harness.look()

    await harness.call("sendtoaddress", await invoice_address(harness), 10)
    await harness.look()

    assert len(await sighting_events(harness)) == 1
    async with harness.engine.begin() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(addresses)) == 2
    await node.close()


async def test_a_rest_follows_each_look_and_is_a_part_of_its_time() -> None:
    rests: list[float] = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    async def short() -> bool:
        return True

    async def long() -> bool:
        await asyncio.sleep(0.2)
        return False

    assert await mempool.paced(short, sleep)()
    assert not await mempool.paced(long, sleep)()

    assert rests[0] < 0.1
    assert rests[1] == mempool.LONGEST_REST_SECONDS


async def test_transactions_too_large_for_one_reply_are_read_in_smaller_batches(
    harness: ChainHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = await invoice_address(harness)
    for _ in range(8):
        await harness.call("sendtoaddress", address, 1)
    monkeypatch.setattr(rpc, "MAX_REPLY_BYTES", 3_000)

    await harness.look()

    assert (await scenario.shown(harness.engine, address)).seen == doge(8)


# ---------------------------------------------------------------- what is none


async def test_change_of_our_own_transactions_is_not_seen(harness: ChainHarness) -> None:
    await harness.fund("payer", 500)
    address = await invoice_address(harness)
    await harness.pay(address, 10, "payer")
    await harness.send()
    await event_types(harness.engine)

    await harness.look()

    assert [kind for kind, _ in await sighting_events(harness)] == ["INV_PAYMENT_SEEN"]
    assert await rows(harness, sightings) == 1


async def test_what_ended_long_ago_is_forgotten(harness: ChainHarness) -> None:
    address, source = await invoice_address(harness), await coin(harness)
    await harness.call("sendrawtransaction", await signed(harness, source, address, "10"))
    await harness.look()
    await harness.call("sendrawtransaction", await cheat(harness, source), True)
    await harness.look()
    async with harness.engine.begin() as db:
        ended = sa.update(sightings).where(sightings.c.ended.is_not(None))
        await db.execute(ended.values(ended=sa.text("now() - interval '8 days'")))

    txid = await harness.call("sendtoaddress", address, 5)
    await harness.look()

    async with harness.engine.begin() as db:
        [remaining] = await db.scalars(sa.select(sightings.c.txid))
        spenders = set(await db.scalars(sa.select(sighted_inputs.c.spent_by)))
    assert remaining == bytes.fromhex(txid)[::-1]
    assert spenders == {remaining}


async def test_a_transaction_that_pays_two_invoices_tells_each_output(
    harness: ChainHarness,
) -> None:
    first, second = await invoice_address(harness), await invoice_address(harness)

    await harness.call("sendmany", "", {first: 4, second: 5})
    await harness.look()

    messages = await event_messages(harness.engine, "INV_PAYMENT_SEEN")
    assert sorted((message["invoice_id"], message["amount"]) for message in messages) == sorted(
        [(first, "4"), (second, "5")]
    )
    await harness.mine()
    assert await rows(harness, sightings) == await rows(harness, sighted_inputs) == 0
