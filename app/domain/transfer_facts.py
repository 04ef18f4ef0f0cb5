"""What is told of a transfer to each of its accounts: TRANSFER_SENT and TRANSFER_RECEIVED, with the balance after it."""

from collections.abc import Mapping

from app import money
from app.domain import transfer_text
from app.domain.facts import Owner
from app.domain.ledger import Line, Posted
from app.domain.outbox import Fact
from app.domain.transfer_text import quoted
from app.domain.transfers import Transfer


def told(posted: Posted, transfer: Transfer, owners: Mapping[int, Owner]) -> list[Fact]:
    """One fact for each account, in the order of the entry's lines; the treasury is told nothing."""
    decimals = transfer.decimals
    gives, takes = transfer_text.side(transfer.givers, decimals), transfer_text.side(transfer.takers, decimals)
    begins = f'"transfer":{transfer.id},"type":{quoted(transfer.kind)}'
    ends = (
        f'"asset":{quoted(transfer.asset)},{transfer_text.described(transfer)},'
        f'"created":"{transfer_text.time(transfer.created)}"'
    )
    return [
        _fact(owners[line.posting.account], line, decimals, (begins, gives, takes, ends))
        for line in posted.lines
        if line.posting.account >= 0
    ]


def _fact(owner: Owner, line: Line, decimals: int, shared: tuple[str, str, str, str]) -> Fact:
    """Tell an account its own part: on its side of the transfer it hears of nobody else."""
    (_, _, amount, _), (available, incoming, held, outgoing, _) = line
    begins, gives, takes, ends = shared
    name, show = quoted(owner.foreign_id), money.show
    message = (
        f'{{"account_id":"{owner.address}","foreign_id":{name},{begins},'
        f'"from":{name if amount < 0 else gives},"to":{name if amount > 0 else takes},'
        f'"amount":"{show(abs(amount), decimals)}",{ends},"balance":{{"available":"{show(available, decimals)}",'
        f'"incoming":"{show(incoming, decimals)}","held":"{show(held, decimals)}",'
        f'"outgoing":"{show(outgoing, decimals)}"}}}}'
    )
    return Fact(owner.id, owner.foreign_id, "TRANSFER_RECEIVED" if amount > 0 else "TRANSFER_SENT", message)
