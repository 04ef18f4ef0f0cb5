"""The node's chain and mempool, without sockets."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.chain import header, wire
from app.chain.wire import Input, Output, Transaction
from app.domain import dogecoin
from app.money import COIN
from devnet import mining, script
from devnet.chainstate import Chain, Entry
from devnet.node import Clock, Node
from devnet.storage import InUse, Storage

NOW = 1_800_000_000
ELSEWHERE = b"\x76\xa9\x14" + bytes(20) + b"\x88\xac"


class Heard:
    """Remembers what was announced: ("tx" or "block", hash)."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, bytes]] = []

    def transaction(self, transaction: Transaction) -> None:
        self.notes.append(("tx", transaction.txid))

    def block(self, header_hash: bytes, raw: bytes) -> None:
        assert wire.parse_block(raw).header.hash == header_hash
        self.notes.append(("block", header_hash))


class Bench:
    """A node on a file, that can be opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOW
        self.open()

    def open(self) -> None:
        self.heard = Heard()
        self.storage = Storage(self.path)
        self.node = Node(
            self.storage, self.heard, Clock(lambda: self.now), lambda length: bytes(range(length))
        )

    def reopen(self) -> None:
        self.storage.close()
        self.open()

    def mine(
        self, count: int = 1, output_script: bytes | None = None, bits: int = mining.EASY_BITS
    ) -> list[Entry]:
        to = output_script or self.node.wallet.faucet_script()
        made = [self.node.generate(to, bits=bits) for _ in range(count)]
        return [entry for entry in made if entry is not None]

    def pay(self, value: int = COIN) -> Transaction:
        payment = self.node.wallet.pay([Output(value, ELSEWHERE)])
        self.node.submit(payment)
        return payment


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "devnet.sqlite")
    yield bench
    bench.storage.close()


def fresh_coins(node: Node) -> Chain:
    """Connect the active chain again from nothing."""
    chain = Chain(lambda entry: node.storage.block(entry.sequence))
    for entry in node.chain.active:
        again = chain.add(entry.header, entry.size)
        chain.connect(again, node.chain.block(entry))
    return chain


def state(node: Node) -> tuple[object, ...]:
    watched = {
        output_script: (watch.coins, watch.received) for output_script, watch in node.chain.watched.items()
    }
    return (
        node.chain.tip.header.hash,
        node.chain.coins,
        set(node.mempool.entries),
        watched,
        node.wallet.balance(),
    )


def test_the_first_block_is_that_of_regtest(bench: Bench) -> None:
    assert header.display(bench.node.chain.tip.header.hash) == dogecoin.REGTEST.genesis_hash
    assert header.display(bench.node.chain.tip.header.merkle_root).startswith("5b2a3f53")
    assert bench.node.chain.coins == {}


def test_a_block_makes_what_regtest_allows() -> None:
    made = {
        height: mining.subsidy(height) // COIN
        for height in (1, 149, 150, 299, 300, 450, 600, 750, 899, 900, 10**7)
    }

    assert list(made.values()) == [
        500_000,
        500_000,
        250_000,
        250_000,
        125_000,
        62_500,
        31_250,
        15_625,
        15_625,
        10_000,
        10_000,
    ]


def test_a_shorter_branch_with_more_work_wins_and_loses_to_still_more(bench: Bench) -> None:
    common = bench.mine(3)[-1]
    long = bench.mine(4)
    bench.node.invalidate(long[0])
    hard = bench.mine(1, bits=0x1F7FFFFF)[0]

    bench.node.reconsider(long[0])

    assert bench.node.chain.tip is hard
    assert (hard.previous, hard.height, long[-1].height) == (common, 4, 7)
    assert hard.chainwork > long[-1].chainwork
    bench.node.invalidate(hard)
    assert bench.node.chain.tip is long[-1]
    bench.node.reconsider(hard)
    assert bench.node.chain.tip is hard


def test_of_two_branches_with_equal_work_the_first_stays(bench: Bench) -> None:
    first = bench.mine()[0]
    bench.node.invalidate(first)
    second = bench.mine()[0]

    bench.node.reconsider(first)

    assert bench.node.chain.tip is first
    assert bench.node.chain.tips == {first, second}


def test_two_blocks_on_the_same_parent_differ_even_at_the_same_second_to_the_same_address(
    bench: Bench,
) -> None:
    first = bench.mine()[0]
    bench.node.invalidate(first)

    second = bench.mine()[0]

    assert first.header.hash != second.header.hash
    assert (first.header.previous, first.header.time) == (second.header.previous, second.header.time)


def test_a_reorganisation_is_announced_as_the_node_does(bench: Bench) -> None:
    """Blocks that went are heard by their transactions, blocks that came by theirs; only the first better tip by its hash."""
    old = bench.mine(2)
    bench.node.invalidate(old[0])
    new = bench.mine(3, output_script=ELSEWHERE)
    bench.node.invalidate(new[0])
    bench.node.reconsider(old[0])
    assert bench.node.chain.tip is old[-1]
    bench.heard.notes.clear()

    bench.node.reconsider(new[0])

    coinbase = {entry: bench.node.chain.block(entry).transactions[0].txid for entry in (*old, *new)}
    assert bench.heard.notes == [
        *[("tx", coinbase[entry]) for entry in reversed(old)],
        *[("tx", coinbase[entry]) for entry in new],
        ("block", new[-1].header.hash),
    ]


def test_nothing_tells_of_a_tip_that_only_went_back(bench: Bench) -> None:
    mined = bench.mine(3)
    bench.heard.notes.clear()

    bench.node.invalidate(mined[1])

    assert [kind for kind, _ in bench.heard.notes] == ["tx", "tx"]


def test_a_block_that_spends_the_same_coin_throws_a_payment_out_and_it_is_announced_once_more(
    bench: Bench,
) -> None:
    bench.mine(62)
    payment = bench.pay()
    child = wire.assemble(
        [Input(payment.txid, 1, b"", 0xFFFFFFFF)], [Output(payment.outputs[1].value - COIN, ELSEWHERE)]
    )
    child = bench.node.wallet.sign(child)
    bench.node.submit(child)
    spent = payment.inputs[0]
    rival = wire.assemble([spent._replace(script=b"")], [Output(499_999 * COIN, ELSEWHERE)])
    rival = bench.node.wallet.sign(rival)
    bench.heard.notes.clear()

    entry = bench.node.generate_with(ELSEWHERE, [rival])

    assert entry is bench.node.chain.tip
    assert bench.node.mempool.entries == {}
    assert [note[1] for note in bench.heard.notes[:2]] == [payment.txid, child.txid]
    assert bench.heard.notes[3:] == [("tx", rival.txid), ("block", entry.header.hash)]


def test_the_transactions_of_a_block_that_went_wait_again_before_those_that_build_on_them(
    bench: Bench,
) -> None:
    bench.mine(62)
    parent = bench.pay()
    mined = bench.mine()[0]
    child = wire.assemble(
        [Input(parent.txid, 1, b"", 0xFFFFFFFF)], [Output(parent.outputs[1].value - COIN, ELSEWHERE)]
    )
    child = bench.node.wallet.sign(child)
    bench.node.submit(child)

    bench.node.invalidate(mined)

    assert list(bench.node.mempool.entries) == [parent.txid, child.txid]
    bench.reopen()
    assert list(bench.node.mempool.entries) == [parent.txid, child.txid]
    bench.mine()
    assert bench.node.mempool.entries == {}


def test_what_spends_a_coinbase_that_is_too_young_again_is_dropped(bench: Bench) -> None:
    bench.mine(62)
    bench.pay(600_000 * COIN)
    mature = bench.node.chain.active[-2]

    bench.node.invalidate(mature)

    assert bench.node.mempool.entries == {}
    assert bench.node.storage.waiting() == []


def test_after_a_day_a_transaction_is_forgotten_without_a_word(bench: Bench) -> None:
    bench.mine(62)
    payment = bench.pay()
    bench.heard.notes.clear()

    bench.now += 24 * 60 * 60
    bench.node.expire()
    assert payment.txid in bench.node.mempool.entries
    bench.now += 1
    bench.node.expire()

    assert bench.node.mempool.entries == {}
    assert bench.heard.notes == []


def test_the_miner_leaves_out_what_pays_too_little_and_what_builds_on_it(bench: Bench) -> None:
    bench.mine(64)
    coins = [bench.node.chain.block(entry).transactions[0] for entry in bench.node.chain.active[1:4]]

    def spend(source: Transaction, fee_per_kb: int) -> Transaction:
        value = source.outputs[0].value
        plain = wire.assemble(
            [Input(source.txid, 0, b"", 0xFFFFFFFF)], [Output(value, bench.node.wallet.faucet_script())]
        )
        size = bench.node.wallet.sign(plain).size + 1
        paying = wire.assemble(
            plain.inputs, [Output(value - fee_per_kb * size // 1000 - 1, bench.node.wallet.faucet_script())]
        )
        return bench.node.wallet.sign(paying)

    cheap = spend(coins[0], COIN // 200)
    bench.node.submit(cheap)
    child = spend(cheap, COIN)
    bench.node.submit(child)
    good = spend(coins[1], COIN // 100)
    bench.node.submit(good)

    block = bench.node.chain.block(bench.mine()[0])

    assert [transaction.txid for transaction in block.transactions[1:]] == [good.txid]
    assert (
        block.transactions[0].outputs[0].value
        == mining.subsidy(65) + coins[1].outputs[0].value - good.outputs[0].value
    )
    assert list(bench.node.mempool.entries) == [cheap.txid, child.txid]


def test_a_merged_block_is_proved_by_its_parent_and_reads_as_one(bench: Bench) -> None:
    bench.mine(20)

    entry = bench.node.generate(ELSEWHERE, merged=True)

    assert entry is not None
    raw = bench.node.chain.read(entry)
    block = wire.parse_block(raw)
    assert block.header.version == 0x00620104
    assert block.header.hash[::-1] in block.auxpow
    assert len(block.auxpow) == 92 + 32 + 10 + 80


@pytest.mark.parametrize("seed", range(8))
def test_coins_are_those_of_the_active_chain_whatever_happened_and_a_restart_changes_nothing(
    bench: Bench, seed: int
) -> None:
    chance = random.Random(seed)
    bench.mine(70)
    for _ in range(60):
        node = bench.node
        step = chance.randrange(10)
        if step < 4:
            bench.now += chance.randrange(30)
            bench.mine(
                chance.randrange(1, 3), bits=chance.choice([mining.EASY_BITS, mining.EASY_BITS, 0x203FFFFF])
            )
        elif step < 8:
            bench.pay(chance.randrange(COIN, 600_000 * COIN))
        elif step == 8 and node.chain.height > 68:
            node.invalidate(node.chain.active[-chance.randrange(1, 4)])
        else:
            node.reconsider(chance.choice(list(node.chain.entries.values())))

        assert node.chain.coins == fresh_coins(node).coins
        assert all(
            node.rules.find(spent.txid)
            for waiting in node.mempool.entries.values()
            for spent in waiting.transaction.inputs
        )
        assert [row[0] for row in node.storage.waiting()].sort() == [
            entry.transaction.raw for entry in node.mempool.entries.values()
        ].sort()

    before = state(bench.node)
    bench.reopen()
    assert state(bench.node) == before


def test_a_node_that_wakes_after_days_tells_of_no_tip_until_a_block_is_recent(bench: Bench) -> None:
    bench.mine(2)
    syncing = [bench.node.syncing]

    bench.now += 3 * 24 * 60 * 60
    bench.reopen()
    syncing.append(bench.node.syncing)
    entry = bench.mine()[0]
    syncing.append(bench.node.syncing)

    assert syncing == [False, True, False]
    assert bench.heard.notes[-1] == ("block", entry.header.hash)


def test_a_directory_has_one_devnet_at_a_time(bench: Bench) -> None:
    with pytest.raises(InUse, match="another devnet runs"):
        Storage(bench.path)


def test_the_seed_stays_and_addresses_are_never_handed_out_twice(bench: Bench) -> None:
    first = [bench.node.wallet.new_address() for _ in range(3)]
    faucet = bench.node.wallet.faucet_script()

    bench.reopen()

    assert bench.node.wallet.faucet_script() == faucet
    assert bench.node.wallet.new_address() not in first
    assert len(set(first)) == 3
    assert all(output_script in bench.node.wallet.origins for output_script in (faucet,))
    assert script.classify(faucet).addresses[0] not in first
