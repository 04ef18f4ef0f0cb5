"""What the endpoints of DogeConnect need of the rest of the program; `app.workers` give the functions."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.api.node_queries import NodeUnreachable
from app.domain.dogecoin import Outpoint, UnspentOutput
from app.domain.dogeconnect import WalletTransaction
from app.domain.payments import Policy


def _nobody(_: Any) -> Any:
    raise NodeUnreachable


async def _none(_: Any) -> Any:
    raise NodeUnreachable


async def _lowest() -> Policy:
    return Policy()


@dataclass(frozen=True, slots=True)
class Relay:
    """The relay of payers' transactions. Wallets know it by its `public_key`; without one there is none.

    `sign` signs 32 bytes (BIP-340), `token` makes a word for an invoice's id, `policy` says what fees are
    relayed now. `read` reads a transaction in hexadecimal or raises InvalidTransaction. `unspent` says which outputs nothing
    spends, None for each other one, or raises NodeUnreachable.
    """

    public_key: bytes = b""
    sign: Callable[[bytes], bytes] = _nobody
    token: Callable[[str], str] = _nobody
    policy: Callable[[], Awaitable[Policy]] = _lowest
    read: Callable[[str], WalletTransaction] = _nobody
    unspent: Callable[[Sequence[Outpoint]], Awaitable[Sequence[UnspentOutput | None]]] = _none
