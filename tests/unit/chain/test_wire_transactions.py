"""Transactions and made-up blocks: what is written is read back, and a fault is refused with its offset."""

import contextlib
import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.chain import header, wire
from app.money import MAX_MONEY
from devnet import mining

VECTORS = Path(__file__).parents[2] / "vectors"
U32 = st.integers(0, 2**32 - 1)
SCRIPTS = st.binary(max_size=60) | st.integers(250, 260).map(bytes)
INPUTS = st.builds(wire.Input, st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 2), SCRIPTS, U32)
OUTPUTS = st.builds(wire.Output, st.integers(0, MAX_MONEY), SCRIPTS)
TRANSACTIONS = st.builds(
    wire.assemble,
    st.lists(INPUTS, min_size=1, max_size=5),
    st.lists(OUTPUTS, min_size=1, max_size=5),
    version=st.integers(-(2**31), 2**31 - 1),
    lock_time=U32,
)
COINBASE = wire.assemble(
    [wire.Input(header.NO_HASH, 0xFFFFFFFF, b"\x01\x01\x01", 0xFFFFFFFF)], [wire.Output(1, b"\x51")]
)


def block_of(transactions: list[wire.Transaction], root: bytes | None = None) -> bytes:
    root = wire.merkle_root([transaction.txid for transaction in transactions]) if root is None else root
    top = struct.pack("<i32s32sIII", 0x00620004, bytes(32), root, 0, 0x207FFFFF, 0)
    return (
        top + wire.compact_size(len(transactions)) + b"".join(transaction.raw for transaction in transactions)
    )


@given(TRANSACTIONS)
def test_a_transaction_that_was_written_is_read_back(transaction: wire.Transaction) -> None:
    assert wire.parse_transaction(transaction.raw) == transaction
    assert wire.serialise(transaction) == transaction.raw
    assert transaction.txid == hashlib.sha256(hashlib.sha256(transaction.raw).digest()).digest()


@given(st.lists(TRANSACTIONS, max_size=9, unique=True))
def test_a_block_that_was_written_is_read_back(transactions: list[wire.Transaction]) -> None:
    raw = block_of([COINBASE, *transactions])

    block = wire.parse_block(raw)

    assert block.transactions == (COINBASE, *transactions)
    assert mining.header_bytes(block.header) == raw[:80]
    assert block.auxpow == b""


@given(TRANSACTIONS, st.data())
def test_a_transaction_cut_short_or_continued_is_refused(
    transaction: wire.Transaction, data: st.DataObject
) -> None:
    end = data.draw(st.integers(0, len(transaction.raw) - 1))

    with pytest.raises(header.Unreadable):
        wire.parse_transaction(transaction.raw[:end])
    with pytest.raises(header.Unreadable):
        wire.parse_transaction(transaction.raw + b"\x00")


@given(st.binary(max_size=400))
def test_noise_is_refused_and_nothing_else_happens(noise: bytes) -> None:
    for parse in (wire.parse_block, wire.parse_transaction, header.parse_header):
        with contextlib.suppress(header.Unreadable):
            assert parse(noise) is not None


@given(st.binary(max_size=120), st.sampled_from([0x00620104, 0x00620004]))
def test_noise_after_a_header_is_refused(noise: bytes, version: int) -> None:
    with pytest.raises(header.Unreadable):
        wire.parse_block(struct.pack("<i32s32sIII", version, bytes(32), bytes(32), 0, 0, 0) + noise)


@given(st.binary(min_size=32, max_size=32))
def test_a_hash_is_shown_and_read_back(hash_: bytes) -> None:
    assert header.internal(header.display(hash_)) == hash_
    assert header.display(hash_) == hash_[::-1].hex()


@pytest.mark.parametrize(
    "text", ["", "zz" * 32, "00" * 31, "00" * 33, "0" * 63 + " ", " " * 64, "00 " * 21 + "0"]
)
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(header.Unreadable):
        header.internal(text)


def test_a_list_that_repeats_its_end_is_refused_although_the_root_agrees() -> None:
    others = [
        wire.assemble([wire.Input(bytes((n,)) * 32, 0, b"", 0)], [wire.Output(n, b"")]) for n in range(1, 3)
    ]
    honest = [COINBASE, *others]
    root = wire.merkle_root([transaction.txid for transaction in honest])

    with pytest.raises(header.Unreadable, match="CVE-2012-2459"):
        wire.parse_block(block_of([*honest, honest[-1]], root))


@pytest.mark.parametrize(
    ("offset", "replacement", "complaint"),
    [
        (4, b"\xfd\x01\x00", "size at byte 4 is not written the shortest way"),
        (4, b"\xfe\x01\x00\x00\x00", "size at byte 4 is not written the shortest way"),
        (4, b"\xff" + bytes(7) + b"\x7f", "size 9151314442816847872 at byte 4 goes beyond the end"),
        (41, b"\xfd\xff\xff", "size 65535 at byte 41 goes beyond the end"),
        (4, b"\x00", "."),
    ],
)
def test_a_bad_size_is_refused_with_its_place(offset: int, replacement: bytes, complaint: str) -> None:
    raw = COINBASE.raw
    with pytest.raises(header.Unreadable, match=complaint):
        wire.parse_transaction(raw[:offset] + replacement + raw[offset + 1 :])


@pytest.mark.parametrize("value", [MAX_MONEY + 1, 2**63, 2**64 - 1])
def test_a_value_out_of_range_is_refused_with_its_place(value: int) -> None:
    invalid = wire.assemble(COINBASE.inputs, [wire.Output(value, b"")])

    with pytest.raises(header.Unreadable, match="value at byte 50"):
        wire.parse_transaction(invalid.raw)


def test_a_block_needs_one_coinbase_and_it_comes_first() -> None:
    plain = wire.assemble([wire.Input(b"\x01" * 32, 0, b"", 0)], [wire.Output(1, b"")])
    second = wire.assemble(COINBASE.inputs, [wire.Output(2, b"")])

    for transactions in ([plain], [plain, COINBASE], [COINBASE, second]):
        with pytest.raises(header.Unreadable, match="coinbase"):
            wire.parse_block(block_of(transactions))
    with pytest.raises(header.Unreadable, match="no transactions"):
        wire.parse_block(block_of([COINBASE])[:80] + b"\x00")


def test_a_block_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(header.Unreadable, match="larger than"):
        wire.parse_block(bytes(wire.MAX_BLOCK_BYTES + 1))
