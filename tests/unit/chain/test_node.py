"""The node's methods, on what Dogecoin Core was recorded to say."""

import json
from decimal import Decimal

import pytest

from app.chain import header, node, rpc, wire
from tests.unit.chain import replay

GENESIS = header.internal("3d2160a3b5dc4a9d62e7e66a295f70313ac808440ef7400d6c0772171ce973a5")


async def test_the_chain_state_is_what_core_said(client: node.Node) -> None:
    assert await client.chain_state() == node.ChainState(
        height=0,
        hash=GENESIS,
        chainwork=2,
        initial_block_download=True,
        pruned=False,
        prune_height=None,
    )


async def test_hashes_come_in_one_request_and_end_where_the_chain_ends(
    client: node.Node, core: replay.Replay
) -> None:
    hashes = await client.hashes(0, 90)

    assert hashes == [GENESIS, *map(header.internal, replay.MINED)]
    assert [len(request) for request in core.requests] == [90]
    assert await client.block_hash(70) == hashes[70]
    assert await client.block_hash(999) is None


async def test_every_recorded_raw_block_is_the_block_of_its_hash(client: node.Node) -> None:
    hashes = [
        call["params"][0]
        for call in replay.RECORDING["calls"]
        if call.get("method") == "getblock" and False in call["params"]
    ]

    raws = await client.blocks([header.internal(block_hash) for block_hash in hashes])

    assert [header.display(wire.parse_block(raw).header.hash) for raw in raws] == hashes


async def test_blocks_that_are_too_many_for_one_reply_are_asked_for_in_smaller_batches(
    client: node.Node, core: replay.Replay
) -> None:
    core.faults += [replay.flood, replay.flood]

    assert len(await client.blocks([GENESIS] * 100)) == 100
    assert [len(request) for request in core.requests] == [25, 26, 27, 22]


async def test_a_block_that_the_node_lacks_is_its_error_with_code_and_message(client: node.Node) -> None:
    with pytest.raises(rpc.NodeError) as raised:
        await client.blocks([GENESIS, bytes(32)])

    assert (raised.value.code, raised.value.message) == (-5, "Block not found")


async def test_what_core_said_to_transactions_is_what_send_says(client: node.Node) -> None:
    sent = [call for call in replay.RECORDING["calls"] if call.get("method") == "sendrawtransaction"]
    replies = {
        call["params"][0]: json.loads(call["response_text"])
        for call in reversed(sent)
        if len(call["params"]) == 1
    }

    for raw, reply in replies.items():
        [outcome] = await client.send([bytes.fromhex(raw)])
        assert as_json(outcome) == (reply["error"] or reply["result"])
    assert {(reply["error"] or {"code": 0})["code"] for reply in replies.values()} >= {0, -22, -25, -26}


def as_json(outcome: bytes | rpc.NodeError) -> object:
    return (
        {"code": outcome.code, "message": outcome.message}
        if isinstance(outcome, rpc.NodeError)
        else header.display(outcome)
    )


async def test_amounts_are_exact(client: node.Node) -> None:
    coin = await client.call(
        "gettxout", "8ba20c7256b3f633df25449fad633c2dab809d29981c34ab80f21a405712da13", 0, True
    )

    assert coin["value"] == Decimal("123456.78901234")
