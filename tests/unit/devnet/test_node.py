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


class RecordingListener:
    """Records what was announced: ("tx" or "block", hash)."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, bytes]] = []

    def transaction(self, transaction: Transaction) -> None:
        self.notes.append(("tx", transaction.txid))

    def block(self, header_hash: bytes, raw: bytes) -> None:
        assert wire.parse_block(raw).header.hash == header_hash
        self.notes.append(("block", header_hash))


class StoredNode:
    """A node on a file, which can be opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOW
        self.open()

    def open(self) -> None:
        self.listener = RecordingListener()
        self.storage = Storage(self.path)
        self.node = Node(
            self.storage, self.listener, Clock(lambda: self.now), lambda length: bytes(range(length))
        )

    def reopen(self) -> None:
        self.storage.close()
        self.open()

    def mine(
        self, count: int = 1, output_script: bytes | None = None, bits: int = mining.EASY_BITS
    ) -> list[Entry]:
        to = output_script or self.node.wallet.faucet_script()
        entries = [self.node.generate(to, bits=bits) for _ in range(count)]
        return [entry for entry in entries if entry is not None]

    def pay(self, value: int = COIN) -> Transaction:
        payment = self.node.wallet.pay([Output(value, ELSEWHERE)])
        self.node.submit(payment)
        return payment


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredNode]:
    stored = StoredNode(tmp_path / "devnet.sqlite")
    yield stored
    stored.storage.close()


def fresh_coins(node: Node) -> Chain:
    """Connect the active chain again from nothing."""
    chain = Chain(lambda entry: node.storage.block(entry.sequence))
    for entry in node.chain.active:
        copy = chain.add(entry.header, entry.size)
        chain.connect(copy, node.chain.block(entry))
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


def test_the_first_block_is_that_of_regtest(stored: StoredNode) -> None:
    assert header.display(stored.node.chain.tip.header.hash) == dogecoin.REGTEST.genesis_hash
    assert header.display(stored.node.chain.tip.header.merkle_root).startswith("5b2a3f53")
    assert stored.node.chain.coins == {}


