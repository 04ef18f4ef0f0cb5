"""A node that prunes, starts, stops, or reads its blocks again."""

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
from tests.unit.devnet.conftest import SilentListener

NOW = 1_800_000_000
PRUNING = NodeOptions(pruning=PruneLimits(min_kept=10, min_height=20))


class Failed(Exception):
    """The node answered with an error."""


@contextmanager
def started(home: Path, options: NodeOptions = DEFAULTS) -> Iterator[Node]:
    home.mkdir(exist_ok=True)
    storage = Storage(home / "devnet.sqlite")
    yield Node(storage, SilentListener(), Clock(lambda: NOW), lambda length: bytes(range(length)), options)
    storage.close()


def client_of(node: Node) -> Callable[..., Any]:
    def call(method: str, *params: object) -> Any:
        _, body = rpc.answer(node, json.dumps({"id": 1, "method": method, "params": params}).encode())
        answer = json.loads(body)
        if answer["error"] is not None:
            raise Failed(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    return call


def test_a_pruned_node_has_no_old_blocks_and_still_knows_all_headers_and_coins(tmp_path: Path) -> None:
    with started(tmp_path, PRUNING) as node:
        call = client_of(node)
        call("generate", 40)
        hashes = [call("getblockhash", height) for height in range(41)]
        before = call("getblockchaininfo")

        assert call("pruneblockchain", 25) == 25

        after = call("getblockchaininfo")
        assert [(state["pruned"], state["pruneheight"]) for state in (before, after)] == [
            (True, 0),
            (True, 26),
        ]
        for verbosity in (False, 1, 2):
            with pytest.raises(Failed, match=r"-1, 'Block not available \(pruned data\)'"):
                call("getblock", hashes[25], verbosity)
        assert call("getblock", hashes[26])["height"] == 26
        assert call("getblockheader", hashes[3])["height"] == 3
        assert call("getblockheader", hashes[3], False) == "00" * 80
        coin = call("getblock", hashes[30], 2)["tx"][0]["txid"]
        assert call("gettxout", coin, 0)["confirmations"] == 11
    with started(tmp_path, PRUNING) as restarted:
        assert client_of(restarted)("getblockchaininfo")["pruneheight"] == 26


def test_the_last_blocks_are_never_pruned(tmp_path: Path) -> None:
    with started(tmp_path, PRUNING) as node:
        call = client_of(node)
        call("generate", 40)

        assert [call("pruneblockchain", height) for height in (40, 5)] == [30, 5]
        assert call("getblockchaininfo")["pruneheight"] == 31


def test_what_cannot_be_pruned_is_refused_in_cores_words(tmp_path: Path) -> None:
    with started(tmp_path / "usual") as node:
        with pytest.raises(Failed, match=r"-1, 'Cannot prune blocks because node is not in prune mode\.'"):
            client_of(node)("pruneblockchain", 1)
        assert client_of(node)("getblockchaininfo")["pruned"] is False
    with started(tmp_path / "pruned", PRUNING) as node:
        call = client_of(node)
        call("generate", 19)
        with pytest.raises(Failed, match=r"-1, 'Blockchain is too short for pruning\.'"):
            call("pruneblockchain", 1)
        call("generate", 1)
        with pytest.raises(Failed, match=r"-8, 'Blockchain is shorter than the attempted prune height\.'"):
            call("pruneblockchain", 21)
        with pytest.raises(Failed, match=r"-8, 'Negative block height\.'"):
            call("pruneblockchain", -1)


def test_a_node_that_reads_its_blocks_again_grows_from_the_first_block_to_where_it_was(
    tmp_path: Path,
) -> None:
    with started(tmp_path) as node:
        call = client_of(node)
        call("generate", 70)
        txid = call("sendtoaddress", NOWHERE, 5)
        before = call("getblockchaininfo")

    with started(tmp_path, NodeOptions(reindex=True)) as node:
        call = client_of(node)
        heights = [call("getblockcount")]
        with pytest.raises(Failed, match=r"-10, 'Dogecoin is downloading blocks\.\.\.'"):
            call("generate", 1)
        assert (call("getblockchaininfo")["initialblockdownload"], call("getrawmempool")) == (True, [])
        for _ in range(3):
            node.reindex(30)
            heights.append(call("getblockcount"))

        assert heights == [0, 30, 60, 70]
        assert (call("getblockchaininfo"), call("getrawmempool")) == (before, [txid])
        call("generate", 1)
    with started(tmp_path) as node:
        assert client_of(node)("getblockcount") == 71


async def test_while_it_starts_every_method_is_told_so(running: Devnet) -> None:
    running.node.warming_up = "Loading block index..."
    async with httpx.AsyncClient(base_url=running.rpc_url, auth=("kennel", "kennel")) as client:
        alone = await client.post("/", content=b'{"method":"help","id":3}')
        batch = await client.post(
            "/", content=b'[{"method":"getblockcount","id":1},{"method":"nonsense","id":2}]'
        )
        invalid = await client.post("/", content=b'{"id":4}')

    error = {"code": -28, "message": "Loading block index..."}
    assert (alone.status_code, alone.json()) == (500, {"result": None, "error": error, "id": 3})
    assert (batch.status_code, [reply["error"] for reply in batch.json()]) == (200, [error, error])
    assert (invalid.status_code, invalid.json()["error"]["code"]) == (400, -32600)


async def test_while_it_ends_everybody_is_turned_away_whatever_they_know(running: Devnet) -> None:
    running.shutting_down = True
    async with httpx.AsyncClient(base_url=running.rpc_url) as client:
        answers = [
            await client.post("/", auth=auth, content=b"{}") for auth in (("kennel", "kennel"), ("a", "b"))
        ]

    assert {(response.status_code, response.headers["content-type"]) for response in answers} == {
        (503, "text/html")
    }


async def test_once_it_was_told_to_stop_it_turns_callers_away(running: Devnet) -> None:
    async with httpx.AsyncClient(base_url=running.rpc_url, auth=("kennel", "kennel")) as client:
        response = await client.post("/", content=b'{"method":"stop","id":1}')

    await running.stopping.wait()
    assert (response.json()["result"], running.shutting_down) == ("Dogecoin server stopping", True)
