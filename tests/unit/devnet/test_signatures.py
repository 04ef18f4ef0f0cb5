"""What signatures sign, by their hash types."""

import hashlib
import json
from pathlib import Path

import coincurve

from app.chain import wire
from devnet import signatures

VECTORS = Path(__file__).parents[2] / "vectors"


def test_the_signatures_that_the_node_made_fit_the_sighash() -> None:
    calls = json.loads((VECTORS / "core-regtest-recording.json").read_text())["calls"]
    signed = [
        json.loads(call["response_text"])["result"]["hex"]
        for call in calls
        if call.get("method") == "signrawtransaction"
    ]
    transactions = [wire.parse_transaction(bytes.fromhex(text)) for text in signed]

    for transaction in transactions:
        for index, spent in enumerate(transaction.inputs):
            signature, key = spent.script[1 : spent.script[0] + 1], spent.script[spent.script[0] + 2 :]
            code = (
                b"\x76\xa9\x14"
                + hashlib.new("ripemd160", hashlib.sha256(key).digest()).digest()
                + b"\x88\xac"
            )
            digest = signatures.sighash(transaction, index, code)
            assert coincurve.PublicKey(key).verify(signature[:-1], digest, hasher=None)
    assert sum(len(transaction.inputs) for transaction in transactions) >= 11


def test_other_kinds_of_signature_leave_out_what_they_should() -> None:
    inputs = [wire.Input(bytes((n,)) * 32, n, b"", 7) for n in range(3)]
    outputs = [wire.Output(n, b"\x51") for n in range(2)]
    original = wire.assemble(inputs, outputs)
    fewer = wire.assemble(inputs, outputs[:1])
    alone = wire.assemble(inputs[1:2], outputs)

    assert signatures.sighash(original, 0, b"", signatures.NONE) == signatures.sighash(
        fewer, 0, b"", signatures.NONE
    )
    assert signatures.sighash(original, 0, b"", signatures.SINGLE) == signatures.sighash(
        fewer, 0, b"", signatures.SINGLE
    )
    assert signatures.sighash(original, 1, b"", signatures.ALL | 0x80) == signatures.sighash(
        alone, 0, b"", signatures.ALL | 0x80
    )
    assert signatures.sighash(original, 2, b"", signatures.SINGLE) == b"\x01" + bytes(31)
    assert signatures.sighash(original, 0, b"") != signatures.sighash(fewer, 0, b"")
