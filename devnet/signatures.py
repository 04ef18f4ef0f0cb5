"""Spending P2PKH outputs: signing them, and what is wrong with a spend (Core: `script/interpreter.cpp`)."""

from dataclasses import dataclass

import coincurve

from app.chain import wire
from app.chain.wire import Output, Transaction
from app.domain import dogecoin
from devnet.script import Malformed, is_minimal, number, operations, push

ALL, NONE, SINGLE = 1, 2, 3
HASH_TYPES = {
    "ALL": ALL,
    "NONE": NONE,
    "SINGLE": SINGLE,
    "ALL|ANYONECANPAY": 0x80 | ALL,
    "NONE|ANYONECANPAY": 0x80 | NONE,
    "SINGLE|ANYONECANPAY": 0x80 | SINGLE,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a script fails, in Core's words; `mandatory` if even a block must not hold it."""

    reason: str
    mandatory: bool


EMPTY_STACK = Fault("Operation not valid with the current stack size", mandatory=True)
WRONG_KEY = Fault("Script failed an OP_EQUALVERIFY operation", mandatory=True)
NO_SIGNATURE = Fault(
    "Script evaluated without error but finished with a false/empty top stack element", mandatory=True
)
NOT_DER = Fault("Non-canonical DER signature", mandatory=True)
HIGH_S = Fault("Non-canonical signature: S value is unnecessarily high", mandatory=False)
BAD_HASH_TYPE = Fault("Signature hash type missing or not understood", mandatory=False)
BAD_KEY = Fault("Public key is neither compressed or uncompressed", mandatory=True)
WRONG_SIGNATURE = Fault("Signature must be zero for failed CHECK(MULTI)SIG operation", mandatory=True)
LONG_PUSH = Fault("Data push larger than necessary", mandatory=False)
NOT_CLEAN = Fault("Extra items left on stack after execution", mandatory=False)


@dataclass(frozen=True, slots=True)
class Key:
    """A private key of the wallet; its repr shows only the public key."""

    public: bytes
    private: coincurve.PrivateKey

    def __repr__(self) -> str:
        return f"Key({self.public.hex()})"

    @classmethod
    def of(cls, secret: bytes, *, compressed: bool = True) -> "Key":
        """Make a key of 32 bytes, or raise `ValueError`."""
        private = coincurve.PrivateKey(secret)
        return cls(private.public_key.format(compressed=compressed), private)

    @property
    def script(self) -> bytes:
        """The P2PKH output script that pays it."""
        return dogecoin.p2pkh(dogecoin.hash160(self.public))


def sign(transaction: Transaction, index: int, key: Key, hash_type: int = ALL) -> Transaction:
    """Put the signature and the key into one input, with a new txid. Deterministic (RFC 6979), low S."""
    digest = sighash(transaction, index, key.script, hash_type)
    signature = key.private.sign(digest, hasher=None) + bytes((hash_type,))
    scripts = [spent.script for spent in transaction.inputs]
    scripts[index] = push(signature) + push(key.public)
    return _with_scripts(transaction, scripts)


def with_high_s(transaction: Transaction) -> Transaction:
    """Write a transaction that spends P2PKH with the other S, under another txid, as anybody can."""
    return _with_scripts(transaction, [_script_with_high_s(spent.script) for spent in transaction.inputs])


def sighash(transaction: Transaction, index: int, script_code: bytes, hash_type: int = ALL) -> bytes:
    """Hash what a signature of input `index` signs, the legacy way (Core: `SignatureHash`).

    `script_code` must have no OP_CODESEPARATOR.
    """
    kind, anyone_can_pay = hash_type & 0x1F, hash_type & 0x80
    if index >= len(transaction.inputs) or (kind == SINGLE and index >= len(transaction.outputs)):
        return (1).to_bytes(32, "little")  # what Core has always signed where there is nothing to sign
    inputs = [
        spent._replace(
            script=script_code if position == index else b"",
            sequence=spent.sequence if position == index or kind not in (NONE, SINGLE) else 0,
        )
        for position, spent in enumerate(transaction.inputs)
        if position == index or not anyone_can_pay
    ]
    outputs = transaction.outputs
    if kind == NONE:
        outputs = ()
    elif kind == SINGLE:
        outputs = (Output(2**64 - 1, b""),) * index + outputs[index : index + 1]
    parts = transaction._replace(inputs=tuple(inputs), outputs=outputs)
    return dogecoin.hash256(wire.serialise(parts) + hash_type.to_bytes(4, "little"))


def _with_scripts(transaction: Transaction, scripts: list[bytes]) -> Transaction:
    inputs = [
        spent._replace(script=script) for spent, script in zip(transaction.inputs, scripts, strict=True)
    ]
    return wire.assemble(
        inputs, transaction.outputs, version=transaction.version, lock_time=transaction.lock_time
    )


def _script_with_high_s(input_script: bytes) -> bytes:
    signature, key = (content or b"" for _, content in operations(input_script))
    return push(_with_other_s(signature)) + push(key)


def _with_other_s(signature: bytes) -> bytes:
    """Write a DER signature with the order less S, which is valid too (Core: `CPubKey::Verify`)."""
    r = signature[2 : 4 + signature[3]]
    s = number(dogecoin.CURVE_ORDER - _s(signature))[::-1]
    both = r + bytes((2, len(s))) + s
    return bytes((0x30, len(both))) + both + signature[-1:]


def fault(
    transaction: Transaction, index: int, output_script: bytes, *, in_block: bool = False
) -> Fault | None:
    """Return the fault of a spend of a P2PKH output, or None. A block may hold a high S."""
    try:
        pushed = list(operations(transaction.inputs[index].script))
    except Malformed:
        return EMPTY_STACK
    if len(pushed) < 2:
        return EMPTY_STACK
    stack = [content for _, content in pushed if content is not None]
    if len(stack) < len(pushed) or any(not is_minimal(opcode, content or b"") for opcode, content in pushed):
        return LONG_PUSH
    signature, key = stack[-2:]
    if dogecoin.hash160(key) != output_script[3:23]:
        return WRONG_KEY
    if in_block and _is_der(signature[:-1]) and _s(signature) > dogecoin.CURVE_ORDER // 2:
        signature = _with_other_s(signature)
    return (
        _signature_fault(signature)
        or _verify(transaction, index, output_script, signature, key)
        or (NOT_CLEAN if len(stack) > 2 else None)
    )


def _signature_fault(signature: bytes) -> Fault | None:
    if not signature:
        return NO_SIGNATURE
    if not _is_der(signature[:-1]):
        return NOT_DER
    if _s(signature) > dogecoin.CURVE_ORDER // 2:
        return HIGH_S
    return None if signature[-1] in HASH_TYPES.values() else BAD_HASH_TYPE


def _verify(
    transaction: Transaction, index: int, output_script: bytes, signature: bytes, key: bytes
) -> Fault | None:
    if (len(key), key[:1]) not in ((33, b"\x02"), (33, b"\x03"), (65, b"\x04")):
        return BAD_KEY
    digest = sighash(transaction, index, output_script, signature[-1])
    try:
        is_valid = coincurve.PublicKey(key).verify(signature[:-1], digest, hasher=None)
    except ValueError:
        is_valid = False
    return None if is_valid else WRONG_SIGNATURE


def _is_der(signature: bytes) -> bool:
    """Say whether this is strict DER of two positive numbers, without a hash type (BIP66)."""
    if not 8 <= len(signature) <= 72 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return False
    r_length = signature[3]
    if r_length + 7 > len(signature):
        return False
    s_length = signature[5 + r_length]
    if r_length + s_length + 6 != len(signature):
        return False
    return _is_positive(signature[2 : 4 + r_length]) and _is_positive(signature[4 + r_length :])


def _is_positive(encoded: bytes) -> bool:
    content = encoded[2:]
    if encoded[0] != 2 or not content or content[0] & 0x80:
        return False
    return not (len(content) > 1 and content[0] == 0 and not content[1] & 0x80)


def _s(signature: bytes) -> int:
    return int.from_bytes(signature[6 + signature[3] : -1], "big")
