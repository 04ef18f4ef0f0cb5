"""All that can go wrong between us and the node, over a real socket."""

import asyncio
from pathlib import Path

import pytest

from app.chain import header, node, rpc, wire
from tests.unit.chain import replay

GENESIS = header.internal("3d2160a3b5dc4a9d62e7e66a295f70313ac808440ef7400d6c0772171ce973a5")


@pytest.mark.parametrize("fault", [replay.OVERFLOW, replay.reset], ids=["full queue", "reset"])
async def test_a_full_queue_and_a_reset_are_tried_again_after_growing_pauses(
    client: node.Node, core: replay.Replay, sleeps: replay.RecordedSleeps, fault: replay.Fault
) -> None:
    core.faults += [fault] * 4

    assert await client.block_hash(0) == GENESIS
    assert sleeps.seconds == list(rpc.PAUSES_SECONDS) == sorted(sleeps.seconds)


@pytest.mark.parametrize("fault", [replay.OVERFLOW, replay.reset], ids=["full queue", "reset"])
async def test_tries_come_to_an_end(client: node.Node, core: replay.Replay, fault: replay.Fault) -> None:
    core.faults += [fault] * 5

    with pytest.raises(rpc.NodeAway):
        await client.send([b"\x00\xff"])


async def test_what_must_not_happen_twice_is_not_asked_again_after_a_reset(
    client: node.Node, core: replay.Replay
) -> None:
    core.faults += [replay.OVERFLOW, replay.reset]  # the full queue says that nothing was done

    with pytest.raises(rpc.NodeAway):
        await client.call("sendtoaddress", "n1", "5")

    assert not core.faults
    assert not core.requests


async def test_a_node_that_warms_up_says_so_to_calls_and_to_batches(
    client: node.Node, core: replay.Replay
) -> None:
    core.faults += [replay.failing(-28, "Verifying blocks..."), replay.failing(-28, "Rewinding blocks...")]

    with pytest.raises(rpc.NodeWarmingUp, match="Verifying blocks"):
        await client.chain_state()
    with pytest.raises(rpc.NodeWarmingUp, match="Rewinding blocks"):
        await client.hashes(0, 2)


async def test_a_new_cookie_is_read_once_when_the_old_one_is_refused(
    core: replay.Replay, tmp_path: Path
) -> None:
    cookie = tmp_path / ".cookie"
    cookie.write_text("user:pass word\n")
    async with node.Node(f"http://127.0.0.1:{core.port}", cookie) as client:
        assert await client.block_hash(0) == GENESIS

        core.login = "__cookie__:new"
        cookie.write_text(core.login)
        assert await client.block_hash(0) == GENESIS

        core.login = "another"
        with pytest.raises(rpc.NodeRefused):
            await client.block_hash(0)
        cookie.unlink()
        with pytest.raises(rpc.NodeAway, match="is the node running"):
            await client.block_hash(0)


async def test_a_wrong_password_is_refused_at_once_and_appears_nowhere(
    core: replay.Replay, sleeps: replay.RecordedSleeps
) -> None:
    async with node.Node(f"http://user:hush@127.0.0.1:{core.port}", sleep=sleeps) as client:
        with pytest.raises(rpc.NodeRefused) as raised:
            await client.chain_state()

        assert repr(client) == f"Node(http://127.0.0.1:{core.port})"
    assert "hush" not in str(raised.value)
    assert sleeps.seconds == []


async def test_a_node_that_hangs_is_away_after_the_time_out(core: replay.Replay) -> None:
    core.faults.append(replay.hang)
    async with node.Node(f"http://a:b@127.0.0.1:{core.port}", timeout_seconds=0.1) as client:
        with pytest.raises(rpc.NodeAway):
            await client.chain_state()


async def test_a_node_that_drips_is_away_after_the_time_out(core: replay.Replay) -> None:
    core.faults.append(replay.drip)
    async with node.Node(f"http://a:b@127.0.0.1:{core.port}", timeout_seconds=0.2) as client:
        with pytest.raises(rpc.NodeAway):
            await client.chain_state()


async def test_nobody_there_is_away(core: replay.Replay, sleeps: replay.RecordedSleeps) -> None:
    async with node.Node("http://a:b@127.0.0.1:1", sleep=sleeps) as client:
        with pytest.raises(rpc.NodeAway):
            await client.chain_state()
    assert sleeps.seconds == []


