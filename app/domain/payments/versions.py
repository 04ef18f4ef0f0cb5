"""All that was signed for the same payments: the first transaction, and those that took its place with a higher fee."""

from typing import Final

import sqlalchemy as sa

from app.db.tables import payments, transaction_inputs, transactions

_version, _descendant = transactions.alias(), transactions.alias()


def _of(first: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    return sa.or_(_version.c.id == first, sa.and_(_version.c.replaces == first, _version.c.pays))


CURRENT: Final = sa.func.coalesce(payments.c.version_id, payments.c.transaction_id)
"""Of a payment's, the one that a block holds or held last, else the last that was signed: what it says of itself is of that one."""
SIGNED_AGAIN: Final = sa.exists().where(_version.c.replaces == transactions.c.id, _version.c.pays)
"""Whether a first one has other versions."""
MINED: Final = sa.exists().where(_of(transactions.c.id), _version.c.height.is_not(None))
"""Whether a block holds any version of a first one."""
BUILT_UPON: Final = sa.exists().where(
    _of(transactions.c.id),
    transaction_inputs.c.txid == _version.c.txid,
    _descendant.c.id == transaction_inputs.c.transaction_id,
    _descendant.c.state != "dead",
)
"""Whether a transaction of ours spends the change of any version of a first one."""
_first, _same = transaction_inputs.alias(), transaction_inputs.alias()
_SPENDS_IT: Final = sa.exists().where(
    _same.c.transaction_id == _version.c.id, _same.c.txid == _first.c.txid, _same.c.vout == _first.c.vout
)
_WITHOUT_IT: Final = sa.exists().where(_of(transactions.c.id), _version.c.state != "dead", ~_SPENDS_IT)
SHARES: Final = sa.exists().where(_first.c.transaction_id == transactions.c.id, ~_WITHOUT_IT)
"""Whether all versions of a first one spend one and the same coin: what spends that too keeps each of them out."""
