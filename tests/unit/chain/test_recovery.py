"""A lost database made again: a real chain, a real database before the loss, and an empty one after it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit import run as run_audit
from app.chain import block_reader, follower, recovery
from app.chain.keys import Keyring
from app.chain.node import ChainState, Node
from app.chain.recovery import Recovery, RecoveryReport, SearchScope, Stopped
from app.chain.rpc import NodeAway
from app.chain.seed_file import SeedFile
from app.chain.seed_record import Cost
from app.db.all_cells import AllCells
from app.db.engine import open_engine
from app.db.tables import accounts as account_rows
from app.db.tables import coins, deposits, leases
from app.domain import accounts, blocks, dogecoin
from app.domain.accounts import AccountOrder
from app.domain.audit import Totals
from app.domain.blocks.recovery import NotEmpty
from app.domain.dogecoin import REGTEST
from app.domain.invoices import InvoiceOrder, issuing
from app.money import show
from app.runtime.lease import Lease
from devnet import devnet, wallet
from devnet.signatures import Key
from tests import scenario
from tests.conftest import cloned

NOWHERE = dogecoin.to_address(REGTEST, dogecoin.p2sh(bytes(20))) or ""
FAUCET_BLOCKS = 65
KEYS = Keyring(REGTEST, scenario.WORDS)


def silent(stage: str, done: int, total: int) -> None:
    """Ignore the progress."""


@dataclass
class Net:
    """A devnet whose faucet can pay, and the seed file of an installation that is lost."""

    node: Node
    engine: AsyncEngine
    seed: tuple[SeedFile, Keyring]

    async def pay(self, paid: Sequence[tuple[str, int]]) -> None:
        """Pay amounts in koinu to addresses, and mine that."""
        for start in range(0, len(paid), 300):
            outputs = {address: show(amount) for address, amount in paid[start : start + 300]}
            await self.node.call("sendmany", "", outputs)
        await self.mine(1)

    async def mine(self, number: int) -> None:
        await self.node.call("generatetoaddress", number, NOWHERE)

    async def follow(self, engine: AsyncEngine) -> None:
        following = follower.Follower(
            engine, self.node, scenario.RULES, Lease(engine, "follow", "test"), lambda: None
        )
        while await following.step():
            pass
        await following.close()

    async def recover(
        self,
        number: int,
        gap: int,
        first: int = 0,
        *,
        progress: recovery.Progress = silent,
        node: Node | None = None,
    ) -> RecoveryReport:
        """Recover `number` accounts into the test's database."""
        lease = Lease(self.engine, "follow", "recovery")
        recovering = Recovery(
            AllCells.of_one(self.engine), node or self.node, scenario.RULES, self.seed, [lease]
        )
        try:
            return await recovering.run(SearchScope(number, gap, first), progress)
        finally:
            await recovering.close()

    async def audit(self) -> Totals:
        report = await run_audit(self.engine)
        assert report.ok, report
        return next(total for total in report.totals if total.asset == "DOGE")


