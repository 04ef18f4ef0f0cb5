"""What is told of deposits, in the order in which it happens to each: confirmed, taken back by a reorg, confirmed again."""

from app.domain import outbox
from app.domain.blocks.deposits import Deposit
from app.domain.outbox import Flow, OutboxEvent
from app.domain.owner import Owner
from app.money import show


def confirmed(owner: Owner, deposit: Deposit, confirmations: int) -> list[OutboxEvent]:
    """DEPOSIT_CONFIRMED, the deposit as api.md has it; and ACC_PAYMENT, whose `reference` is the address that was paid.

    Not when its row was written: blocks that are taken at once would say the same of deposits minutes apart.
    """
    return [_deposit(owner, "DEPOSIT_CONFIRMED", deposit, confirmations), _flow(owner, deposit)]


def unconfirmed(owner: Owner, deposit: Deposit) -> list[OutboxEvent]:
    """DEPOSIT_UNCONFIRMED, and the same ACC_PAYMENT `reversed`."""
    return [_deposit(owner, "DEPOSIT_UNCONFIRMED", deposit, 0), _flow(owner, deposit, back=True)]


def _deposit(owner: Owner, event: str, deposit: Deposit, confirmations: int) -> OutboxEvent:
    message = {
        "txid": deposit.outpoint.txid[::-1].hex(),
        "vout": deposit.outpoint.vout,
        "address": deposit.place.address,
        "invoice": "" if deposit.place.invoice is None else deposit.place.address,
        "amount": show(deposit.amount),
        "confirmations": confirmations,
        "required_confirmations": deposit.required_confirmations,
        "state": deposit.state,
    }
    return outbox.of_account(owner, event, message)


def _flow(owner: Owner, deposit: Deposit, *, back: bool = False) -> OutboxEvent:
    kind = "deposit" if deposit.place.invoice is None else "invoice"
    txid = deposit.outpoint.txid[::-1].hex()
    return outbox.account_payment(
        owner, Flow("in", kind, deposit.place.address, deposit.amount, txid), back=back
    )
