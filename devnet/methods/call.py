"""What a method is, and how its arguments are read, with the node's errors word for word."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.chain import header, wire
from app.chain.wire import Transaction
from app.domain import dogecoin
from app.money import MAX_MONEY, BadAmount, parse
from devnet.node import Node

MISC, TYPE, ADDRESS, WALLET, FUNDS, PARAMETER = -1, -3, -5, -4, -6, -8
DECODE, VERIFY, REJECTED, IN_CHAIN = -22, -25, -26, -27
DOWNLOADING, WARMING_UP = -10, -28
INVALID_REQUEST, NO_METHOD, PARSE = -32600, -32601, -32700

Arguments = Sequence[Any]
Run = Callable[[Node, Arguments], object]


class RpcError(Exception):
    """A call failed: the node's code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Method:
    """One method. Its usage line names the arguments; those in parentheses may be left out."""

    usage: str
    help: str
    run: Run

    @property
    def name(self) -> str:
        """The first word of the usage."""
        return self.usage.split()[0]

    @property
    def arguments(self) -> list[str]:
        """The arguments' names, in order."""
        return [word.strip('"') for word in self.usage.split()[1:] if word not in "()"]

    @property
    def required(self) -> int:
        """The number of arguments that must be there."""
        return len(Method(self.usage.split(" (")[0], "", self.run).arguments)

    def call(self, node: Node, arguments: Arguments) -> object:
        """Run with all arguments of the usage, None if left out; a wrong number is answered with the help."""
        if not self.required <= len(arguments) <= len(self.arguments):
            raise RpcError(MISC, f"{self.usage}\n\n{self.help}\n")
        return self.run(node, [*arguments, *[None] * (len(self.arguments) - len(arguments))])


def method(usage: str, help_text: str) -> Callable[[Run], Method]:
    """Make a method of a function of node and arguments."""
    return lambda run: Method(usage, help_text, run)


def integer(value: object, default: int | None = None) -> int:
    """Read a whole number."""
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise RpcError(MISC, "JSON value is not an integer as expected")
    if isinstance(value, Decimal) or not -(2**31) <= value < 2**31:
        raise RpcError(MISC, "JSON integer out of range")
    return value


def boolean(value: object, default: bool | None = None) -> bool:  # noqa: FBT001  a value like the others
    """Read true or false."""
    if value is None and default is not None:
        return default
    if not isinstance(value, bool):
        raise RpcError(MISC, "JSON value is not a boolean as expected")
    return value


def flag(value: object, default: int = 0) -> int:
    """Read a number that may be written as false or true."""
    return int(value) if isinstance(value, bool) else integer(value, default)


def text(value: object, default: str | None = None) -> str:
    """Read a string."""
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise RpcError(MISC, "JSON value is not a string as expected")
    return value


def amount(value: object) -> int:
    """Read koinu from a number or a text in DOGE."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise RpcError(TYPE, "Amount is not a number or string")
    try:
        koinu = parse(str(value))  # as written: a number is not rounded here
    except BadAmount:
        raise RpcError(TYPE, "Invalid amount") from None
    if not 0 <= koinu <= MAX_MONEY:
        raise RpcError(TYPE, "Amount out of range")
    return koinu


def hash_of(value: object, name: str) -> bytes:
    """Read a hash, strictly; `name` is what Core calls the argument."""
    digits = text(value)
    if not digits or len(digits) % 2 or set(digits) - set("0123456789abcdefABCDEF"):
        raise RpcError(PARAMETER, f"{name} must be hexadecimal string (not '{digits[:100]}')")
    if len(digits) != 64:
        raise RpcError(PARAMETER, f"{name} must be of length 64 (not {len(digits)})")
    return header.internal(digits)


def loose_hash(value: object) -> bytes:
    """Read a hash where Core does not check its form: other text becomes a hash that nothing has."""
    try:
        return header.internal(text(value))
    except header.Unreadable:
        return b""


def transaction(value: object) -> Transaction:
    """Read a transaction in hexadecimal."""
    try:
        return wire.parse_transaction(bytes.fromhex(text(value)))
    except (ValueError, header.Unreadable):
        raise RpcError(DECODE, "TX decode failed") from None


def script_of(value: object, message: str) -> bytes:
    """Read an address of regtest as its output script; else raise error -5 with `message`."""
    try:
        return dogecoin.to_script(dogecoin.REGTEST, text(value))
    except dogecoin.BadAddress:
        raise RpcError(ADDRESS, message) from None


def expect(arguments: Arguments, *kinds: type) -> None:
    """Check the JSON types of the arguments that are there, where Core does so before anything else."""
    for value, kind in zip(arguments, kinds, strict=False):
        if value is not None and _json_type(value) != _TYPE_NAMES[kind]:
            raise RpcError(TYPE, f"Expected type {_TYPE_NAMES[kind]}, got {_json_type(value)}")


_TYPE_NAMES: dict[type, str] = {
    str: "string",
    bool: "bool",
    int: "number",
    Decimal: "number",
    list: "array",
    dict: "object",
}


def _json_type(value: object) -> str:
    return _TYPE_NAMES.get(type(value), "null")
