"""Scripts in words and in classes, as Core has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devnet import script

KEY = bytes.fromhex("02496f8e3749f6cca26ec29bf53438167c1885734e2bb752cd8ecd49860e71d97a")
LONG_KEY = b"\x04" + bytes(64)
HASH = bytes(range(20))


def multisig(required: int, keys: list[bytes], total: int | None = None) -> bytes:
    pushes = b"".join(script.push(key) for key in keys)
    return bytes((0x50 + required,)) + pushes + bytes((0x50 + (len(keys) if total is None else total), 0xAE))


@pytest.mark.parametrize(
    ("output_script", "name", "addresses", "standard"),
    [
        (b"\x76\xa9\x14" + HASH + b"\x88\xac", "pubkeyhash", 1, True),
        (b"\xa9\x14" + HASH + b"\x87", "scripthash", 1, True),
        (script.push(KEY) + b"\xac", "pubkey", 1, True),
        (script.push(LONG_KEY) + b"\xac", "pubkey", 1, True),
        (script.push(b"\x05" + KEY[1:]) + b"\xac", "nonstandard", 0, False),
        (multisig(1, [KEY]), "multisig", 1, True),
        (multisig(2, [KEY, KEY, LONG_KEY]), "multisig", 3, True),
        (multisig(2, [KEY] * 4), "multisig", 4, False),
        (multisig(2, [KEY]), "nonstandard", 0, False),
        (multisig(1, [KEY], 2), "nonstandard", 0, False),
        (b"\x6a", "nulldata", 0, True),
        (b"\x6a" + script.push(bytes(80)), "nulldata", 0, True),
        (b"\x6a" + script.push(bytes(81)), "nulldata", 0, False),
        (b"\x6a\xac", "nonstandard", 0, False),
        (b"\x00\x14" + HASH, "witness_v0_keyhash", 0, True),
        (b"\x00\x20" + bytes(32), "witness_v0_scripthash", 0, True),
        (b"\x51\x20" + bytes(32), "nonstandard", 0, False),
        (b"", "nonstandard", 0, False),
        (b"\x4c", "nonstandard", 0, False),
    ],
)
def test_an_output_script_is_of_its_class(
    output_script: bytes,
    name: str,
    addresses: int,
    standard: bool,  # noqa: FBT001  a table of cases
) -> None:
    kind = script.classify(output_script)

    assert (kind.name, len(kind.addresses), script.is_standard(output_script)) == (
        name,
        addresses,
        standard,
    )
    shape = script.describe(output_script)
    assert list(shape) == (
        ["asm", "hex", "reqSigs", "type", "addresses"] if addresses else ["asm", "hex", "type"]
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("76a914" + "00" * 20 + "88ac", "OP_DUP OP_HASH160 " + "00" * 20 + " OP_EQUALVERIFY OP_CHECKSIG"),
        ("00", "0"),
        ("4f5160", "-1 1 16"),
        ("50", "OP_RESERVED"),
        ("61626365b9", "OP_NOP OP_VER OP_IF OP_VERIF OP_NOP10"),
        ("ff", "OP_UNKNOWN"),
        ("6a", "OP_RETURN"),
        ("0105", "5"),
        ("0185", "-5"),
        ("04ffffff7f", "2147483647"),
        ("050000000001", "0000000001"),
        ("4c0105", "5"),
        ("4d010005", "5"),
        ("0201", "[error]"),
        ("b1b2ae", "OP_CHECKLOCKTIMEVERIFY OP_CHECKSEQUENCEVERIFY OP_CHECKMULTISIG"),
    ],
)
def test_a_script_is_shown_in_words(content: str, words: str) -> None:
    assert script.asm(bytes.fromhex(content)) == words


@given(st.binary(max_size=120))
def test_any_bytes_can_be_shown_and_classed(content: bytes) -> None:
    assert script.describe(content)["hex"] == content.hex()
    assert script.asm(content, signatures=True) is not None
    script.is_standard(content)


@given(st.integers(0, 2**40))
def test_a_number_is_pushed_so_that_it_stays_positive(value: int) -> None:
    content = script.number(value)

    assert int.from_bytes(content, "little") == value
    assert not content or not content[-1] & 0x80
    assert not content or content[-1] or content[-2] & 0x80


@given(st.binary(max_size=255))
def test_the_shortest_push_is_the_one_that_is_written(content: bytes) -> None:
    ((opcode, pushed),) = script.operations(script.push(content))

    small = len(content) == 1 and (1 <= content[0] <= 16 or content[0] == 0x81)
    assert pushed == content
    assert script.is_minimal(opcode, content) == (not small)
