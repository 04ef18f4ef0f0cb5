"""The calls that were recorded of Dogecoin Core, repeated: same answers, same order, same announcements.

Hashes, keys, addresses and times differ, so each recorded one is paired with the one that stands in its place
here, and must keep to it from then on. What was built from them is built again from the partners.
"""

import json
import re
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import zmq
import zmq.asyncio

from app.chain import header, wire
from devnet import devnet

RECORDING = json.loads((Path(__file__).parents[2] / "vectors" / "core-regtest-recording.json").read_text())
ANY_NUMBER = {"time", "mediantime", "nonce", "size_on_disk", "timestamp"}
# A signature is a byte or two shorter now and then.
ABOUT = {"size": 6, "vsize": 6, "strippedsize": 6, "weight": 24, "descendantsize": 6, "ancestorsize": 6}
KINDS = [
    ("hash", r"[0-9a-f]{64}"),
    ("signature", r"30[0-9a-f]{134,144}\[ALL\]"),
    ("hex", r"([0-9a-f]{2})+"),
    ("address", r"[mn2][1-9A-HJ-NP-Za-km-z]{33}"),
    ("key", r"c[1-9A-HJ-NP-Za-km-z]{51}"),
    ("path", r"m/0'/3'/[0-9]+'"),
]


class Fraction(NamedTuple):
    """A JSON number with a point or exponent, as it was written."""

    written: str


def read(text: str) -> Any:
    return json.loads(text, parse_float=Fraction)


class Pairs:
    """Which value of ours corresponds to which recorded one."""

    def __init__(self) -> None:
        self.ours: dict[str, str] = {}
        self.theirs: dict[str, str] = {}

    def translate(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.ours.get(value) or (self.rebuild(value) if len(value) > 128 else value)
        if isinstance(value, list):
            return [self.translate(entry) for entry in value]
        if isinstance(value, dict):
            return {self.translate(name): self.translate(entry) for name, entry in value.items()}
        return value

    def rebuild(self, raw: str) -> str:
        """Make the same changes to our transaction that made this one of a recorded one."""
        changed = wire.parse_transaction(bytes.fromhex(raw))
        for theirs, ours in self.ours.items():
            if len(theirs) != len(raw) or theirs[:8] != "01000000":
                continue
            base, own = (wire.parse_transaction(bytes.fromhex(text)) for text in (theirs, ours))
            if [spent.script for spent in base.inputs] == [spent.script for spent in changed.inputs]:
                inputs = [
                    spent._replace(txid=new.txid if new.txid != old.txid else spent.txid)
                    for spent, old, new in zip(own.inputs, base.inputs, changed.inputs, strict=True)
                ]
                outputs = [
                    output._replace(
                        script=bytes(
                            n if n != o else m
                            for m, o, n in zip(output.script, old.script, new.script, strict=True)
                        )
                    )
                    for output, old, new in zip(own.outputs, base.outputs, changed.outputs, strict=True)
                ]
                return wire.assemble(inputs, outputs).raw.hex()
        raise AssertionError(f"made of nothing that was recorded before: {raw}")

    def compare(self, theirs: Any, ours: Any, name: str = "") -> None:
        assert type(theirs) is type(ours), (name, theirs, ours)
        if isinstance(theirs, dict):
            assert list(theirs) == list(ours), name
            for key in theirs:
                self.compare(theirs[key], ours[key], key)
        elif isinstance(theirs, list):
            assert len(theirs) == len(ours), name
            for their, our in zip(theirs, ours, strict=True):
                self.compare(their, our, name)
        elif isinstance(theirs, str):
            self.pair(theirs, ours, name)
        elif not isinstance(theirs, int) or isinstance(theirs, bool) or name not in ANY_NUMBER | set(ABOUT):
            assert theirs == ours, name
        elif name in ABOUT:
            assert abs(theirs - ours) <= ABOUT[name], name

    def pair(self, theirs: str, ours: str, name: str) -> None:
        if " " in theirs:
            assert theirs.count(" ") == ours.count(" "), name
            for their, our in zip(theirs.split(), ours.split(), strict=True):
                self.pair(their, our, name)
            return
        if theirs == ours and theirs not in self.ours:
            return
        kind = next((kind for kind, pattern in KINDS if re.fullmatch(pattern, theirs)), None)
        assert kind, (name, theirs, ours)
        pattern = dict(KINDS)[kind]
        assert re.fullmatch(pattern, ours), (name, theirs, ours)
        assert self.ours.setdefault(theirs, ours) == ours, (name, theirs)
        assert self.theirs.setdefault(ours, theirs) == theirs, (name, theirs)
        if kind == "hex" and name == "result":
            self.compare_raw(theirs, ours)

    def compare_raw(self, theirs: str, ours: str) -> None:
        """Compare what the bytes mean, and pair their hashes."""
        their, our = (
            wire.parse_block(bytes.fromhex(text))
            if text[:2] == "04"
            else wire.parse_transaction(bytes.fromhex(text))
            for text in (theirs, ours)
        )
        if isinstance(their, wire.Block) and isinstance(our, wire.Block):
            assert (their.header.version, their.header.bits) == (our.header.version, our.header.bits)
            assert [len(part) for part in (their.auxpow,)] == [len(part) for part in (our.auxpow,)]
            self.pair(header.display(their.header.previous), header.display(our.header.previous), "previous")
            for old, new in zip(their.transactions, our.transactions, strict=True):
                self.compare_parts(old, new)
        elif isinstance(their, wire.Transaction) and isinstance(our, wire.Transaction):
            self.compare_parts(their, our)

    def compare_parts(self, their: wire.Transaction, our: wire.Transaction) -> None:
        assert (their.version, their.lock_time) == (our.version, our.lock_time)
        for old, new in zip(their.inputs, our.inputs, strict=True):
            self.pair(header.display(old.txid), header.display(new.txid), "txid")
            assert (old.vout, old.sequence) == (new.vout, new.sequence)
            assert abs(len(old.script) - len(new.script)) <= 2
        assert [output.value for output in their.outputs] == [output.value for output in our.outputs]
        for old_output, new_output in zip(their.outputs, our.outputs, strict=True):
            self.pair(old_output.script.hex(), new_output.script.hex(), "script")


@pytest.fixture
async def announced(running: devnet.Devnet) -> AsyncIterator[zmq.asyncio.Socket]:
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.SUBSCRIBE, b"hash")
    monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    socket.connect(running.zmq_endpoint)
    await monitor.recv_multipart()
    socket.disable_monitor()
    monitor.close()
    yield socket
    socket.close()
    context.term()


