"""What endpoints ask the node, outside of any transaction; `run` gives the functions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from app.audit import FetchCoins
from app.domain.refusals import Invalid, Refusal


class NodeUnreachable(Refusal):
    """The Dogecoin node does not answer; try again."""

    code: ClassVar[str | None] = "not-available"


class Undecodable(Invalid):
    """error decoding transaction: {reason}"""  # noqa: D400, D415  GigaWallet's words

    field = "hex"


async def _nobody(_: object) -> Any:
    raise NodeUnreachable


async def _all() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class NodeQueries:
    """Each raises NodeUnreachable where the node does not answer; only `coins` returns None then.

    `holds`: whether the mempool has a transaction of these bytes, or one that spends one of its coins.
    `decode`: a transaction's hex as Core's decoderawtransaction shows it, amounts as Decimal; or Undecodable.
    `lowest_height`: the lowest height whose block the node has.
    """

    holds: Callable[[bytes], Awaitable[bool]] = _nobody
    decode: Callable[[str], Awaitable[dict[str, Any]]] = _nobody
    coins: FetchCoins | None = None
    lowest_height: Callable[[], Awaitable[int]] = _all
