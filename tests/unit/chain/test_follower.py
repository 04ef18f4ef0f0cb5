"""The follower on a real chain: our own devnet, its RPC, and a real database."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.chain import header
from app.chain.batch_size import BATCH
from app.chain.beginning import ANCHORS
from app.chain.block_reader import UnreadableBlock
from app.chain.follower import Follower, WrongChain
from app.chain.node import Node
from app.chain.reorgs import ReorgTooDeep
from app.db.engine import open_engine
from app.db.tables import blocks as block_rows
from app.db.tables import deposits
from app.domain import dogecoin
from app.domain.blocks import BeforeTheStart, connecting, rescans
from app.domain.dogecoin import MAIN, REGTEST
from app.runtime.lease import Lease
from app.workers import questions
from devnet import devnet
from tests import scenario
from tests.conftest import cloned

NOWHERE = dogecoin.to_address(REGTEST, dogecoin.p2sh(bytes(20))) or ""
HARDER_BITS = "1f7fffff"
"""A block of this difficulty is worth 2^15 of regtest's."""


class FaultyNode(Node):
    """A node whose answers can be damaged, held back or left out."""

    damage: Callable[[bytes], bytes] | None = None
    lacks_hashes: bool = False
    gate: asyncio.Event | None = None
    hashes_asked: int = 0

    async def block_hash(self, height: int) -> bytes | None:
        return None if self.lacks_hashes and height else await super().block_hash(height)

    async def hashes(self, first: int, count: int) -> list[bytes]:
        self.hashes_asked += 1
        if self.gate is not None and first > 1:
            await self.gate.wait()
        return [] if self.lacks_hashes and first else await super().hashes(first, count)

    async def blocks(self, hashes: Sequence[bytes]) -> list[bytes]:
        raws = await super().blocks(hashes)
        return raws if self.damage is None else [self.damage(raw) for raw in raws]


@dataclass
class Net:
    """A devnet with a client, and the database of a follower."""

    node: FaultyNode
    engine: AsyncEngine
    commits: int = 0

    def follower(self, holder: str = "one", engine: AsyncEngine | None = None) -> Follower:
        engine = engine or self.engine
        return Follower(engine, self.node, scenario.RULES, Lease(engine, "follow", holder), self.committed)

    def committed(self) -> None:
        self.commits += 1

    async def mine(self, number: int, address: str = NOWHERE) -> list[str]:
        hashes: list[str] = await self.node.call("generatetoaddress", number, address)
        return hashes

    async def call(self, method: str, *params: Any) -> Any:
        return await self.node.call(method, *params)

    async def fork(self, height: int, number: int) -> str:
        """Replace the chain from `height` on by `number` other blocks; return the old block at `height`."""
        old: str = await self.call("getblockhash", height)
        await self.call("invalidateblock", old)
        await self.mine(number)
        return old

    async def at_the_nodes_tip(self) -> bool:
        tip, best = await self.tip(), await self.node.chain_state()
        return (tip.height, tip.hash, tip.chainwork) == (best.height, best.hash, best.chainwork)

    async def tip(self) -> connecting.Tip:
        async with self.engine.connect() as db:
            tip = await connecting.tip(db)
        assert tip is not None
        return tip

    async def rescan(self, height: int) -> None:
        async with self.engine.begin() as db:
            scenario.accepted(await rescans.rescan_from(db, height))


