"""What makes a node hard to live with: it prunes, it starts and ends, and it reads its blocks again."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from devnet import rpc
from devnet.devnet import Devnet
from devnet.node import Clock, Node
from devnet.node_options import DEFAULTS, NodeOptions
from devnet.pruning import PruneLimits
from devnet.storage import Storage
from tests.chain_harness import NOWHERE
from tests.unit.devnet.conftest import Deaf

NOW = 1_800_000_000
HASTY = NodeOptions(pruning=PruneLimits(min_kept=10, min_height=20))


class Failed(Exception):
    """The node answered with an error."""


@contextmanager
def started(home: Path, terms: NodeOptions = DEFAULTS) -> Iterator[Node]:
    home.mkdir(exist_ok=True)
    storage = Storage(home / "devnet.sqlite")
    yield Node(storage, Deaf(), Clock(lambda: NOW), lambda length: bytes(range(length)), terms)
    storage.close()


def asking(node: Node) -> Callable[..., Any]:
    def ask(method: str, *params: object) -> Any:
        _, body = rpc.answer(node, json.dumps({"id": 1, "method": method, "params": params}).encode())
        answer = json.loads(body)
        if answer["error"] is not None:
            raise Failed(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    return ask


def test_a_pruned_node_has_no_old_blocks_and_still_knows_all_headers_and_coins(tmp_path: Path) -> None:
    with started(tmp_path, HASTY) as node:
        ask = asking(node)
        ask("generate", 40)
        hashes = [ask("getblockhash", height) for height in range(41)]
        before = ask("getblockchaininfo")

        assert ask("pruneblockchain", 25) == 25

        after = ask("getblockchaininfo")
        assert [(said["pruned"], said["pruneheight"]) for said in (before, after)] == [(True, 0), (True, 26)]
        for verbosity in (False, 1, 2):
            with pytest.raises(Failed, match=r"-1, 'Block not available \(pruned data\)'"):
                ask("getblock", hashes[25], verbosity)
        assert ask("getblock", hashes[26])["height"] == 26
        assert ask("getblockheader", hashes[3])["height"] == 3
        assert ask("getblockheader", hashes[3], False) == "00" * 80
        coin = ask("getblock", hashes[30], 2)["tx"][0]["txid"]
        assert ask("gettxout", coin, 0)["confirmations"] == 11
    with started(tmp_path, HASTY) as again:
        assert asking(again)("getblockchaininfo")["pruneheight"] == 26


def test_the_last_blocks_are_never_pruned(tmp_path: Path) -> None:
    with started(tmp_path, HASTY) as node:
        ask = asking(node)
        ask("generate", 40)

        assert [ask("pruneblockchain", height) for height in (40, 5)] == [30, 5]
        assert ask("getblockchaininfo")["pruneheight"] == 31


def test_what_cannot_be_pruned_is_refused_in_cores_words(tmp_path: Path) -> None:
    with started(tmp_path / "usual") as node:
        with pytest.raises(Failed, match=r"-1, 'Cannot prune blocks because node is not in prune mode\.'"):
            asking(node)("pruneblockchain", 1)
        assert asking(node)("getblockchaininfo")["pruned"] is False
    with started(tmp_path / "pruned", HASTY) as node:
        ask = asking(node)
        ask("generate", 19)
        with pytest.raises(Failed, match=r"-1, 'Blockchain is too short for pruning\.'"):
            ask("pruneblockchain", 1)
        ask("generate", 1)
        with pytest.raises(Failed, match=r"-8, 'Blockchain is shorter than the attempted prune height\.'"):
            ask("pruneblockchain", 21)
        with pytest.raises(Failed, match=r"-8, 'Negative block height\.'"):
            ask("pruneblockchain", -1)


def test_a_node_that_reads_its_blocks_again_grows_from_the_first_block_to_where_it_was(
    tmp_path: Path,
) -> None:
    with started(tmp_path) as node:
        ask = asking(node)
        ask("generate", 70)
        txid = ask("sendtoaddress", NOWHERE, 5)
        before = ask("getblockchaininfo")

    with started(tmp_path, NodeOptions(reindex=True)) as node:
        ask = asking(node)
        heights = [ask("getblockcount")]
        with pytest.raises(Failed, match=r"-10, 'Dogecoin is downloading blocks\.\.\.'"):
            ask("generate", 1)
        assert (ask("getblockchaininfo")["initialblockdownload"], ask("getrawmempool")) == (True, [])
        for _ in range(3):
            node.reindex(30)
            heights.append(ask("getblockcount"))

        assert heights == [0, 30, 60, 70]
        assert (ask("getblockchaininfo"), ask("getrawmempool")) == (before, [txid])
        ask("generate", 1)
    with started(tmp_path) as node:
        assert asking(node)("getblockcount") == 71


async def test_while_it_starts_every_method_is_told_so(running: Devnet) -> None:
    running.node.warming_up = "Loading block index..."
    async with httpx.AsyncClient(base_url=running.rpc_url, auth=("kennel", "kennel")) as client:
        alone = await client.post("/", content=b'{"method":"help","id":3}')
        batch = await client.post(
            "/", content=b'[{"method":"getblockcount","id":1},{"method":"nonsense","id":2}]'
        )
        wrong = await client.post("/", content=b'{"id":4}')

    error = {"code": -28, "message": "Loading block index..."}
    assert (alone.status_code, alone.json()) == (500, {"result": None, "error": error, "id": 3})
    assert (batch.status_code, [one["error"] for one in batch.json()]) == (200, [error, error])
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, -32600)


async def test_while_it_ends_everybody_is_turned_away_whatever_they_know(running: Devnet) -> None:
    running.shutting_down = True
    async with httpx.AsyncClient(base_url=running.rpc_url) as client:
        answers = [
            await client.post("/", auth=auth, content=b"{}") for auth in (("kennel", "kennel"), ("a", "b"))
        ]

    assert {(one.status_code, one.headers["content-type"]) for one in answers} == {(503, "text/html")}


async def test_once_it_was_told_to_stop_it_turns_callers_away(running: Devnet) -> None:
    async with httpx.AsyncClient(base_url=running.rpc_url, auth=("kennel", "kennel")) as client:
        said = await client.post("/", content=b'{"method":"stop","id":1}')

    await running.stopping.wait()
    assert (said.json()["result"], running.shutting_down) == ("Dogecoin server stopping", True)
