"""Groups of entries over cells: posted as a whole, with the events of each account and the balances after them."""

from collections.abc import Sequence

from app.domain import outbox
from app.domain.crossings import posting
from app.domain.crossings.crossing import Crossing
from app.domain.crossings.posting import Whole
from app.domain.ledger import Posted
from app.domain.refusals import Refusal
from app.domain.transfers import EntryGroup, InvoiceTransfer, Transfer, grouped


async def post_groups(crossing: Crossing, groups: Sequence[EntryGroup]) -> list[Refusal | None]:
    """Post the groups as `grouped.post_groups` does; the home of an entry is the cell of the account that gives."""
    wholes = [
        [Whole(entry, crossing.cell_of(entry.postings[0].account)) for entry in group.entries]
        for group in groups
    ]
    outcomes, pending = await posting.decide_together(crossing, wholes)
    refusals, events = grouped.reported(groups, outcomes)
    owners = {event.owner.id: event.owner for group in groups for event in group.events}
    await posting.write(crossing, pending, [events], owners)
    return refusals


async def post_invoice_transfers(crossing: Crossing, transfers: Sequence[InvoiceTransfer]) -> list[Transfer]:
    """Post the transfers and tell them. They were decided under the locks of their balances."""
    wholes = [Whole(transfer.entry, crossing.cell_of(transfer.payer.id)) for transfer in transfers]
    outcomes, pending = await posting.decide(crossing, wholes)
    owners = grouped.sides(transfers)
    made = grouped.invoice_transfers(owners, outcomes)
    events = [event for transfer in transfers for event in transfer.events]
    lines = [line for outcome in outcomes if isinstance(outcome, Posted) for line in outcome.lines]
    news = [*events, *outbox.balance_changes(owners, lines)]
    await posting.write(crossing, pending, [news], {owner.id: owner for owner in owners})
    return made
