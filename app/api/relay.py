"""What the endpoints of DogeConnect need of the rest of the program; `run` gives the functions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.api.node_queries import NodeUnreachable
from app.domain.payments import Policy


def _unsigned(_: bytes) -> bytes:
    raise NodeUnreachable


def _no_token(_: str) -> str:
    raise NodeUnreachable


async def _lowest() -> Policy:
    return Policy()


@dataclass(frozen=True, slots=True)
class Relay:
    """The relay of payers' transactions. Wallets know it by its `public_key`; without one there is none.

    `sign` signs 32 bytes (BIP-340), `token` makes a word for an invoice's id, `policy` says what fees are
    relayed now.
    """

    public_key: bytes = b""
    sign: Callable[[bytes], bytes] = _unsigned
    token: Callable[[str], str] = _no_token
    policy: Callable[[], Awaitable[Policy]] = _lowest
