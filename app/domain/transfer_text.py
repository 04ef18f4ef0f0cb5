"""Transfers as JSON text, for answers and for events: `metadata` stands in it as the caller wrote it.

Written by hand: an encoder would take longer than all the rest of a transfer.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Final

from app import money
from app.domain.transfers import Share, Transfer

__all__ = ["described", "quoted", "shown", "side", "time"]

time: Final = lru_cache(maxsize=100)(datetime.isoformat)
"""Write a time; all that was posted together has the same."""


def shown(transfer: Transfer) -> str:
    """Write a transfer as api.md has it."""
    reverses = "null" if transfer.reverses is None else transfer.reverses
    decimals = transfer.decimals
    return (
        f'{{"id":{transfer.id},"type":{quoted(transfer.kind)},"from":{side(transfer.givers, decimals)},'
        f'"to":{side(transfer.takers, decimals)},"asset":{quoted(transfer.asset)},'
        f'"amount":"{money.show(transfer.amount, decimals)}",{described(transfer)},'
        f'"reversed":"{money.show(transfer.reversed, decimals)}","reverses":{reverses},'
        f'"created":"{time(transfer.created)}"}}'
    )


def described(transfer: Transfer) -> str:
    """Write what the caller said of it."""
    return (
        f'"reference_type":{quoted(transfer.reference_type)},"reference":{quoted(transfer.reference)},'
        f'"metadata":{transfer.metadata}'
    )


def side(shares: Sequence[Share], decimals: int) -> str:
    """Name who gave or got; where there are several, each with its share."""
    if len(shares) == 1:
        return quoted(shares[0].account)
    listed = (f'{{"account":{quoted(name)},"amount":"{money.show(amount, decimals)}"}}' for name, amount in shares)
    return f"[{','.join(listed)}]"