def first_line_of_help(error: dict[str, Any]) -> dict[str, Any]:
    """Cut the help text to its first line, the usage: the words after it are our own."""
    return {**error, "message": error["message"].split("\n\n")[0]}


async def test_devnet_answers_and_announces_as_the_recorded_node_did(
    running: devnet.Devnet, announced: zmq.asyncio.Socket
) -> None:
    pairs = Pairs()
    async with httpx.AsyncClient(timeout=60) as client:
        for number, recorded in enumerate(RECORDING["calls"]):
            request = {
                "jsonrpc": "1.0",
                "id": 1,
                "method": recorded.get("method"),
                "params": pairs.translate(recorded.get("params")),
            }
            content = recorded.get("raw_request") or json.dumps(request)
            password = "wrong" if recorded["note"] == "wrong password" else "kennel"

            response = await client.post(running.rpc_url, content=content, auth=("kennel", password))

            assert response.status_code == recorded["http_status"], (number, recorded["note"], response.text)
            compare_bodies(pairs, recorded["response_text"], response.text)
            for frame in (frame for frame in RECORDING["zmq"] if frame["after_call"] == number):
                topic, body, counter = await announced.recv_multipart()
                assert (topic.decode(), struct.unpack("<I", counter)[0]) == (
                    frame["topic"],
                    frame["counter"],
                ), number
                pairs.pair(frame["body_hex"], body.hex(), "announcement")
    assert not await announced.poll(200), "nothing was announced beyond what the node announced"
    assert len(pairs.ours) > 200


def compare_bodies(pairs: Pairs, theirs: str, ours: str) -> None:
    if not theirs.strip():
        assert not ours
        return
    expected, body = read(theirs), read(ours)
    if isinstance(expected, dict) and expected["error"] is not None:
        assert list(expected) == list(body)
        assert first_line_of_help(expected["error"]) == first_line_of_help(body["error"])
        assert (expected["result"], expected["id"]) == (body["result"], body["id"])
    else:
        pairs.compare(expected, body)
