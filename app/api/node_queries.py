"""What endpoints ask the node, before and outside of any transaction; the program gives the functions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from app.audit_checks import FetchCoins
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
    """Each raises NodeUnreachable where there is no answer, but for `coins`, which says None then.

    `holds` says whether the node's mempool holds a transaction of these bytes, or one that spends a coin of it; `decode`
    shows a transaction's hexadecimal as Core's decoderawtransaction does, amounts as Decimal, or refuses with Undecodable.
    `kept_from` says from which height on the node has blocks.
    """

    holds: Callable[[bytes], Awaitable[bool]] = _nobody
    decode: Callable[[str], Awaitable[dict[str, Any]]] = _nobody
    coins: FetchCoins | None = None
    kept_from: Callable[[], Awaitable[int]] = _all
