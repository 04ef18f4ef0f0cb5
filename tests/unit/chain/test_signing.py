"""Signing: byte for byte what Core signs, checked before it leaves, and silent about keys."""

import itertools
import json
import traceback
from pathlib import Path
from typing import Any

import coincurve
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chain import signing, wire
from app.domain import dogecoin
from app.domain.payments import fees
from app.money import COIN
from devnet import signatures

CALLS = json.loads((Path(__file__).parents[2] / "vectors" / "core-regtest-recording.json").read_text())[
    "calls"
]
KEYS = [coincurve.PrivateKey(bytes(31) + bytes((number,))) for number in range(1, 6)]
SECRET = bytes.fromhex("5ec4e7" * 10 + "0001")


def answers(method: str) -> list[Any]:
    return [json.loads(call["response_text"])["result"] for call in CALLS if call.get("method") == method]


def script_of(key: coincurve.PrivateKey) -> bytes:
    return dogecoin.p2pkh(dogecoin.hash160(key.public_key.format()))


def recorded_keys() -> dict[bytes, coincurve.PrivateKey]:
    """Return the keys that `dumpprivkey` returned, by the script that they spend."""
    payloads = [dogecoin.base58_decode(wif) for wif in answers("dumpprivkey")]
    keys = [coincurve.PrivateKey(payload[1:33]) for payload in payloads if isinstance(payload, bytes)]
    return {script_of(key): key for key in keys}


def recorded_pairs() -> list[tuple[str, str]]:
    """Pair each transaction that Core signed with the signed one, in hex."""
    signed = [answer["hex"] for answer in answers("signrawtransaction")]
    return list(zip(answers("createrawtransaction"), signed, strict=True))


def script_signed_for(spent: wire.Input) -> bytes:
    return dogecoin.p2pkh(dogecoin.hash160(spent.script[spent.script[0] + 2 :]))


@pytest.mark.parametrize("number", range(8))
def test_what_is_signed_is_byte_for_byte_what_core_signed(number: int) -> None:
    keys = recorded_keys()
    raw, expected = (bytes.fromhex(text) for text in recorded_pairs()[number])
    unsigned = wire.parse_transaction(raw)
    spent = [script_signed_for(source) for source in wire.parse_transaction(expected).inputs]

    built = signing.build([(source.txid, source.vout) for source in unsigned.inputs], unsigned.outputs)
    signed = signing.sign(built, spent, lambda index: keys[spent[index]])

    assert built.raw == raw
    assert signed.raw == expected
    assert signed.txid == dogecoin.hash256(expected)


def test_all_of_cores_recorded_signatures_are_compared() -> None:
    pairs = recorded_pairs()

    assert len(pairs) == 8
    assert max(len(wire.parse_transaction(bytes.fromhex(signed)).inputs) for _, signed in pairs) == 5


@given(
    st.lists(
        st.tuples(st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1)), min_size=1, max_size=300
    ),
    st.lists(st.builds(wire.Output, st.integers(0, COIN), st.binary(max_size=300)), min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=50, deadline=None)
def test_the_hash_that_is_built_up_is_the_hash_of_the_whole(
    coins: list[tuple[bytes, int]], outputs: list[wire.Output], lock_time: int
) -> None:
    built = signing.build(coins, outputs)
    transaction = wire.assemble(built.inputs, built.outputs, version=2, lock_time=lock_time)
    codes = [bytes((index % 256,)) * (index % 260) for index in range(len(coins))]

    hashes = list(signing.sighashes(transaction, codes))

    expected = [signatures.sighash(transaction, index, code) for index, code in enumerate(codes)]
    assert hashes == expected


@pytest.mark.parametrize("count", [1, 252, 253])
def test_the_node_finds_no_fault_in_what_is_signed_and_it_is_no_larger_than_was_paid_for(count: int) -> None:
    outputs = [wire.Output(COIN, script_of(KEYS[0])), wire.Output(COIN, dogecoin.p2sh(bytes(20)))]
    spent = [script_of(KEYS[index % 5]) for index in range(count)]
    built = signing.build([(index.to_bytes(32, "big"), index) for index in range(count)], outputs)

    signed = signing.sign(built, spent, lambda index: KEYS[index % 5])

    assert not any(
        signatures.fault(signed, index, spent[index])
        for index in {0, 1, count // 2, count - 1}
        if index < count
    )
    assert {source.sequence for source in signed.inputs} == {0xFFFFFFFF}
    worst = fees.size(count, [output.script for output in outputs])
    assert worst - 3 * count <= signed.size <= worst


def test_a_signature_at_its_longest_makes_the_size_that_is_paid_for() -> None:
    spent = [script_of(KEYS[0])]
    sizes = [
        signing.sign(
            signing.build([(bytes(32), number)], [wire.Output(COIN, spent[0])]), spent, lambda _: KEYS[0]
        ).size
        for number in range(64)
    ]

    assert max(sizes) == fees.size(1, spent) == 192


def test_keys_are_asked_for_one_by_one_and_in_order() -> None:
    calls = itertools.count()
    spent = [script_of(key) for key in KEYS]
    built = signing.build([(bytes(32), index) for index in range(5)], [wire.Output(COIN, spent[0])])

    def key(index: int) -> coincurve.PrivateKey:
        assert index == next(calls)
        return KEYS[index]

    signing.sign(built, spent, key)

    assert next(calls) == 5


def test_a_key_of_another_coin_is_refused_without_a_word_of_it() -> None:
    other_key = coincurve.PrivateKey(SECRET)
    built = signing.build([(bytes(32), 0), (bytes(32), 1)], [wire.Output(COIN, script_of(KEYS[0]))])

    with pytest.raises(
        signing.CannotSign, match="input 1 cannot be signed: the key is not the one"
    ) as refused:
        signing.sign(built, [script_of(KEYS[0])] * 2, lambda index: (KEYS[0], other_key)[index])

    text = "".join(traceback.format_exception(refused.value))
    assert SECRET.hex() not in text
    assert other_key.public_key.format().hex() not in text


class Faulty(coincurve.PrivateKey):
    """A key on a faulty machine: its signatures are of something else."""

    def sign(self, message: bytes, *options: Any, **named: Any) -> bytes:
        return super().sign(message[::-1], *options, **named)


def test_a_signature_that_does_not_verify_never_leaves() -> None:
    key = Faulty(KEYS[0].secret)
    built = signing.build([(bytes(32), 0)], [wire.Output(COIN, script_of(key))])

    with pytest.raises(signing.CannotSign, match="does not verify"):
        signing.sign(built, [script_of(key)], lambda _: key)


def test_every_input_needs_its_script() -> None:
    built = signing.build([(bytes(32), 0)], [wire.Output(COIN, script_of(KEYS[0]))])

    with pytest.raises(ValueError, match="2 scripts for 1 inputs"):
        signing.sign(built, [script_of(KEYS[0])] * 2, lambda _: KEYS[0])