@pytest.fixture
async def net(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[Net]:
    options = devnet.Options("127.0.0.1:0", None)
    async with (
        devnet.running(tmp_path, options) as running,
        FaultyNode(running.rpc_url.replace("http://", "http://kennel:kennel@")) as node,
    ):
        yield Net(node, engine)


@pytest.fixture
async def shop(engine: AsyncEngine) -> str:
    """The address of an invoice to pay blocks' rewards to."""
    await scenario.open_account(engine)
    return (await scenario.invoice(engine)).address


@pytest.fixture
async def follower(net: Net) -> AsyncIterator[Follower]:
    """A follower that has begun at the first block."""
    follower = net.follower()
    assert await follower.step()
    yield follower
    await follower.close()


async def settle(follower: Follower) -> int:
    """Step until there is nothing to do; return the number of steps."""
    moved = 0
    while await follower.step():
        moved += 1
    return moved


async def received(engine: AsyncEngine) -> tuple[int, int]:
    """Return how many deposits are in blocks, and how many were undone."""
    async with engine.connect() as db:
        states = list(await db.scalars(sa.select(deposits.c.state)))
    return len(states) - states.count("undone"), states.count("undone")


async def first_unread(follower: Follower) -> int:
    """Wait for the batch that is fetched ahead, and return its first height."""
    assert follower._prefetch is not None
    await asyncio.wait([follower._prefetch.task])
    return follower._prefetch.first


@pytest.mark.parametrize("height", [0, 5, 130])
async def test_a_new_installation_begins_at_the_tip_and_knows_some_blocks_before_it(
    net: Net, height: int
) -> None:
    await net.mine(height)
    follower = net.follower()

    assert [await follower.step(), await follower.step()] == [True, False]

    assert await net.at_the_nodes_tip()
    async with net.engine.connect() as db:
        known = list(await db.scalars(sa.select(block_rows.c.height).order_by(block_rows.c.height)))
    assert known == list(range(max(0, height - ANCHORS + 1), height + 1))


async def test_blocks_are_connected_and_their_payments_booked(
    net: Net, follower: Follower, shop: str
) -> None:
    await net.mine(1, shop)
    await net.mine(2)

    assert await settle(follower) == 1
    assert await net.at_the_nodes_tip()
    assert (await received(net.engine), net.commits) == ((1, 0), 1)


async def test_a_fork_is_followed_and_what_it_left_out_is_undone(
    net: Net, follower: Follower, shop: str
) -> None:
    await net.mine(3)
    await net.mine(2, shop)
    await settle(follower)

    await net.fork(4, 3)

    assert await settle(follower) == 3  # two back, then three on at once
    assert await net.at_the_nodes_tip()
    assert await received(net.engine) == (0, 2)


async def test_a_fork_and_back_leaves_every_payment_once(net: Net, follower: Follower, shop: str) -> None:
    await net.mine(3, shop)
    await settle(follower)
    old = await net.fork(2, 3)
    await settle(follower)
    assert await received(net.engine) == (1, 2)

    await net.call("invalidateblock", await net.call("getblockhash", 2))
    await net.call("reconsiderblock", old)
    await settle(follower)
    await net.mine(2)
    await settle(follower)

    assert await net.at_the_nodes_tip()
    assert await received(net.engine) == (3, 0)


async def test_a_node_that_is_behind_is_waited_for(net: Net, follower: Follower, shop: str) -> None:
    await net.mine(5, shop)
    await settle(follower)
    before = await net.tip()
    third = await net.call("getblockhash", 3)
    await net.call("invalidateblock", third)

    assert await settle(follower) == 0
    assert await net.tip() == before
    await net.call("reconsiderblock", third)
    await net.mine(1)
    assert await settle(follower) == 1
    assert await received(net.engine) == (5, 0)


async def test_a_weaker_fork_is_waited_out(net: Net, follower: Follower, shop: str) -> None:
    await net.mine(5, shop)
    await settle(follower)

    await net.fork(3, 2)

    assert await settle(follower) == 0
    assert await received(net.engine) == (5, 0)


async def test_more_work_is_followed_though_it_is_shorter(net: Net, follower: Follower, shop: str) -> None:
    await net.mine(10, shop)
    await settle(follower)
    await net.fork(6, 0)
    await net.call("generateharder", 1, NOWHERE, HARDER_BITS)

    await settle(follower)

    assert await net.at_the_nodes_tip()
    assert (await net.tip()).height == 6
    assert await received(net.engine) == (5, 5)


@pytest.mark.parametrize(("limit", "height"), [(3, 7), (3, 5), (1, 7)])
async def test_a_reorg_deeper_than_allowed_stops_loudly_and_undoes_nothing(
    net: Net, shop: str, limit: int, height: int
) -> None:
    lease = Lease(net.engine, "follow", "one")
    follower = Follower(
        net.engine, net.node, replace(scenario.RULES, max_reorg_blocks=limit), lease, net.committed
    )
    assert await follower.step()
    await net.mine(10, shop)
    await settle(follower)
    before = await net.tip()
    await net.fork(height, 12 - height)

    for _ in range(2):
        with pytest.raises(
            ReorgTooDeep, match=f"leaves ours {11 - height} blocks below the tip, .* allows {limit}:"
        ):
            await follower.step()

    assert (await net.tip(), await received(net.engine)) == (before, (10, 0))
    await follower.close()


async def test_a_reorg_as_deep_as_allowed_is_followed_and_does_not_count_for_the_next(
    net: Net, shop: str
) -> None:
    lease = Lease(net.engine, "follow", "one")
    follower = Follower(
        net.engine, net.node, replace(scenario.RULES, max_reorg_blocks=3), lease, net.committed
    )
    assert await follower.step()
    await net.mine(10, shop)
    await settle(follower)
    for height, number in ((8, 4), (9, 4)):
        await net.fork(height, number)
        await settle(follower)
        assert await net.at_the_nodes_tip()
    await follower.close()


async def test_a_fork_that_turns_deeper_while_it_is_followed_is_counted_from_where_it_began(
    net: Net, shop: str
) -> None:
    lease = Lease(net.engine, "follow", "one")
    follower = Follower(
        net.engine, net.node, replace(scenario.RULES, max_reorg_blocks=3), lease, net.committed
    )
    assert await follower.step()
    await net.mine(10, shop)
    await settle(follower)
    await net.fork(8, 5)
    assert await follower.step()
    await net.fork(6, 9)

    with pytest.raises(ReorgTooDeep, match="5 blocks"):
        await settle(follower)
    assert (await net.tip()).height == 9
    await follower.close()


async def test_a_restart_in_the_middle_of_a_reorg_counts_its_depth_from_where_it_began(
    net: Net, shop: str
) -> None:
    rules = replace(scenario.RULES, max_reorg_blocks=3)
    follower = Follower(net.engine, net.node, rules, Lease(net.engine, "follow", "one"), net.committed)
    assert await follower.step()
    await net.mine(10, shop)
    await settle(follower)
    await net.fork(8, 5)
    assert await follower.step()
    assert await follower.step()
    await follower.close()
    assert (await net.tip()).reorg_top == 10
    await net.fork(6, 9)

    follower = Follower(net.engine, net.node, rules, Lease(net.engine, "follow", "two"), net.committed)
    with pytest.raises(ReorgTooDeep, match="5 blocks"):
        await settle(follower)
    assert (await net.tip()).height == 8
    await follower.close()


async def test_a_reorg_is_over_when_the_tip_is_as_high_again_and_not_before(net: Net, shop: str) -> None:
    rules = replace(scenario.RULES, max_reorg_blocks=3)
    follower = Follower(net.engine, net.node, rules, Lease(net.engine, "follow", "one"), net.committed)
    assert await follower.step()
    await net.mine(10, shop)
    await settle(follower)
    await net.fork(9, 0)
    await net.call("generateharder", 1, NOWHERE, HARDER_BITS)
    await settle(follower)
    assert ((await net.tip()).height, (await net.tip()).reorg_top) == (9, 10)

    await net.fork(7, 0)
    await net.call("generateharder", 2, NOWHERE, HARDER_BITS)
    with pytest.raises(ReorgTooDeep, match="4 blocks"):
        await settle(follower)
    await follower.close()


async def test_a_rescan_that_a_shorter_fork_overtakes_is_done(
    net: Net, follower: Follower, shop: str
) -> None:
    await net.mine(10, shop)
    await settle(follower)
    await net.rescan(9)
    await net.fork(6, 0)
    await net.call("generateharder", 1, NOWHERE, HARDER_BITS)

    await settle(follower)

    assert await net.at_the_nodes_tip()
    assert (await net.tip()).rescan_height is None
    assert await received(net.engine) == (5, 5)


async def test_a_node_of_another_network_is_refused_before_anything_is_written(net: Net) -> None:
    rules = replace(scenario.RULES, network=MAIN)
    follower = Follower(net.engine, net.node, rules, Lease(net.engine, "follow", "one"), net.committed)

    for _ in range(2):
        with pytest.raises(WrongChain, match="follows another chain"):
            await follower.step()
    async with net.engine.connect() as db:
        assert await connecting.tip(db) is None


@pytest.mark.parametrize("byte", [4, 40, 100, -1], ids=["previous", "merkle root", "coinbase", "lock time"])
async def test_a_damaged_block_stops_everything_and_is_never_skipped(
    net: Net, follower: Follower, shop: str, byte: int
) -> None:
    await net.mine(3)
    bad = header.internal((await net.mine(1, shop))[0])
    await net.mine(3, shop)
    before = await net.tip()

    def damage(raw: bytes) -> bytes:
        changed = bytearray(raw)
        if dogecoin.hash256(raw[: header.HEADER_BYTES]) == bad:
            changed[byte] ^= 1
        return bytes(changed)

    net.node.damage = damage
    for _ in range(2):
        with pytest.raises(UnreadableBlock, match=rf"^Block 4 \({header.display(bad)}\) cannot be read"):
            await follower.step()
    assert (await net.tip(), await received(net.engine)) == (before, (0, 0))

    net.node.damage = None
    await settle(follower)
    assert await received(net.engine) == (4, 0)


async def test_another_block_than_was_asked_for_is_not_taken(net: Net, follower: Follower) -> None:
    genesis = await net.node.blocks([scenario.GENESIS])
    await net.mine(1)
    net.node.damage = lambda _: genesis[0]

    with pytest.raises(UnreadableBlock, match="hashes to something else"):
        await follower.step()


async def test_a_node_that_forgot_between_two_answers_is_no_fork(
    net: Net, follower: Follower, shop: str
) -> None:
    """Two nodes may share an address, and one may be behind: without a hash at our height we wait."""
    await net.mine(3, shop)
    await settle(follower)
    await net.mine(2)
    before = await net.tip()
    net.node.lacks_hashes = True

    assert await settle(follower) == 0
    assert await net.tip() == before
    net.node.lacks_hashes = False
    assert await settle(follower) == 1
    assert await received(net.engine) == (3, 0)


async def test_a_rescan_waits_for_a_node_that_forgot(net: Net, follower: Follower, shop: str) -> None:
    await net.mine(3, shop)
    await settle(follower)
    await net.rescan(1)
    net.node.lacks_hashes = True

    assert await settle(follower) == 0
    net.node.lacks_hashes = False
    assert await settle(follower) == 1
    assert (await net.tip()).rescan_height is None


async def test_catching_up_in_batches_leaves_what_one_by_one_leaves(net: Net, server: str) -> None:
    async with cloned(server) as url:
        late = open_engine(url)
        for engine in (net.engine, late):
            await scenario.open_account(engine)
            shop = (await scenario.invoice(engine, required_confirmations=2)).address
            await scenario.event_types(engine)
        early_follower, late_follower = net.follower(), net.follower("two", late)
        assert await early_follower.step()
        assert await late_follower.step()

        for number in range(BATCH + 20):
            await net.mine(1, shop if number % 7 == 0 else NOWHERE)
            if number % 30 == 0 or number > BATCH - 10:  # in batches of other sizes first, then one by one
                await early_follower.step()
        await settle(early_follower)

        assert await settle(late_follower) == 2
        assert await scenario.rows(late) == await scenario.rows(net.engine)
        await late_follower.close()
        await late.dispose()
    assert await received(net.engine) == (18, 0)


TOO_MANY = 30
LIMIT = (
    f"""CREATE FUNCTION limit_blocks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT count(*) FROM taken) > {TOO_MANY} THEN
            RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = 'query_canceled';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER limit_blocks AFTER INSERT ON blocks REFERENCING NEW TABLE AS taken FOR EACH STATEMENT
        EXECUTE FUNCTION limit_blocks()""",
)


async def test_a_batch_that_the_database_does_not_finish_is_tried_in_parts_which_grow_again(
    net: Net, follower: Follower, shop: str
) -> None:
    await net.mine(3 * BATCH, shop)
    async with net.engine.begin() as db:
        for statement in LIMIT:
            await db.exec_driver_sql(statement)
    sizes = []

    for _ in range(30):
        before = (await net.tip()).height
        try:
            await follower.step()
        except DBAPIError:
            sizes.append(0)
        else:
            sizes.append((await net.tip()).height - before)

    assert sizes[:3] == [0, 0, 25]
    assert max(sizes) > 25
    assert await net.at_the_nodes_tip()
    assert 0 not in sizes[3:5]
    assert await received(net.engine) == (3 * BATCH, 0)


async def test_what_was_paid_after_the_first_account_was_opened_and_before_the_ledger_began_is_found(
    net: Net, shop: str
) -> None:
    await net.call("setmocktime", int(time.time()) - 86_400)
    await net.mine(BATCH, shop)
    await net.call("setmocktime", 0)
    await net.mine(3, shop)
    follower = net.follower()

    await settle(follower)

    assert await received(net.engine) == (3, 0)
    assert await net.at_the_nodes_tip()
    assert (await net.tip()).rescan_height is None


async def test_a_ledger_without_accounts_reads_no_block_of_before(net: Net) -> None:
    await net.mine(BATCH)

    await net.follower().step()

    assert (await net.tip()).rescan_height is None


async def test_a_rescan_finds_what_was_paid_before_the_start_and_nothing_twice(net: Net, shop: str) -> None:
    await net.call("setmocktime", int(time.time()) - 86_400)
    await net.mine(2, shop)
    await net.mine(BATCH)
    await net.call("setmocktime", 0)
    follower = net.follower()
    await settle(follower)
    await net.mine(3, shop)
    await settle(follower)
    assert await received(net.engine) == (3, 0)
    before = await net.tip()

    await net.rescan(0)
    assert await settle(follower) == 2

    assert await received(net.engine) == (5, 0)
    assert (await net.tip()).rescan_height is None
    assert (await net.tip()).hash == before.hash
    await net.rescan(0)
    await settle(follower)
    assert await received(net.engine) == (5, 0)


async def test_blocks_that_come_during_a_rescan_are_taken_first(
    net: Net, follower: Follower, shop: str
) -> None:
    await net.mine(BATCH + 20, shop)
    await settle(net.follower("one"))
    await net.rescan(1)
    assert await follower.step()
    await net.mine(2, shop)

    assert await follower.step()
    assert await net.at_the_nodes_tip()
    assert (await net.tip()).rescan_height == BATCH + 1
    assert await settle(follower) == 1
    assert await received(net.engine) == (BATCH + 22, 0)


async def test_two_that_both_believe_to_be_the_only_one_take_each_block_once(net: Net, shop: str) -> None:
    first, second = net.follower("same"), net.follower("same")
    await first.step()
    for _ in range(10):
        await net.mine(3, shop)
        await asyncio.gather(first.step(), second.step())
        await net.fork((await net.node.chain_state()).height, 2)
        await asyncio.gather(first.step(), second.step(), first.step(), second.step())
    await settle(first)

    assert await settle(second) == 0
    assert await net.at_the_nodes_tip()
    assert (await received(net.engine))[0] == 20


async def test_one_stands_by_until_the_other_closes(net: Net, follower: Follower) -> None:
    hours = count()
    lease = Lease(net.engine, "follow", "two", clock=lambda: next(hours) * 3600)
    stand_by = Follower(net.engine, net.node, scenario.RULES, lease, net.committed)
    await net.mine(1)

    assert await stand_by.step() is False
    await follower.close()
    assert await stand_by.step() is True
    assert await net.at_the_nodes_tip()


async def test_what_was_fetched_ahead_is_thrown_away_when_the_chain_switches(
    net: Net, follower: Follower, shop: str
) -> None:
    await net.mine(2 * BATCH + 50, shop)
    assert await follower.step()
    assert await first_unread(follower) == BATCH + 1

    await net.fork(BATCH - 10, 200)
    await settle(follower)

    assert await net.at_the_nodes_tip()
    assert await received(net.engine) == (BATCH - 11, 11)


async def test_what_was_fetched_ahead_from_a_fork_that_is_gone_is_not_connected(
    net: Net, follower: Follower, shop: str
) -> None:
    await net.mine(2 * BATCH, shop)
    net.node.gate = asyncio.Event()
    assert await follower.step()
    old = await net.fork(BATCH - 10, BATCH + 50)
    fork = await net.call("getblockhash", BATCH - 10)
    net.node.gate.set()
    assert await first_unread(follower) == BATCH + 1
    await net.call("invalidateblock", fork)
    await net.call("reconsiderblock", old)

    await settle(follower)

    assert await net.at_the_nodes_tip()
    assert await received(net.engine) == (2 * BATCH, 0)


async def test_a_fork_deeper_than_the_installation_is_old_stops_loudly(net: Net) -> None:
    await net.mine(ANCHORS + 20)
    follower = net.follower()
    await settle(follower)
    await net.fork(10, ANCHORS + 20)

    with pytest.raises(BeforeTheStart, match="below block 21"):
        await settle(follower)


async def test_closing_stops_what_is_fetched_ahead(net: Net, follower: Follower) -> None:
    await net.mine(BATCH + 5)
    net.node.gate = asyncio.Event()
    await follower.step()
    assert follower._prefetch is not None

    await follower.close()

    assert follower._prefetch.task.cancelled()


def test_the_anchors_come_in_one_batch() -> None:
    assert ANCHORS <= BATCH


async def test_every_coin_is_found_at_the_node_while_its_tip_is_ours(
    net: Net, follower: Follower, shop: str
) -> None:
    await net.mine(3, shop)
    await settle(follower)

    async def coins_finding() -> audit.Finding:
        report = await audit.run(net.engine, questions.coins_of(net.node))
        return next(finding for finding in report.findings if finding.name == "coins are at the node")

    assert (await coins_finding()) == audit.Finding("coins are at the node", 3, "")
    async with net.engine.begin() as db:
        await db.execute(sa.text("UPDATE coins SET vout = 7 WHERE height = 2"))
    assert (await coins_finding()).detail.endswith(":7 is not at the node")
    await net.mine(1)
    assert (await coins_finding()).checked == 0


async def test_a_block_that_comes_by_itself_is_asked_for_by_the_hash_that_the_node_has_named(
    net: Net, follower: Follower
) -> None:
    await net.mine(1)
    net.node.hashes_asked = 0

    await settle(follower)
    asked_for_one = net.node.hashes_asked
    await net.mine(2)
    await settle(follower)

    assert (asked_for_one, await net.at_the_nodes_tip()) == (0, True)
    assert net.node.hashes_asked > 0
