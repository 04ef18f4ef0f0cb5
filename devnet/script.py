"""Scripts as the node shows and classifies them (Core: `core_write.cpp`, `script/standard.cpp`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.domain import dogecoin

MAX_DATA_CARRIER_BYTES: Final = 83
MAX_MULTISIG_KEYS: Final = 3
OP_RETURN: Final = 0x6A
OP_PUSHDATA1: Final = 0x4C
OP_1: Final = 0x51
OP_16: Final = 0x60
OP_CHECKSIG: Final = 0xAC
OP_CHECKMULTISIG: Final = 0xAE

_KEY_BYTES = {2: 33, 3: 33, 4: 65, 6: 65, 7: 65}  # by first byte
_HASH_TYPES = {
    1: "ALL",
    2: "NONE",
    3: "SINGLE",
    0x81: "ALL|ANYONECANPAY",
    0x82: "NONE|ANYONECANPAY",
    0x83: "SINGLE|ANYONECANPAY",
}
_WORDS = (
    "NOP VER IF NOTIF VERIF VERNOTIF ELSE ENDIF VERIFY RETURN TOALTSTACK FROMALTSTACK 2DROP 2DUP 3DUP "
    "2OVER 2ROT 2SWAP IFDUP DEPTH DROP DUP NIP OVER PICK ROLL ROT SWAP TUCK CAT SUBSTR LEFT RIGHT SIZE "
    "INVERT AND OR XOR EQUAL EQUALVERIFY RESERVED1 RESERVED2 1ADD 1SUB 2MUL 2DIV NEGATE ABS NOT 0NOTEQUAL "
    "ADD SUB MUL DIV MOD LSHIFT RSHIFT BOOLAND BOOLOR NUMEQUAL NUMEQUALVERIFY NUMNOTEQUAL LESSTHAN "
    "GREATERTHAN LESSTHANOREQUAL GREATERTHANOREQUAL MIN MAX WITHIN RIPEMD160 SHA1 SHA256 HASH160 HASH256 "
    "CODESEPARATOR CHECKSIG CHECKSIGVERIFY CHECKMULTISIG CHECKMULTISIGVERIFY NOP1 CHECKLOCKTIMEVERIFY "
    "CHECKSEQUENCEVERIFY NOP4 NOP5 NOP6 NOP7 NOP8 NOP9 NOP10"
)
_NAMES = dict(enumerate(_WORDS.split(), start=0x61))


class Malformed(Exception):
    """A push goes beyond the script's end."""


@dataclass(frozen=True, slots=True)
class ScriptClass:
    """The kind of an output script in Core's word, the addresses that it pays, and how many must sign."""

    name: str
    addresses: tuple[str, ...] = ()
    required: int = 0


def operations(script: bytes) -> Iterator[tuple[int, bytes | None]]:
    """Yield each opcode with what it pushes, or None; raise `Malformed` where a push is cut off."""
    offset = 0
    while offset < len(script):
        opcode = script[offset]
        offset += 1
        if opcode >= 0x4F:
            yield opcode, None
            continue
        length = opcode
        if opcode >= OP_PUSHDATA1:
            width = 1 << (opcode - OP_PUSHDATA1)
            length = int.from_bytes(script[offset : offset + width], "little")
            offset += width
        if offset + length > len(script):
            raise Malformed
        yield opcode, script[offset : offset + length]
        offset += length


def push(content: bytes) -> bytes:
    """Write the shortest push of up to 255 bytes that are no small number."""
    size = (len(content),) if len(content) < OP_PUSHDATA1 else (OP_PUSHDATA1, len(content))
    return bytes(size) + content