@pytest.fixture
async def net(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[Net]:
    file = SeedFile(tmp_path / "home" / "seed.json", REGTEST, Cost(1 << 14, 1))
    keyring = await asyncio.to_thread(file.create, "", None, scenario.WORDS)
    async with (
        devnet.running(tmp_path / "devnet", devnet.Options("127.0.0.1:0", None)) as running,
        Node(running.rpc_url.replace("http://", "http://kennel:kennel@")) as node,
    ):
        await node.call("generate", FAUCET_BLOCKS)
        yield Net(node, engine, (file, keyring))


@pytest.fixture
async def lost(server: str, net: Net) -> AsyncIterator[AsyncEngine]:
    """The database that will be lost; its ledger has begun."""
    async with cloned(server) as url:
        engine = open_engine(url)
        await net.follow(engine)
        yield engine
        await engine.dispose()


def address(account: int, branch: int, index: int) -> str:
    [key] = KEYS.account_xpubs(account, 1)
    return dogecoin.to_address(REGTEST, dogecoin.script_at(key.xpub, branch, index)) or ""


async def issue(engine: AsyncEngine, numbers: Mapping[str, int]) -> dict[str, list[str]]:
    """Open accounts in this order, and issue so many invoices of each; return their addresses."""
    await scenario.make_ready(engine, len(numbers))
    async with engine.begin() as connection:
        await accounts.put(connection, [AccountOrder(name, {}) for name in numbers], REGTEST)
    orders = [
        InvoiceOrder(name, (scenario.item(1),)) for name, number in numbers.items() for _ in range(number)
    ]
    addresses: dict[str, list[str]] = {name: [] for name in numbers}
    for start in range(0, len(orders), 5_000):
        async with engine.begin() as connection:
            part = orders[start : start + 5_000]
            outcomes = await issuing.create(connection, part, scenario.INSTALLATION)
        for order, invoice in zip(part, outcomes, strict=True):
            addresses[order.foreign_id].append(scenario.accepted(invoice).address)
    return addresses


async def coins_and_deposits(engine: AsyncEngine) -> list[Sequence[Any]]:
    """Return all coins and deposits, without what only the lost database knew: invoices and times."""
    columns = [column for column in deposits.c if column.name not in ("invoice", "created")]
    async with engine.connect() as connection:
        coin_rows = await connection.execute(sa.select(coins).order_by(coins.c.txid, coins.c.vout))
        deposit_rows = await connection.execute(
            sa.select(*columns).order_by(deposits.c.txid, deposits.c.vout)
        )
        return [*map(tuple, coin_rows), *map(tuple, deposit_rows)]


async def balances(engine: AsyncEngine) -> dict[int, tuple[int, int]]:
    """Return available and incoming of every customer who has any."""
    query = """SELECT account_id, available, incoming FROM balances
        WHERE account_id >= 0 AND available + incoming > 0"""
    async with engine.connect() as connection:
        return {row[0]: (row[1], row[2]) for row in await connection.execute(sa.text(query))}


async def opened(engine: AsyncEngine) -> dict[int, tuple[str, int, int]]:
    columns = [account_rows.c[name] for name in ("id", "foreign_id", "next_index", "next_change")]
    async with engine.connect() as connection:
        return {row[0]: (row[1], row[2], row[3]) for row in await connection.execute(sa.select(*columns))}


async def test_hundreds_of_accounts_and_addresses_with_holes_between_come_back_as_they_were(
    net: Net, lost: AsyncEngine
) -> None:
    numbers = {f"shop-{n:03}": 41 if n % 7 == 0 else n % 5 for n in range(300)}
    issued = await issue(lost, numbers)
    early = [
        (paid_to[0], scenario.doge(2) + n) for n, paid_to in enumerate(issued.values()) if paid_to and n % 3
    ]
    late = [
        (paid_to[i], scenario.doge(3) + n)
        for n, paid_to in enumerate(issued.values())
        for i in (19, 40)
        if len(paid_to) == 41
    ]
    owners = [(address(0, 0, 0), scenario.doge(5)), (KEYS_OF_ACCOUNTS[4], scenario.doge(6))]
    await net.pay([*late, *owners])
    await net.pay(early)
    await net.mine(4)
    await net.pay(
        [(paid_to[0], scenario.doge(7)) for paid_to in issued.values() if paid_to][:50]
    )  # not confirmed yet
    await net.follow(lost)

    report = await net.recover(310, gap=25)

    assert await balances(net.engine) == await balances(lost)
    assert await coins_and_deposits(net.engine) == await coins_and_deposits(lost)
    assert (await net.audit()).clawback == 0
    last = max(await balances(lost))
    assert await opened(net.engine) == {n: await expected(lost, n, gap=25) for n in range(last + 1)}
    assert report.accounts == last + 1
    assert report.used == len(await balances(lost))
    assert report.deposits == len(early) + len(late) + len(owners) + 50


KEYS_OF_ACCOUNTS = [
    dogecoin.to_address(REGTEST, key.address_script) or "" for key in KEYS.account_xpubs(0, 10)
]


async def expected(engine: AsyncEngine, account: int, gap: int) -> tuple[str, int, int]:
    """Return the name of an account, and its next indices beyond the last that was paid."""
    paid = sa.select(sa.func.coalesce(sa.func.max(deposits.c.index), -1))
    async with engine.connect() as connection:
        last = await connection.scalar(paid.where(deposits.c.account_id == account, deposits.c.branch == 0))
    return (
        f"recovered-{account}",
        recovery.beyond(-1 if last is None else last, gap),
        recovery.beyond(-1, gap),
    )


@pytest.mark.parametrize("order", [(0, 999, 1998), (1998, 999, 0), (999, 0, 1998)])
async def test_payments_at_the_end_of_each_gap_are_found_in_whatever_order_they_came(
    net: Net, order: tuple[int, ...]
) -> None:
    for n, index in enumerate(order):
        await net.pay(
            [(address(1, 0, index), scenario.doge(n + 1)), (address(1, 1, index), scenario.doge(10 + n))]
        )
    await net.mine(6)

    report = await net.recover(2, gap=1_000)

    assert await balances(net.engine) == {1: (scenario.doge(1 + 2 + 3 + 10 + 11 + 12), 0)}
    assert await opened(net.engine) == {0: ("recovered-0", 20, 20), 1: ("recovered-1", 2_499, 2_499)}
    assert report.addresses == 2 * (1 + 2 * 1_000) + 2 * 1_999
    await net.audit()


async def test_a_gap_smaller_than_a_hole_misses_what_comes_after_and_says_how_many_addresses_were_looked_at(
    net: Net,
) -> None:
    await net.pay([(address(0, 0, 0), scenario.doge(1)), (address(0, 0, 30), scenario.doge(2))])
    await net.mine(6)

    report = await net.recover(5, gap=29)

    assert await balances(net.engine) == {0: (scenario.doge(1), 0)}
    assert (report.addresses, report.deposits) == (5 * (1 + 2 * 29) + 1, 1)


async def test_a_hole_as_wide_as_the_gap_allows_is_crossed(net: Net) -> None:
    await net.pay([(address(0, 0, 0), scenario.doge(1)), (address(0, 0, 30), scenario.doge(2))])
    await net.mine(6)

    await net.recover(5, gap=30)

    assert await balances(net.engine) == {0: (scenario.doge(3), 0)}


async def test_what_was_spent_is_borne_by_its_account_whether_confirmed_or_not(net: Net) -> None:
    await net.pay([(address(0, 0, 0), scenario.doge(100)), (address(1, 0, 0), scenario.doge(50))])
    await net.mine(6)
    await spend(net, (0, 0, 0), {address(0, 1, 0): "59", NOWHERE: "40"})
    await spend(net, (0, 1, 0), {address(0, 1, 1): "8", NOWHERE: "50"})  # spends what is two blocks deep

    await net.recover(3, gap=25)

    assert await balances(net.engine) == {0: (0, scenario.doge(8)), 1: (scenario.doge(50), 0)}
    totals = await net.audit()
    assert (totals.coins, totals.clawback) == (scenario.doge(58), 0)
    await net.mine(6)
    await net.follow(net.engine)
    assert await balances(net.engine) == {0: (scenario.doge(8), 0), 1: (scenario.doge(50), 0)}
    await net.audit()


async def spend(net: Net, key: tuple[int, int, int], outputs: dict[str, str]) -> None:
    """Spend the only coin of an address, as a payment before the loss."""
    paid = address(*key)
    for height in itertools.count(await net.node.call("getblockcount"), -1):
        block = await net.node.call("getblock", await net.node.call("getblockhash", height))
        for txid in block["tx"]:
            raw = await net.node.call("getrawtransaction", txid, 1)
            for output in raw["vout"]:
                if output["scriptPubKey"].get("addresses") == [paid]:
                    coin = {"txid": txid, "vout": output["n"]}
                    unsigned = await net.node.call("createrawtransaction", [coin], outputs)
                    private = KEYS.private_key(*key)
                    wif = wallet.write_wif(Key(private.public_key.format(), private))
                    signed = await net.node.call("signrawtransaction", unsigned, [], [wif])
                    await net.node.call("sendrawtransaction", signed["hex"])
                    await net.mine(1)
                    return


async def test_a_recovery_that_is_killed_anywhere_leaves_nothing_and_starts_over(net: Net) -> None:
    await net.pay([(address(n, 0, n), scenario.doge(n + 1)) for n in range(10)])
    await net.mine(6)
    stages: list[str] = []

    class KilledError(Exception):
        pass

    def kill_at(stage: str) -> recovery.Progress:
        def report(current: str, done: int, total: int) -> None:
            stages.append(current)
            if current == stage:
                raise KilledError

        return report

    for stage in ("Deriving addresses", "Reading blocks, pass 1", "Reading blocks, pass 2"):
        with pytest.raises(KilledError):
            await net.recover(12, gap=20, progress=kill_at(stage))
        assert not await opened(net.engine)

    await net.recover(12, gap=20)

    assert await balances(net.engine) == {n: (scenario.doge(n + 1), 0) for n in range(10)}
    await net.audit()


async def test_a_recovery_that_is_killed_while_it_writes_leaves_nothing_and_starts_over(net: Net) -> None:
    await net.pay([(address(0, 0, 5), scenario.doge(4))])
    await net.mine(6)

    async with net.engine.begin() as blocker:
        await blocker.execute(sa.text("LOCK TABLE entries"))
        killed = asyncio.create_task(net.recover(2, gap=20))
        await scenario.until_someone_waits(net.engine)
        killed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await killed
    assert not await opened(net.engine)

    await net.recover(2, gap=20)
    assert await balances(net.engine) == {0: (scenario.doge(4), 0)}


async def test_a_chain_that_changes_while_it_is_read_stops_the_recovery_which_then_starts_over(
    net: Net,
) -> None:
    await net.pay([(address(0, 0, 0), scenario.doge(4))])
    await net.mine(8)

    class SwitchingNode(Node):
        batches = 0

        async def hashes(self, first: int, count: int) -> list[bytes]:
            """Switch the chain after the ledger's start, which calls first, and before the search."""
            self.batches += count > 1
            if self.batches == 2:
                await self.call("invalidateblock", await self.call("getblockhash", FAUCET_BLOCKS + 5))
                await self.call("generatetoaddress", 9, NOWHERE)
                self.batches += 1
            return await super().hashes(first, count)

    async with SwitchingNode(net.node.address.replace("http://", "http://kennel:kennel@")) as node:
        with pytest.raises(Stopped, match="chain has changed below"):
            await net.recover(2, gap=20, node=node)
        assert not await opened(net.engine)
        await net.recover(2, gap=20, node=node)

    assert await balances(net.engine) == {0: (scenario.doge(4), 0)}
    await net.audit()


async def test_a_node_that_is_away_for_a_moment_is_waited_for(net: Net) -> None:
    await net.pay([(address(0, 0, 0), scenario.doge(4))])
    await net.mine(6)
    away = iter([NodeAway("nobody answers")])

    class Restarted(Node):
        async def hashes(self, first: int, count: int) -> list[bytes]:
            if first == FAUCET_BLOCKS and (trouble := next(away, None)):
                raise trouble
            return await super().hashes(first, count)

    async with Restarted(net.node.address.replace("http://", "http://kennel:kennel@")) as node:
        await net.recover(2, gap=20, first=FAUCET_BLOCKS, node=node)

    assert await balances(net.engine) == {0: (scenario.doge(4), 0)}


async def test_addresses_that_were_given_out_and_not_paid_go_on_crediting_and_are_not_given_out_again(
    net: Net,
) -> None:
    await net.pay([(address(0, 0, 3), scenario.doge(1))])
    await net.recover(2, gap=1_000)

    await net.pay([(address(0, 0, 20), scenario.doge(2))])
    fresh = await scenario.invoice(net.engine, "recovered-0")
    await net.mine(6)
    await net.follow(net.engine)

    assert fresh.address == address(0, 0, 24)
    assert await balances(net.engine) == {0: (scenario.doge(3), 0)}


async def test_reading_begins_at_the_height_that_is_asked_for(net: Net) -> None:
    await net.pay([(address(0, 0, 0), scenario.doge(1))])
    await net.pay([(address(0, 0, 1), scenario.doge(2))])
    await net.mine(6)

    await net.recover(1, gap=20, first=FAUCET_BLOCKS + 2)

    assert await balances(net.engine) == {0: (scenario.doge(2), 0)}


async def test_of_the_past_only_accounts_and_balances_are_told(net: Net) -> None:
    await net.pay([(address(1, 0, 0), scenario.doge(1))])
    await net.mine(6)

    await net.recover(3, gap=20)

    assert await scenario.event_types(net.engine) == ["ACC_CREATED", "ACC_CREATED", "ACC_BALANCE_CHANGE"]


async def test_reading_the_chain_again_after_a_recovery_changes_nothing(net: Net) -> None:
    await net.pay([(address(0, 0, 0), scenario.doge(9))])
    await net.mine(6)
    await spend(net, (0, 0, 0), {address(0, 1, 0): "8"})
    await net.recover(1, gap=20)
    state = await coins_and_deposits(net.engine), await balances(net.engine)

    async with net.engine.begin() as connection:
        scenario.accepted(await blocks.rescan_from(connection, 0))
    await net.follow(net.engine)

    assert (await coins_and_deposits(net.engine), await balances(net.engine)) == state
    await net.audit()


async def test_numbers_that_were_looked_at_are_never_ready_for_new_accounts(net: Net) -> None:
    await scenario.make_ready(net.engine, 30)
    await net.pay([(address(5, 0, 0), scenario.doge(1))])

    await net.recover(20, gap=20)

    async with net.engine.connect() as connection:
        assert await accounts.count_ready_keys(connection, 100) == 10
    assert net.seed[0].read().highest_account == 19
    account = await scenario.open_account(net.engine, "new")
    assert account.id == 20


async def test_nothing_paid_is_nothing_written(net: Net) -> None:
    report = await net.recover(2, gap=20)

    assert (report.accounts, report.readings, report.deposits) == (0, 1, 0)
    assert not await opened(net.engine)


async def test_a_database_with_accounts_is_refused(net: Net) -> None:
    await scenario.open_account(net.engine)

    with pytest.raises(NotEmpty, match="This database has accounts"):
        await net.recover(2, gap=20)


async def test_an_account_that_is_opened_meanwhile_is_not_written_over(net: Net) -> None:
    await net.pay([(address(0, 0, 0), scenario.doge(1))])

    def open_one(stage: str, done: int, total: int) -> None:
        opening.append(asyncio.ensure_future(scenario.open_account(net.engine)))

    opening: list[asyncio.Future[accounts.Account]] = []
    with pytest.raises(NotEmpty):
        await recover_after(net, opening, open_one)

    assert [name for name, _, _ in (await opened(net.engine)).values()] == ["shop"]
    assert not await coins_and_deposits(net.engine)


async def recover_after(net: Net, opening: list[Any], progress: recovery.Progress) -> None:
    """Recover; what the first `progress` began is over before the writing begins."""
    calls = 0

    def once(stage: str, done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            progress(stage, done, total)

    class WaitingNode(Node):
        async def hashes(self, first: int, count: int) -> list[bytes]:
            await asyncio.gather(*opening)
            return await super().hashes(first, count)

    async with WaitingNode(net.node.address.replace("http://", "http://kennel:kennel@")) as node:
        await net.recover(2, gap=20, progress=once, node=node)


async def test_a_running_kennel_is_left_alone(net: Net) -> None:
    async with net.engine.begin() as connection:
        forever = sa.func.now() + sa.text("interval '1 hour'")
        await connection.execute(sa.insert(leases).values(name="follow", holder="another", expires=forever))

    with pytest.raises(Stopped, match="stop it"):
        await net.recover(2, gap=20)


@pytest.mark.parametrize("wrong", [(0, 1, 0), (1, 0, 0), (1, 1, -1), (1_000_000, 1_000, 0)])
def test_a_reach_that_makes_no_sense_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(Stopped):
        SearchScope(*wrong)


async def test_a_height_above_the_tip_is_refused(net: Net) -> None:
    with pytest.raises(Stopped, match="has no block 66 yet"):
        await net.recover(2, gap=20, first=66)


async def test_a_pruned_node_is_refused(net: Net) -> None:
    class PrunedNode(Node):
        async def chain_state(self) -> ChainState:
            return replace(await super().chain_state(), pruned=True, prune_height=40)

    async with PrunedNode(net.node.address.replace("http://", "http://kennel:kennel@")) as node:
        with pytest.raises(block_reader.Pruned, match="needs a node with all of them"):
            await net.recover(2, gap=20, first=39, node=node)
        await net.recover(2, gap=20, first=40, node=node)


@pytest.mark.parametrize(
    ("last", "gap", "first_free"),
    [(-1, 1_000, 20), (0, 1_000, 21), (999, 1_000, 1_500), (99, 1_000, 200), (7, 2, 9)],
)
def test_as_many_addresses_as_were_used_count_as_given_out_beyond_them(
    last: int, gap: int, first_free: int
) -> None:
    assert recovery.beyond(last, gap) == first_free
