"""What sendrawtransaction takes and what it refuses, in the node's words."""

import coincurve
import pytest

from app.chain import wire
from app.chain.wire import Input, Output, Transaction
from app.money import COIN
from devnet import script, signatures
from devnet.node import Node
from devnet.signatures import Key
from devnet.validation import MissingInputs, Refused

ELSEWHERE = b"\x76\xa9\x14" + bytes(20) + b"\x88\xac"
KEY = Key.of(b"\x07" * 32)
LONG_KEY = Key.of(b"\x08" * 32, compressed=False)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FINAL = 0xFFFFFFFF


@pytest.fixture
def node(node: Node) -> Node:
    for count, key in ((3, KEY), (2, LONG_KEY), (59, None)):
        for _ in range(count):
            node.generate(key.script if key else ELSEWHERE)
    return node


def coinbase(node: Node, height: int) -> Transaction:
    return node.chain.block(node.chain.active[height]).transactions[0]


def spend(
    source: Transaction,
    outputs: list[Output],
    *,
    key: Key = KEY,
    sequence: int = FINAL,
    vout: int = 0,
    **options: int,
) -> Transaction:
    return signatures.sign(
        wire.assemble([Input(source.txid, vout, b"", sequence)], outputs, **options), 0, key
    )


def all_but(source: Transaction, fee: int, output_script: bytes = ELSEWHERE) -> list[Output]:
    return [Output(source.outputs[0].value - fee, output_script)]


def refusal(node: Node, transaction: Transaction) -> str:
    before = dict(node.mempool.entries)
    with pytest.raises(Refused) as refused:
        node.submit(transaction)
    assert node.mempool.entries == before
    return str(refused.value)


def with_script(transaction: Transaction, spending: bytes) -> Transaction:
    return wire.assemble(
        [transaction.inputs[0]._replace(script=spending)], transaction.outputs, version=transaction.version
    )


def test_a_coinbase_can_be_spent_at_exactly_sixty_confirmations(node: Node) -> None:
    """The next block is 65, because the tip is 64: 60 blocks below it is height 5, but not height 6."""
    node.submit(spend(coinbase(node, 5), all_but(coinbase(node, 5), COIN), key=LONG_KEY))
    node.generate(KEY.script)
    young = coinbase(node, 65)

    assert refusal(node, spend(young, all_but(young, COIN))) == "16: bad-txns-premature-spend-of-coinbase"
    for _ in range(58):
        node.generate(ELSEWHERE)
    assert refusal(node, spend(young, all_but(young, COIN))) == "16: bad-txns-premature-spend-of-coinbase"
    node.generate(ELSEWHERE)
    node.submit(spend(young, all_but(young, COIN)))


