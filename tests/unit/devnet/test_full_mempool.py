"""A mempool that is full: what pays least has to go, and nothing that pays less comes in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.chain.wire import Output
from app.domain import dogecoin
from app.money import COIN
from devnet import mempool
from devnet.methods import blockchain, faucet, transactions
from devnet.methods.call import RpcError
from devnet.node import Clock, Node
from devnet.node_options import NodeOptions
from devnet.storage import Storage
from tests.unit.devnet.conftest import SilentListener

ROOM = 500_000
NOW = 1_800_000_000
HOUR = 3_600
TO = "2MsFDzHRUAMpjHxKyoEHU3aMCMsVtXMsfu8"


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Node]:
    """A node with a small mempool, which is full of what pays 0.4 DOGE/kB."""
    storage = Storage(tmp_path / "devnet.sqlite")
    node = Node(
        storage, SilentListener(), Clock(lambda: NOW), lambda length: bytes(range(length)), NodeOptions(ROOM)
    )
    for _ in range(100):
        node.generate(node.wallet.faucet_script())
    faucet.fillmempool.call(node, ["0.4"])
    yield node
    storage.close()


def mempool_of(node: Node) -> dict[str, Any]:
    """Return the answer of getmempoolinfo, amounts in koinu."""
    mempool_info = blockchain.getmempoolinfo.call(node, [])
    assert isinstance(mempool_info, dict)
    return mempool_info


def pass_hours(node: Node, hours: float) -> None:
    node.clock.mocked = int(node.clock.now() + hours * HOUR)


def refusal(node: Node, rate: int) -> str:
    payment = node.wallet.pay([Output(COIN, dogecoin.to_script(dogecoin.REGTEST, TO))], rate)
    with pytest.raises(RpcError) as refused:
        transactions.submit(node, payment, None)
    return refused.value.message


def test_a_full_mempool_tells_what_must_be_paid_and_refuses_what_pays_less(full: Node) -> None:
    mempool_info = mempool_of(full)

    assert COIN * 40 // 100 < mempool_info["mempoolminfee"] < COIN * 45 // 100
    assert mempool_info["usage"] <= mempool_info["maxmempool"] == ROOM
    assert refusal(full, COIN * 39 // 100) == "66: mempool min fee not met"


def test_what_pays_more_drives_out_what_pays_least(full: Node) -> None:
    before = set(full.mempool.entries)

    faucet.fillmempool.call(full, ["0.8"])

    assert mempool_of(full)["mempoolminfee"] > COIN * 80 // 100
    assert not before & set(full.mempool.entries)


def test_the_least_fee_stays_until_a_block_and_then_halves_again_and_again_to_nothing(full: Node) -> None:
    pass_hours(full, 24)
    stays = mempool_of(full)["mempoolminfee"]
    full.generate(full.wallet.faucet_script())
    fresh = mempool_of(full)["mempoolminfee"]
    pass_hours(full, 3)
    half = mempool_of(full)["mempoolminfee"]
    pass_hours(full, 45)

    assert stays == fresh
    assert abs(half - stays // 2) <= 1
    assert mempool_of(full)["mempoolminfee"] == 0
    assert mempool_of(full)["size"] == 0


def test_the_faucet_pays_what_a_full_mempool_takes(full: Node) -> None:
    txid = faucet.sendtoaddress.call(full, [TO, 1])

    entry = full.mempool.entries[bytes.fromhex(str(txid))[::-1]]
    assert entry.fee * 1000 >= entry.size * COIN * 40 // 100


def test_an_empty_mempool_asks_for_nothing(node: Node) -> None:
    assert mempool_of(node) == {
        "size": 0,
        "bytes": 0,
        "usage": 0,
        "maxmempool": mempool.MAX_BYTES,
        "mempoolminfee": 0,
    }
