"""The types of events with their meanings. A filter names types, their classes, or `ALL`."""

from collections.abc import Collection, Mapping
from typing import Final

from app.domain.outbox import log
from app.domain.refusals import Invalid

WEBHOOK_TEST: Final = "SYS_WEBHOOK_TEST"
WEBHOOK_DISABLED: Final = "SYS_WEBHOOK_DISABLED"

TYPES: Final[Mapping[str, str]] = {
    "ACC_CREATED": "An account was opened.",
    "ACC_UPDATED": "An account was changed.",
    "ACC_CLOSED": "An account was closed.",
    "ACC_BALANCE_CHANGE": "An account's balance changed.",
    "ACC_PAYMENT": "Money came to an account, or is to leave it; "
    "`reversed` takes back one that was told before.",
    "ACC_DEBT_INCURRED": "A reorganisation took back more than an account still had: it owes the rest.",
    "ACC_DEBT_REPAID": "What came back to an account has paid what it owed.",
    "ACC_CHAIN_ACTIVITY": "A block touches an account.",
    "DEPOSIT_SEEN": "A transaction in the mempool pays an address. No money has moved yet.",
    "DEPOSIT_DOUBLE_SPENT": "Another transaction spends what a seen deposit's transaction spends.",
    "DEPOSIT_DROPPED": "A seen deposit's transaction is in the mempool no more, and in no block.",
    "DEPOSIT_CONFIRMED": "A deposit has its confirmations.",
    "DEPOSIT_UNCONFIRMED": "A reorganisation took a confirmed deposit back.",
    "INV_CREATED": "An invoice was made.",
    "INV_PAYMENT_SEEN": "A transaction in the mempool pays an invoice. No money has moved yet.",
    "INV_PAYMENT_DOUBLE_SPENT": "Another transaction spends what a seen payment's transaction spends.",
    "INV_PAYMENT_DROPPED": "A seen payment's transaction is in the mempool no more, and in no block.",
    "INV_BALANCE_CHANGED": "What an invoice has received changed.",
    "INV_PART_PAYMENT_DETECTED": "More came for an invoice, and it is not yet enough.",
    "INV_TOTAL_PAYMENT_DETECTED": "Enough for an invoice is in blocks.",
    "INV_OVER_PAYMENT_DETECTED": "More came than an invoice asked for.",
    "INV_TOTAL_PAYMENT_CONFIRMED": "Enough for an invoice is confirmed; `unconfirmed`: no block has it yet, "
    "and the account accepts that (`accept_unconfirmed_below`).",
    "INV_OVER_PAYMENT_CONFIRMED": "More is confirmed than an invoice asked for.",
    "INV_PAYMENT_UNCONFIRMED": "A reorganisation took the confirmation back, or what was accepted before a "
    "block had it is gone.",
    "INV_EXPIRED": "An invoice's time is over.",
    "INV_RENEWED": "The price of an invoice ran out, and its payer got a new one, in the invoice `renewed_by`.",
    "INV_CANCELLED": "An invoice was cancelled.",
    "INV_LATE_PAYMENT_DETECTED": "More came for an invoice that was over.",
    "INV_PAYMENT_REFUNDED": "Money of an invoice goes back.",
    "INV_REFUND_RETURNED": "A refund was not paid, and can be made again; `reversed`: it is paid after all.",
    "PAYMENT_REQUESTED": "Money was set aside to be paid.",
    "PAYMENT_AWAITING_APPROVAL": "A payment is above a limit: it waits for another key to approve it.",
    "PAYMENT_APPROVED": "A payment that waited was approved: it will be signed.",
    "PAYMENT_REJECTED": "A payment that waited was rejected; its money is available again.",
    "PAYMENT_SENT": "The node has a payment.",
    "PAYMENT_REPLACED": "The node refused a payment's fee: another transaction pays the same with a "
    "higher one, and only one of them can be mined.",
    "PAYMENT_ON_CHAIN": "A block holds a payment.",
    "PAYMENT_TXID_CHANGED": "A payment's transaction goes on under another txid; it pays the same.",
    "PAYMENT_CONFIRMED": "A payment has its confirmations.",
    "PAYMENT_UNCONFIRMED": "A reorganisation took a payment, or what ended it, back out of its block: "
    "it is on its way again.",
    "PAYMENT_FAILED": "A payment failed; its money is available again.",
    "PAYMENT_VOIDED": "A payment was voided; its money is available again.",
    "TRANSFER_SENT": "Money went to another account.",
    "TRANSFER_RECEIVED": "Money came from another account.",
    "HOLD_CREATED": "Money of an account was set aside.",
    "HOLD_RELEASED": "Money that was set aside is available again.",
    "HOLD_CAPTURED": "Money that was set aside went to another account.",
    "HOLD_EXPIRED": "A hold's time is over; its money is available again.",
    "ESCROW_LOCKED": "Money of a buyer was locked for an order.",
    "ESCROW_RELEASED": "The seller of an order was paid, and the platform its fee.",
    "ESCROW_REFUNDED": "The buyer of an order was paid back.",
    "ESCROW_DISPUTED": "The money for an order stays locked until its dispute is resolved.",
    "ESCROW_RESOLVED": "The money for an order was split between buyer and seller.",
    "ESCROW_FEE_EARNED": "The platform has its fee of an order.",
    "SYS_UNKNOWN_SPEND": "A coin of ours was spent by a transaction that we did not make.",
    "SYS_UNKNOWN_SPEND_UNDONE": "A reorganisation took such a spend back: the coin is ours again.",
    "SYS_COLD_SENT": "Money has gone to cold storage, and has its confirmations; `reversed`: a reorganisation took "
    "them back.",
    "SYS_COLD_RETURNED": "Money has come back from cold storage, and has its confirmations; `reversed`: a "
    "reorganisation took them back.",
    "SYS_INSOLVENT": "Balances together show more than there are coins, by `owing`.",
    "SYS_SOLVENT": "Every balance has its coins again.",
    WEBHOOK_TEST: "Somebody asked for a test of a webhook endpoint; no other endpoint gets it.",
    WEBHOOK_DISABLED: "A webhook endpoint was disabled, because it failed for too long or asked for it.",
}

FOREIGN_CLASSES: Final = frozenset({"NET"})
"""GigaWallet's filters know this class too, but it has no event."""


class UnknownType(Invalid):
    """There is no event type {type}: types takes ALL, classes such as INV, and types such as INV_CREATED."""

    field = "types"


def known(name: str) -> bool:
    """Say whether a filter may name it: a type, a class, or `ALL`."""
    return name in TYPES or name in _WORDS


def parse_filter(names: Collection[str]) -> tuple[str, ...]:
    """Return the names of a filter in upper case, each once; refuse the first that is unknown."""
    for name in names:
        if not known(name.upper()):
            raise UnknownType(type=name)
    return tuple(dict.fromkeys(name.upper() for name in names))


_WORDS: Final = frozenset({log.ALL, *FOREIGN_CLASSES, *map(log.class_of, TYPES)})