def test_standardness_comes_first(node: Node) -> None:
    source = coinbase(node, 1)
    value = source.outputs[0].value
    remainder = Output(value - COIN, ELSEWHERE)
    note = b"\x6a" + script.push(b"woof")

    refusals = {
        "version": spend(source, [remainder], version=3),
        "dust": spend(source, [remainder, Output(COIN // 1000 - 1, ELSEWHERE)]),
        "scriptpubkey": spend(source, [remainder, Output(COIN // 100, b"\x51")]),
        "multi-op-return": spend(source, [remainder, Output(0, note), Output(0, note)]),
        "tx-size": spend(source, [Output(COIN, ELSEWHERE)] * 3000),
        "scriptsig-size": with_script(spend(source, [remainder]), bytes(1651)),
        "scriptsig-not-pushonly": with_script(spend(source, [remainder]), b"\xac"),
        "non-final": spend(source, [remainder], lock_time=node.chain.height + 1, sequence=0),
    }

    for reason, transaction in refusals.items():
        assert refusal(node, transaction) == f"64: {reason}"
    assert (
        refusal(node, spend(source, [remainder, Output(0, b"\x6a" + script.push(bytes(81)))]))
        == "64: scriptpubkey"
    )
    node.submit(spend(source, [remainder, Output(0, b"\x6a" + script.push(bytes(80)))]))


def test_a_lock_that_has_run_out_or_that_no_input_minds_is_no_obstacle(node: Node) -> None:
    for height, (lock_time, sequence) in enumerate(
        [(node.chain.height, 0), (node.chain.height + 500, FINAL)], start=1
    ):
        source = coinbase(node, height)
        transaction = spend(source, all_but(source, COIN), lock_time=lock_time, sequence=sequence)
        node.submit(transaction)
        assert transaction.txid in node.mempool.entries


def test_relative_locks_hold_for_version_2(node: Node) -> None:
    source = coinbase(node, 1)
    early = spend(source, all_but(source, COIN), version=2, sequence=65)
    due = spend(source, all_but(source, COIN), version=2, sequence=64)
    unminded = spend(source, all_but(source, COIN), version=1, sequence=65)
    by_time = spend(coinbase(node, 3), all_but(coinbase(node, 3), COIN), version=2, sequence=1 << 22 | 1)

    assert refusal(node, early) == "64: non-BIP68-final"
    assert refusal(node, by_time) == "64: non-BIP68-final"
    node.submit(due)
    node.mempool.remove_all(due)
    node.submit(unminded)


def test_inputs_that_are_unknown_or_gone(node: Node) -> None:
    source = coinbase(node, 1)
    split = spend(source, [Output(100_000 * COIN, KEY.script), Output(399_999 * COIN, KEY.script)])
    node.submit(split)
    node.generate(ELSEWHERE)
    node.submit(spend(split, [Output(99_999 * COIN, ELSEWHERE)]))
    node.generate(ELSEWHERE)

    assert refusal(node, spend(split, [Output(99_998 * COIN, ELSEWHERE)])) == "18: bad-txns-inputs-spent"
    with pytest.raises(MissingInputs):
        node.submit(spend(source, all_but(source, 2 * COIN)))
    with pytest.raises(MissingInputs):
        node.submit(spend(split._replace(txid=b"\x11" * 32), [Output(COIN, ELSEWHERE)]))


def test_fees_are_checked_before_amounts_and_signatures(node: Node) -> None:
    source = coinbase(node, 1)
    damaged = with_script(spend(source, all_but(source, 101 * COIN)), b"\x01\x05\x01\x05")

    assert refusal(node, damaged) == "256: absurdly-high-fee"
    assert refusal(node, spend(source, all_but(source, -COIN))) == "16: bad-txns-in-belowout"
    node.submit(spend(source, all_but(source, 101 * COIN)), None)


def test_a_transaction_without_a_fee_is_taken_from_old_coins_only(node: Node) -> None:
    """The mempool of our node is less strict than the network: large or old coins need no fee."""
    source = coinbase(node, 1)
    split = spend(
        source, [Output(source.outputs[0].value - 21 * COIN, KEY.script), Output(20 * COIN, KEY.script)]
    )
    node.submit(split)
    node.generate(ELSEWHERE)
    small = spend(split, [Output(20 * COIN, ELSEWHERE)], vout=1)

    assert refusal(node, small) == "66: insufficient priority"
    node.generate(ELSEWHERE)
    node.submit(small)
    large = coinbase(node, 2)
    node.submit(spend(large, all_but(large, 0)))


def test_a_conflict_is_refused_unless_the_first_signals_and_the_second_pays_more(node: Node) -> None:
    plain, signalling = coinbase(node, 1), coinbase(node, 2)
    node.submit(spend(plain, all_but(plain, COIN), sequence=FINAL - 1))
    node.submit(spend(signalling, all_but(signalling, COIN), sequence=FINAL - 2))

    assert refusal(node, spend(plain, all_but(plain, 2 * COIN))) == "258: txn-mempool-conflict"
    assert refusal(node, spend(signalling, all_but(signalling, COIN, KEY.script))) == "66: insufficient fee"
    better = spend(signalling, all_but(signalling, 2 * COIN))
    node.submit(better)
    assert len(node.mempool.entries) == 2
    assert better.txid in node.mempool.entries


def test_the_twenty_sixth_of_a_chain_is_refused(node: Node) -> None:
    last = coinbase(node, 1)
    for _ in range(25):
        last = spend(last, all_but(last, COIN, KEY.script))
        node.submit(last)

    assert refusal(node, spend(last, all_but(last, COIN))) == "64: too-long-mempool-chain"


def test_signatures_are_really_checked(node: Node) -> None:
    source = coinbase(node, 1)
    good = spend(source, all_but(source, COIN))
    signature, key = [content or b"" for _, content in script.operations(good.inputs[0].script)]
    r_length = signature[3]
    r, s = signature[4 : 4 + r_length], int.from_bytes(signature[6 + r_length : -1], "big")
    high = (ORDER - s).to_bytes(33, "big")
    body = b"\x02" + bytes((r_length,)) + r + b"\x02\x21" + high
    foreign = coincurve.PrivateKey(b"\x09" * 32).sign(bytes(32), hasher=None) + b"\x01"

    def scripted(*parts: bytes) -> str:
        return refusal(node, with_script(good, b"".join(script.push(part) for part in parts)))

    mandatory, lax = (
        "16: mandatory-script-verify-flag-failed ({})",
        "64: non-mandatory-script-verify-flag ({})",
    )
    invalid = mandatory.format("Signature must be zero for failed CHECK(MULTI)SIG operation")
    assert scripted(foreign, key) == invalid
    assert (
        refusal(node, with_script(spend(source, all_but(source, 2 * COIN)), good.inputs[0].script)) == invalid
    )
    assert scripted(signature, LONG_KEY.public) == mandatory.format(
        "Script failed an OP_EQUALVERIFY operation"
    )
    assert scripted(signature) == mandatory.format("Operation not valid with the current stack size")
    assert scripted() == mandatory.format("Operation not valid with the current stack size")
    assert scripted(b"", key) == mandatory.format(
        "Script evaluated without error but finished with a false/empty top stack element"
    )
    assert scripted(b"\x30" + signature[2:], key) == mandatory.format("Non-canonical DER signature")
    assert scripted(b"\x30" + bytes((len(body),)) + body + b"\x01", key) == lax.format(
        "Non-canonical signature: S value is unnecessarily high"
    )
    assert scripted(signature[:-1] + b"\x05", key) == lax.format(
        "Signature hash type missing or not understood"
    )
    assert scripted(signature, signature, key) == lax.format("Extra items left on stack after execution")
    padded = b"\x4c" + bytes((len(signature),)) + signature + script.push(key)
    assert refusal(node, with_script(good, padded)) == lax.format("Data push larger than necessary")
    node.submit(good)


def test_keys_in_the_long_form_sign_as_well(node: Node) -> None:
    source = coinbase(node, 4)

    transaction = spend(source, all_but(source, COIN), key=LONG_KEY)
    node.submit(transaction)

    assert transaction.txid in node.mempool.entries


def test_other_kinds_of_output_can_be_made_but_not_spent(node: Node) -> None:
    source = coinbase(node, 1)
    kinds = [
        b"\xa9\x14" + bytes(20) + b"\x87",
        b"\x21" + KEY.public + b"\xac",
        b"\x51\x21" + KEY.public + b"\x51\xae",
    ]
    created = spend(source, [*(Output(COIN, kind) for kind in kinds), Output(400_000 * COIN, ELSEWHERE)])

    node.submit(created, None)

    for vout in range(len(kinds)):
        stolen = wire.assemble([Input(created.txid, vout, b"\x51", FINAL)], [Output(COIN // 2, ELSEWHERE)])
        assert refusal(node, stolen) == "64: bad-txns-nonstandard-inputs"


def test_what_no_block_could_hold(node: Node) -> None:
    source = coinbase(node, 1)
    half = 10_000_000_000 * COIN // 2 + 1
    twice = wire.assemble([Input(source.txid, 0, b"", FINAL)] * 2, [Output(COIN, ELSEWHERE)])

    assert refusal(node, spend(source, [Output(half, ELSEWHERE)] * 2)) == "16: bad-txns-txouttotal-toolarge"
    assert refusal(node, twice) == "16: bad-txns-inputs-duplicate"
    assert refusal(node, coinbase(node, 1)) == "16: coinbase"