def test_a_block_makes_what_regtest_allows() -> None:
    subsidies = {
        height: mining.subsidy(height) // COIN
        for height in (1, 149, 150, 299, 300, 450, 600, 750, 899, 900, 10**7)
    }

    assert list(subsidies.values()) == [
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


def test_a_shorter_branch_with_more_work_wins_and_loses_to_still_more(stored: StoredNode) -> None:
    common = stored.mine(3)[-1]
    long = stored.mine(4)
    stored.node.invalidate(long[0])
    hard = stored.mine(1, bits=0x1F7FFFFF)[0]

    stored.node.reconsider(long[0])

    assert stored.node.chain.tip is hard
    assert (hard.previous, hard.height, long[-1].height) == (common, 4, 7)
    assert hard.chainwork > long[-1].chainwork
    stored.node.invalidate(hard)
    assert stored.node.chain.tip is long[-1]
    stored.node.reconsider(hard)
    assert stored.node.chain.tip is hard


def test_of_two_branches_with_equal_work_the_first_stays(stored: StoredNode) -> None:
    first = stored.mine()[0]
    stored.node.invalidate(first)
    second = stored.mine()[0]

    stored.node.reconsider(first)

    assert stored.node.chain.tip is first
    assert stored.node.chain.tips == {first, second}


def test_two_blocks_on_the_same_parent_differ_even_at_the_same_second_to_the_same_address(
    stored: StoredNode,
) -> None:
    first = stored.mine()[0]
    stored.node.invalidate(first)

    second = stored.mine()[0]

    assert first.header.hash != second.header.hash
    assert (first.header.previous, first.header.time) == (second.header.previous, second.header.time)


def test_a_reorganisation_is_announced_as_the_node_does(stored: StoredNode) -> None:
    """The transactions of all blocks are announced, and the hash of the first better tip only."""
    old = stored.mine(2)
    stored.node.invalidate(old[0])
    new = stored.mine(3, output_script=ELSEWHERE)
    stored.node.invalidate(new[0])
    stored.node.reconsider(old[0])
    assert stored.node.chain.tip is old[-1]
    stored.listener.notes.clear()

    stored.node.reconsider(new[0])

    coinbase = {entry: stored.node.chain.block(entry).transactions[0].txid for entry in (*old, *new)}
    assert stored.listener.notes == [
        *[("tx", coinbase[entry]) for entry in reversed(old)],
        *[("tx", coinbase[entry]) for entry in new],
        ("block", new[-1].header.hash),
    ]


def test_nothing_tells_of_a_tip_that_only_went_back(stored: StoredNode) -> None:
    mined = stored.mine(3)
    stored.listener.notes.clear()

    stored.node.invalidate(mined[1])

    assert [kind for kind, _ in stored.listener.notes] == ["tx", "tx"]


def test_a_block_that_spends_the_same_coin_throws_a_payment_out_and_it_is_announced_once_more(
    stored: StoredNode,
) -> None:
    stored.mine(62)
    payment = stored.pay()
    child = wire.assemble(
        [Input(payment.txid, 1, b"", 0xFFFFFFFF)], [Output(payment.outputs[1].value - COIN, ELSEWHERE)]
    )
    child = stored.node.wallet.sign(child)
    stored.node.submit(child)
    spent = payment.inputs[0]
    rival = wire.assemble([spent._replace(script=b"")], [Output(499_999 * COIN, ELSEWHERE)])
    rival = stored.node.wallet.sign(rival)
    stored.listener.notes.clear()

    entry = stored.node.generate_with(ELSEWHERE, [rival])

    assert entry is stored.node.chain.tip
    assert stored.node.mempool.entries == {}
    assert [note[1] for note in stored.listener.notes[:2]] == [payment.txid, child.txid]
    assert stored.listener.notes[3:] == [("tx", rival.txid), ("block", entry.header.hash)]


def test_the_transactions_of_a_block_that_went_wait_again_before_those_that_build_on_them(
    stored: StoredNode,
) -> None:
    stored.mine(62)
    parent = stored.pay()
    mined = stored.mine()[0]
    child = wire.assemble(
        [Input(parent.txid, 1, b"", 0xFFFFFFFF)], [Output(parent.outputs[1].value - COIN, ELSEWHERE)]
    )
    child = stored.node.wallet.sign(child)
    stored.node.submit(child)

    stored.node.invalidate(mined)

    assert list(stored.node.mempool.entries) == [parent.txid, child.txid]
    stored.reopen()
    assert list(stored.node.mempool.entries) == [parent.txid, child.txid]
    stored.mine()
    assert stored.node.mempool.entries == {}


def test_what_spends_a_coinbase_that_is_too_young_again_is_dropped(stored: StoredNode) -> None:
    stored.mine(62)
    stored.pay(600_000 * COIN)
    mature = stored.node.chain.active[-2]

    stored.node.invalidate(mature)

    assert stored.node.mempool.entries == {}
    assert stored.node.storage.waiting() == []


def test_after_a_day_a_transaction_is_forgotten_without_a_word(stored: StoredNode) -> None:
    stored.mine(62)
    payment = stored.pay()
    stored.listener.notes.clear()

    stored.now += 24 * 60 * 60
    stored.node.expire()
    assert payment.txid in stored.node.mempool.entries
    stored.now += 1
    stored.node.expire()

    assert stored.node.mempool.entries == {}
    assert stored.listener.notes == []


def test_the_miner_leaves_out_what_pays_too_little_and_what_builds_on_it(stored: StoredNode) -> None:
    stored.mine(64)
    coins = [stored.node.chain.block(entry).transactions[0] for entry in stored.node.chain.active[1:4]]

    def spend(source: Transaction, fee_per_kb: int) -> Transaction:
        value = source.outputs[0].value
        plain = wire.assemble(
            [Input(source.txid, 0, b"", 0xFFFFFFFF)], [Output(value, stored.node.wallet.faucet_script())]
        )
        size = stored.node.wallet.sign(plain).size + 1
        paying = wire.assemble(
            plain.inputs, [Output(value - fee_per_kb * size // 1000 - 1, stored.node.wallet.faucet_script())]
        )
        return stored.node.wallet.sign(paying)

    cheap = spend(coins[0], COIN // 200)
    stored.node.submit(cheap)
    child = spend(cheap, COIN)
    stored.node.submit(child)
    good = spend(coins[1], COIN // 100)
    stored.node.submit(good)

    block = stored.node.chain.block(stored.mine()[0])

    assert [transaction.txid for transaction in block.transactions[1:]] == [good.txid]
    assert (
        block.transactions[0].outputs[0].value
        == mining.subsidy(65) + coins[1].outputs[0].value - good.outputs[0].value
    )
    assert list(stored.node.mempool.entries) == [cheap.txid, child.txid]


def test_a_merged_block_is_proved_by_its_parent_and_reads_as_one(stored: StoredNode) -> None:
    stored.mine(20)

    entry = stored.node.generate(ELSEWHERE, merged=True)

    assert entry is not None
    raw = stored.node.chain.read(entry)
    block = wire.parse_block(raw)
    assert block.header.version == 0x00620104
    assert block.header.hash[::-1] in block.auxpow
    assert len(block.auxpow) == 92 + 32 + 10 + 80


@pytest.mark.parametrize("seed", range(8))
def test_coins_are_those_of_the_active_chain_whatever_happened_and_a_restart_changes_nothing(
    stored: StoredNode, seed: int
) -> None:
    rng = random.Random(seed)
    stored.mine(70)
    for _ in range(60):
        node = stored.node
        step = rng.randrange(10)
        if step < 4:
            stored.now += rng.randrange(30)
            stored.mine(
                rng.randrange(1, 3), bits=rng.choice([mining.EASY_BITS, mining.EASY_BITS, 0x203FFFFF])
            )
        elif step < 8:
            stored.pay(rng.randrange(COIN, 600_000 * COIN))
        elif step == 8 and node.chain.height > 68:
            node.invalidate(node.chain.active[-rng.randrange(1, 4)])
        else:
            node.reconsider(rng.choice(list(node.chain.entries.values())))

        assert node.chain.coins == fresh_coins(node).coins
        assert all(
            node.rules.find(spent.txid)
            for waiting in node.mempool.entries.values()
            for spent in waiting.transaction.inputs
        )
        assert [row[0] for row in node.storage.waiting()].sort() == [
            entry.transaction.raw for entry in node.mempool.entries.values()
        ].sort()

    before = state(stored.node)
    stored.reopen()
    assert state(stored.node) == before


def test_a_node_that_wakes_after_days_tells_of_no_tip_until_a_block_is_recent(stored: StoredNode) -> None:
    stored.mine(2)
    syncing = [stored.node.syncing]

    stored.now += 3 * 24 * 60 * 60
    stored.reopen()
    syncing.append(stored.node.syncing)
    entry = stored.mine()[0]
    syncing.append(stored.node.syncing)

    assert syncing == [False, True, False]
    assert stored.listener.notes[-1] == ("block", entry.header.hash)


def test_a_directory_has_one_devnet_at_a_time(stored: StoredNode) -> None:
    with pytest.raises(InUse, match="another devnet runs"):
        Storage(stored.path)


def test_the_seed_stays_and_addresses_are_never_handed_out_twice(stored: StoredNode) -> None:
    first = [stored.node.wallet.new_address() for _ in range(3)]
    faucet = stored.node.wallet.faucet_script()

    stored.reopen()

    assert stored.node.wallet.faucet_script() == faucet
    assert stored.node.wallet.new_address() not in first
    assert len(set(first)) == 3
    assert all(output_script in stored.node.wallet.origins for output_script in (faucet,))
    assert script.classify(faucet).addresses[0] not in first
