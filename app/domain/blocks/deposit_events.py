"""The events of a deposit, in their order: confirmed, taken back by a reorg, confirmed again."""

from app.domain import outbox, rates
from app.domain.blocks.deposits import Deposit
from app.domain.outbox import Flow, OutboxEvent
from app.domain.owner import Owner
from app.money import show


def confirmed(owner: Owner, deposit: Deposit, confirmations: int) -> list[OutboxEvent]:
    """DEPOSIT_CONFIRMED, with the deposit as in api.md, and ACC_PAYMENT with the paid address as `reference`.

    Neither has the time when the row was written: blocks of one batch would have the same for deposits
    minutes apart.
    """
    return [_deposit(owner, "DEPOSIT_CONFIRMED", deposit, confirmations), _flow(owner, deposit)]


def unconfirmed(owner: Owner, deposit: Deposit) -> list[OutboxEvent]:
    """DEPOSIT_UNCONFIRMED, and the same ACC_PAYMENT `reversed`."""
    return [_deposit(owner, "DEPOSIT_UNCONFIRMED", deposit, 0), _flow(owner, deposit, back=True)]


def _deposit(owner: Owner, event: str, deposit: Deposit, confirmations: int) -> OutboxEvent:
    message = {
        "txid": deposit.outpoint.txid[::-1].hex(),
        "vout": deposit.outpoint.vout,
        "address": deposit.address.text,
        "invoice": "" if deposit.address.invoice is None else deposit.address.text,
        "amount": show(deposit.amount),
        "confirmations": confirmations,
        "required_confirmations": deposit.required_confirmations,
        "state": deposit.state,
        "fiat": rates.worth_shown(deposit.quote, deposit.amount),
    }
    return outbox.of_account(owner, event, message)


def _flow(owner: Owner, deposit: Deposit, *, back: bool = False) -> OutboxEvent:
    kind = "deposit" if deposit.address.invoice is None else "invoice"
    txid = deposit.outpoint.txid[::-1].hex()
    flow = Flow("in", kind, deposit.address.text, deposit.amount, txid)
    return outbox.account_payment(owner, flow, back=back)
