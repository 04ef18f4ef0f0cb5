"""What is told of a transfer to each of its accounts: TRANSFER_SENT and TRANSFER_RECEIVED, with the balance after it."""

from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring as quoted

from app import money
from app.domain.facts import Owner
from app.domain.ledger import Line, Posted
from app.domain.outbox import Fact
from app.domain.transfers import Share, Transfer


def told(posted: Posted, transfer: Transfer, owners: Mapping[int, Owner]) -> list[Fact]:
    """One fact for each account, in the order of the entry's lines; the treasury is told nothing.

    Written as text: an encoder would take longer than all the rest, and `metadata` is JSON as the caller wrote it.
    """
    sides = (_side(transfer, transfer.givers), _side(transfer, transfer.takers))
    ends = (
        f'"asset":{quoted(transfer.asset)},"reference_type":{quoted(transfer.reference_type)},'
        f'"reference":{quoted(transfer.reference)},"metadata":{transfer.metadata},'
        f'"created":"{transfer.created.isoformat()}"'
    )
    lines = [(owners[line.posting.account], line) for line in posted.lines if line.posting.account >= 0]
    return [_fact(owner, line, transfer, (*sides, ends)) for owner, line in lines]


def _side(transfer: Transfer, shares: Sequence[Share]) -> str:
    """Name who gave or got; where there are several, each with its share."""
    if len(shares) == 1:
        return quoted(shares[0].account)
    listed = (
        f'{{"account":{quoted(name)},"amount":"{money.show(amount, transfer.decimals)}"}}' for name, amount in shares
    )
    return f"[{','.join(listed)}]"


def _fact(owner: Owner, line: Line, transfer: Transfer, shared: tuple[str, str, str]) -> Fact:
    """Tell an account its own part: on its side of the transfer it hears of nobody else."""
    (_, _, amount, _), now = line
    gives, takes, ends = shared
    name, decimals = quoted(owner.foreign_id), transfer.decimals
    available, incoming, held, outgoing = (money.show(lies, decimals) for lies in now[:4])
    message = (
        f'{{"account_id":"{owner.address}","foreign_id":{name},"transfer":{transfer.id},"type":"{transfer.kind}",'
        f'"from":{name if amount < 0 else gives},"to":{name if amount > 0 else takes},'
        f'"amount":"{money.show(abs(amount), decimals)}",{ends},'
        f'"balance":{{"available":"{available}","incoming":"{incoming}","held":"{held}","outgoing":"{outgoing}"}}}}'
    )
    return Fact(owner.id, owner.foreign_id, "TRANSFER_RECEIVED" if amount > 0 else "TRANSFER_SENT", message)