def number(value: int) -> bytes:
    """Write a script number of at least 0: little-endian, with room for the sign."""
    return value.to_bytes((value.bit_length() + 8) // 8, "little") if value else b""


def is_minimal(opcode: int, content: bytes) -> bool:
    """Say whether this is the shortest way to push `content` (Core: `CheckMinimalPush`)."""
    if not content:
        return opcode == 0
    if len(content) == 1 and (1 <= content[0] <= 16 or content[0] == 0x81):
        return False
    if len(content) < OP_PUSHDATA1:
        return opcode == len(content)
    return (
        opcode == OP_PUSHDATA1 if len(content) < 256 else opcode == OP_PUSHDATA1 + 1 or len(content) >= 2**16
    )


def is_push_only(script: bytes) -> bool:
    """Say whether the script does nothing but push."""
    try:
        return all(opcode <= OP_16 for opcode, _ in operations(script))
    except Malformed:
        return False


def is_unspendable(script: bytes) -> bool:
    """Say whether nobody can ever spend this output, so that it is no coin."""
    return script[:1] == bytes((OP_RETURN,)) or len(script) > 10_000


def asm(script: bytes, *, signatures: bool = False) -> str:
    """Write the script in words; with `signatures`, show those with the name of their hash type."""
    words = []
    try:
        for opcode, content in operations(script):
            words.append(_name(opcode) if content is None else _push_words(content, signatures=signatures))
    except Malformed:
        words.append("[error]")
    return " ".join(words)


def classify(script: bytes) -> ScriptClass:
    """Return the standard form of an output script, or `nonstandard`."""
    address = dogecoin.to_address(dogecoin.REGTEST, script)
    if address is not None:
        return ScriptClass("scripthash" if script[0] == 0xA9 else "pubkeyhash", (address,), 1)
    if script[:2] in (b"\x00\x14", b"\x00\x20") and script[1] + 2 == len(script):
        return ScriptClass("witness_v0_keyhash" if script[1] == 20 else "witness_v0_scripthash")
    if script[:1] == bytes((OP_RETURN,)):
        return ScriptClass("nulldata" if is_push_only(script[1:]) else "nonstandard")
    key = script[1:-1]
    if _is_key(key) and script[0] == len(key) and script[-1] == OP_CHECKSIG:
        return ScriptClass("pubkey", (_address_of_key(key),), 1)
    return _multisig(script) or ScriptClass("nonstandard")


def describe(script: bytes) -> dict[str, object]:
    """Shape an output script as in the node's JSON; `reqSigs` and `addresses` only if it has addresses."""
    kind = classify(script)
    shape: dict[str, object] = {"asm": asm(script), "hex": script.hex()}
    if not kind.addresses:
        return {**shape, "type": kind.name}
    return {**shape, "reqSigs": kind.required, "type": kind.name, "addresses": list(kind.addresses)}


def is_standard(script: bytes) -> bool:
    """Say whether the node relays payments to this script (Core: `IsStandard`, on regtest)."""
    kind = classify(script)
    if kind.name == "nulldata":
        return len(script) <= MAX_DATA_CARRIER_BYTES
    return kind.name != "nonstandard" and len(kind.addresses) <= MAX_MULTISIG_KEYS


def _multisig(script: bytes) -> ScriptClass | None:
    try:
        parts = list(operations(script))
    except Malformed:
        return None
    if len(parts) < 4 or parts[-1][0] != OP_CHECKMULTISIG:
        return None
    keys = [content for _, content in parts[1:-2] if content is not None and _is_key(content)]
    required, total = parts[0][0] - OP_1 + 1, parts[-2][0] - OP_1 + 1
    if len(keys) != len(parts) - 3 or len(keys) != total or not 1 <= required <= total <= 16:
        return None
    return ScriptClass("multisig", tuple(_address_of_key(key) for key in keys), required)


def _is_key(content: bytes) -> bool:
    return bool(content) and _KEY_BYTES.get(content[0]) == len(content)


def _address_of_key(key: bytes) -> str:
    return dogecoin.base58_encode(bytes((dogecoin.REGTEST.p2pkh,)) + dogecoin.hash160(key))


def _name(opcode: int) -> str:
    if opcode == 0x4F:
        return "-1"
    if OP_1 <= opcode <= OP_16:
        return str(opcode - OP_1 + 1)
    if opcode == 0x50:
        return "OP_RESERVED"
    return f"OP_{_NAMES[opcode]}" if opcode in _NAMES else "OP_UNKNOWN"


def _push_words(content: bytes, *, signatures: bool) -> str:
    if len(content) <= 4:
        return str(_signed(content))
    if signatures and content[0] == 0x30 and 9 <= len(content) <= 73 and content[-1] in _HASH_TYPES:
        return f"{content[:-1].hex()}[{_HASH_TYPES[content[-1]]}]"
    return content.hex()


def _signed(content: bytes) -> int:
    if not content:
        return 0
    value = int.from_bytes(content, "little")
    sign = 1 << (8 * len(content) - 1)
    return sign - value if value & sign else value