@pytest.mark.parametrize(
    "fault",
    [
        replay.flood,
        replay.saying(200, b"<html>"),
        replay.saying(200, b""),
        replay.saying(302, b""),
        replay.saying(200, b"[" * 100_000),
        replay.saying(200, b'{"result": NaN, "error": null, "id": 1}'),
        replay.saying(200, b'{"result": "", "error": null, "id": "other"}'),
        replay.saying(200, b'{"result": ""}'),
        replay.saying(200, b"[]"),
        replay.saying(200, b"\xff\xfe\xfd"),
        replay.with_id('{"result": null, "error": "no", "id": ID}'),
        replay.with_id('{"result": null, "error": {"code": "1", "message": ""}, "id": ID}'),
        replay.with_id('{"result": null, "error": null, "id": ID}'),
        replay.with_id('{"result": {"blocks": 1}, "error": null, "id": ID}'),
        replay.with_id('{"result": {"blocks": -1, "bestblockhash": "00"}, "error": null, "id": ID}'),
        replay.with_id(
            '{"result": {"blocks": true, "bestblockhash": "'
            + "00" * 32
            + '", "chainwork": "'
            + "00" * 32
            + '", "chain": "main"}, "error": null, "id": ID}'
        ),
        replay.with_id('{"result": {"blocks": 1, "bestblockhash": "zz"}, "error": null, "id": ID}'),
    ],
)
async def test_nonsense_is_named_so(client: node.Node, core: replay.Replay, fault: replay.Fault) -> None:
    core.faults.append(fault)

    with pytest.raises(rpc.NodeNonsense):
        await client.chain_state()

    assert (await client.chain_state()).height == 0


async def test_a_batch_with_too_few_replies_or_another_order_is_nonsense(
    client: node.Node, core: replay.Replay
) -> None:
    core.faults += [
        replay.saying(200, b"[]"),
        replay.saying(200, b'[{"result":1,"error":null,"id":2},{"result":1,"error":null,"id":1}]'),
    ]

    for _ in range(2):
        with pytest.raises(rpc.NodeNonsense):
            await client.hashes(0, 2)


async def test_a_gateway_without_a_node_behind_it_is_away(client: node.Node, core: replay.Replay) -> None:
    core.faults.append(replay.saying(502, b"<html>"))

    with pytest.raises(rpc.NodeAway):
        await client.chain_state()


async def test_a_node_that_starts_or_stops_is_said_to(client: node.Node, core: replay.Replay) -> None:
    core.faults.append(
        replay.saying(503, b"<HTML><HEAD><TITLE>503 Service Unavailable</TITLE></HEAD></HTML>")
    )

    with pytest.raises(rpc.NodeAway, match=r"is starting or stopping \(HTTP 503\)\.$"):
        await client.chain_state()


async def test_at_most_four_calls_are_made_at_once(client: node.Node, core: replay.Replay) -> None:
    await asyncio.gather(*(client.block_hash(0) for _ in range(40)))

    assert core.most_at_once == rpc.CALLS_AT_ONCE


async def test_those_who_ask_by_http_take_no_turn_of_the_programs_own(core: replay.Replay) -> None:
    full, over = asyncio.Event(), asyncio.Event()

    async def hang(writer: asyncio.StreamWriter, _: bytes) -> None:
        if not core.faults:
            full.set()
        await over.wait()

    core.faults += [hang] * rpc.CALLERS_SLOTS.at_once
    url = f"http://user:pass%20word@127.0.0.1:{core.port}"
    async with node.Node(url) as own, own.with_slots(rpc.CALLERS_SLOTS) as callers:
        waiting = [asyncio.create_task(callers.block_hash(0)) for _ in range(sum(rpc.CALLERS_SLOTS))]
        await full.wait()

        with pytest.raises(rpc.NodeAway, match="is asked for too much at once"):
            await callers.block_hash(0)
        states = await asyncio.gather(*(own.chain_state() for _ in range(rpc.CALLS_AT_ONCE)))
        over.set()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    assert [state.height for state in states] == [0] * rpc.CALLS_AT_ONCE


def test_one_block_always_fits_into_a_reply() -> None:
    assert 2 * wire.MAX_BLOCK_BYTES + 1_000 < rpc.MAX_REPLY_BYTES
