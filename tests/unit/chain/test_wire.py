"""The wire format against blocks recorded from real software."""

import functools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.chain import header, wire

VECTORS = Path(__file__).parents[2] / "vectors"


@functools.cache
def recorded_blocks() -> list[tuple[bytes, dict[str, Any]]]:
    """Return every raw block of the vectors, with the JSON that was recorded for it, if any."""
    calls = json.loads((VECTORS / "core-regtest-recording.json").read_text())["calls"]
    raw: dict[str, bytes] = {}
    described: dict[str, dict[str, Any]] = {}
    for call in calls:
        if call.get("method") != "getblock" or call["http_status"] != 200:
            continue
        result = json.loads(call["response_text"], parse_float=Decimal)["result"]
        if isinstance(result, str):
            raw[call["params"][0]] = bytes.fromhex(result)
        else:
            described[call["params"][0]] = result
    mainnet = json.loads((VECTORS / "dogecoin_mainnet_371337.json").read_text())
    blocks = [(block, described.get(hash_, {"hash": hash_})) for hash_, block in raw.items()]
    return [*blocks, (bytes.fromhex(mainnet["block"]), mainnet)]


def test_the_vectors_hold_plain_and_merged_blocks_and_one_of_mainnet() -> None:
    merged = [wire.parse_block(raw).header.is_auxpow for raw, _ in recorded_blocks()]

    assert (len(merged), sum(merged)) == (10, 4)


@pytest.mark.parametrize("number", range(len(recorded_blocks())))
def test_a_recorded_block_reads_as_the_node_described_it(number: int) -> None:
    raw, described = recorded_blocks()[number]

    block = wire.parse_block(raw)

    seen = {
        "hash": header.display(block.header.hash),
        "size": len(raw),
        "version": block.header.version,
        "merkleroot": header.display(block.header.merkle_root),
        "time": block.header.time,
        "nonce": block.header.nonce,
        "bits": f"{block.header.bits:08x}",
        "previousblockhash": header.display(block.header.previous),
        "tx": [header.display(transaction.txid) for transaction in block.transactions],
    }
    txids = [entry["txid"] if isinstance(entry, dict) else entry for entry in described.get("tx", seen["tx"])]
    expected = {**described, "tx": txids}
    assert {key: seen[key] for key in seen if key in expected} == {
        key: expected[key] for key in seen if key in expected
    }


def test_every_field_of_every_transaction_is_as_the_node_described_it() -> None:
    raw, described = next(
        (raw, described)
        for raw, described in recorded_blocks()
        if isinstance(described.get("tx", [""])[0], dict)
    )

    block = wire.parse_block(raw)

    for transaction, entry in zip(block.transactions, described["tx"], strict=True):
        assert (transaction.size, transaction.version, transaction.lock_time) == (
            entry["size"],
            entry["version"],
            entry["locktime"],
        )
        assert [paid.value for paid in transaction.outputs] == [
            int(output["value"] * 10**8) for output in entry["vout"]
        ]
        assert [paid.script.hex() for paid in transaction.outputs] == [
            output["scriptPubKey"]["hex"] for output in entry["vout"]
        ]
        for spent, source in zip(transaction.inputs, entry["vin"], strict=True):
            assert spent.sequence == source["sequence"]
            assert transaction.is_coinbase == ("coinbase" in source)
            if transaction.is_coinbase:
                assert spent.script.hex() == source["coinbase"]
            else:
                assert (header.display(spent.txid), spent.vout) == (source["txid"], source["vout"])
                assert spent.script.hex() == source["scriptSig"]["hex"]


@pytest.mark.parametrize("number", range(len(recorded_blocks())))
def test_every_shorter_and_every_longer_block_is_refused(number: int) -> None:
    raw, _ = recorded_blocks()[number]

    for end in range(len(raw)):
        with pytest.raises(header.Unreadable):
            wire.parse_block(raw[:end])
    for extra in range(256):
        with pytest.raises(header.Unreadable):
            wire.parse_block(raw + bytes((extra,)))


@pytest.mark.parametrize("number", range(len(recorded_blocks())))
def test_a_damaged_byte_is_refused_or_leaves_the_transactions_as_they_were(number: int) -> None:
    raw, _ = recorded_blocks()[number]
    original = wire.parse_block(raw)

    for position in range(len(raw)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(raw)
            damaged[position] ^= flip
            try:
                block = wire.parse_block(bytes(damaged))
            except header.Unreadable:
                continue
            assert block.transactions == original.transactions
            assert block.header.merkle_root == original.header.merkle_root
            assert position < len(raw) - sum(transaction.size for transaction in original.transactions)


def test_a_parent_coinbase_with_a_witness_is_read_over() -> None:
    """Litecoin's coinbases are in SegWit form; mainnet's blocks carry them."""
    raw, described = next(entry for entry in recorded_blocks() if entry[1].get("height") == 371337)
    stripped = wire.parse_block(raw)
    parent = raw[80:]
    inputs_end = 4 + 1 + 36 + 1 + 0x38 + 4
    outputs_end = inputs_end + 1 + 8 + 1 + 25
    witness = b"\x01\x20" + bytes(32)
    segwit = parent[:4] + b"\x00\x01" + parent[4:outputs_end] + witness + parent[outputs_end:]

    block = wire.parse_block(raw[:80] + segwit)

    assert block.transactions == stripped.transactions
    assert header.display(block.header.hash) == described["hash"]
    assert len(block.auxpow) == len(stripped.auxpow) + 2 + len(witness)


def test_a_parent_coinbase_without_inputs_is_refused() -> None:
    raw = next(raw for raw, _ in recorded_blocks() if wire.parse_block(raw).header.is_auxpow)
    damaged = bytearray(raw)
    damaged[84] = 0

    with pytest.raises(header.Unreadable, match="neither inputs nor a witness"):
        wire.parse_block(bytes(damaged))


def test_work_and_target_are_those_of_regtest_and_of_mainnet() -> None:
    assert header.target(0x207FFFFF) == 0x7FFFFF << 232
    assert header.work(0x207FFFFF) == 2
    assert header.target(0x1B364184) == 0x364184 << 192
    assert header.target(0x1D00FFFF) == 0xFFFF << 208
    assert header.work(0x1D00FFFF) == 0x100010001
    assert header.target(0x01003456) == 0
    assert header.target(0x02123456) == 0x1234
    assert header.work(0x1D80FFFF) == 0
    assert header.work(0x00000000) == 0
