"""An example of each type of event, made by the functions that make events: for the docs and for OpenAPI."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from app.db.tables import CLAWBACK
from app.domain import (
    accounts,
    blocks,
    cold,
    dogecoin,
    holds,
    invoices,
    outbox,
    payments,
    transfers,
    webhooks,
)
from app.domain.accounts import Account
from app.domain.blocks import Deposit, OwnAddress
from app.domain.dogecoin import REGTEST, Outpoint
from app.domain.escrows import Escrow, fee_earned, state_events
from app.domain.holds import Hold
from app.domain.invoices import Invoice, LockedInvoice, Receipts
from app.domain.ledger import AppliedPosting, Asset, Balance, Bucket, Entry, Posted, Posting
from app.domain.outbox import Event, OutboxEvent
from app.domain.owner import Owner
from app.domain.payments import Payment, PaymentOutput
from app.domain.sightings import Sighting, sighting_event
from app.domain.transfers import Share, Transfer
from app.domain.webhooks import Endpoint, health
from app.money import COIN, NOTHING, Koinu

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADDRESSES: Final = ("mfWyW5fc9NUj75YAnFgoRLrjxgLDn2MMth", "mhM94zUTDjmcrbwYnN9LSQqhrShs5nNAmM")
OTHER_TXID: Final = bytes(range(32))
TXID: Final = bytes.fromhex("6f7cf9580f1c2dfb3c4d5d043cdbb128c640e3f20161245aa7372e9666168516")
BLOCK: Final = "82bc68038f6034c0596b6e313729793a887fded6e92a31fbdf70863f89d9bea2"
SHOP: Final = Owner(7, "shibe-shop", "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv")
CUSTOMER: Final = Owner(8, "alice", "mrp1Ti3cde6BxfuGrBDbXiTxVcqAgJ4xDj")
PLATFORM: Final = Owner(0, "platform", "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV")
TOKEN: Final = "ZxGrZCv9HYb9v6vKZSXfAw"  # noqa: S105  an example
GOLD: Final = Asset("gold_coins", "Gold coins", 0, NOON)
TEN: Final = Koinu(10 * COIN)
ITEM: Final = {
    "type": "item", "name": "Doge plush", "sku": "D-1", "description": "", "value": "10", "quantity": 1,
    "image_link": "",
}  # fmt: skip


def all_types() -> Mapping[str, OutboxEvent]:
    """Return an example of each type, in the order of the documents."""
    nouns = (_accounts, _deposits, _invoices, _payments, _transfers, _holds, _escrows, _system)
    return {example.type: example for examples in nouns for example in examples()}


def event(example: OutboxEvent) -> Event:
    """Number an example as if it were the third event of its account."""
    event_id = "5075987376cc0e765da04c79581afc94"
    return Event(42, example.account_id, 3, example.foreign_id, event_id, example.type, example.message, NOON)


_OPENED: Final = Account(
    id=SHOP.id, foreign_id=SHOP.foreign_id, xpub="", address=SHOP.address, payout_address="",
    payout_threshold=NOTHING, payout_frequency="", name="", vendor_name="", vendor_icon="",
    vendor_address="", vendor_url="", accept_unconfirmed_below=NOTHING, batch=False, state="open",
    created=NOON,
)  # fmt: skip


def _accounts() -> list[OutboxEvent]:
    named = replace(_OPENED, name="Shibe Shop")
    return [
        accounts.account_created(_OPENED),
        accounts.account_updated(named),
        accounts.account_closed(replace(named, state="closed")),
        outbox.balance_change(SHOP, Balance(TEN)),
        blocks.chain_activity(SHOP, 1_000, BLOCK, [TXID[::-1].hex()], connected=True),
        *blocks.debt_events(SHOP, 4 * COIN, 4 * COIN),
        *blocks.debt_events(SHOP, -3 * COIN, COIN),
    ]


def _deposits() -> list[OutboxEvent]:
    address = OwnAddress(SHOP.id, 0, 4, "invoice", REGTEST, dogecoin.to_script(REGTEST, ADDRESSES[0]))
    deposit = Deposit(Outpoint(TXID, 1), address, TEN, 6).seen(995, 1)
    return [
        *_sightings(Sighting(SHOP, Outpoint(TXID, 1), 0, 5, None, ADDRESSES[1], TEN, 6), None),
        *blocks.deposit_unconfirmed(SHOP, deposit.undone()),
        *blocks.deposit_confirmed(SHOP, deposit.confirmed(), 6),
    ]


def _sightings(sighting: Sighting, receipts: Receipts | None) -> list[OutboxEvent]:
    double_spent = replace(sighting, state="double_spent")
    return [
        sighting_event(sighting, "SEEN", receipts),
        sighting_event(double_spent, "DOUBLE_SPENT", receipts, spent_by=OTHER_TXID[::-1].hex()),
        sighting_event(replace(sighting, state="dropped"), "DROPPED", receipts),
    ]


def _invoices() -> list[OutboxEvent]:
    invoice = Invoice(
        owner=SHOP, index=4, address=ADDRESSES[0], items=json.dumps([ITEM]), total=TEN, due=TEN,
        required_confirmations=6, token=TOKEN, reference="order-7", metadata="{}", received=NOTHING,
        confirmed=NOTHING, settled=False, confirmation_lost=False, created=NOON,
        expires=NOON + timedelta(hours=1),
    )  # fmt: skip
    payment = Sighting(SHOP, Outpoint(TXID, 1), 0, 4, 4, ADDRESSES[0], TEN, 6)
    part, whole, over = Koinu(4 * COIN), TEN, Koinu(12 * COIN)
    paid = {
        "INV_BALANCE_CHANGED": (part, 0),
        "INV_PART_PAYMENT_DETECTED": (part, 0),
        "INV_TOTAL_PAYMENT_DETECTED": (whole, 0),
        "INV_OVER_PAYMENT_DETECTED": (over, 0),
        "INV_TOTAL_PAYMENT_CONFIRMED": (whole, whole),
        "INV_OVER_PAYMENT_CONFIRMED": (over, over),
        "INV_PAYMENT_UNCONFIRMED": (0, 0),
        "INV_EXPIRED": (0, 0),
        "INV_CANCELLED": (0, 0),
        "INV_LATE_PAYMENT_DETECTED": (part, 0),
    }
    unpaid = Receipts(
        ADDRESSES[0], TEN, TEN, 6, NOTHING, NOTHING, detected=False, settled=False, confirmation_lost=False
    )
    refund = invoices.invoice_refunded(SHOP, unpaid.plus(whole, whole), whole, whole, ADDRESSES[1])
    return [
        invoices.invoice_created(invoice),
        *_sightings(payment, unpaid),
        *(invoices.invoice_payment(SHOP, name, unpaid.plus(*amounts)) for name, amounts in paid.items()),
        invoices.invoice_renewed(LockedInvoice(SHOP, 4, unpaid, NOTHING, NOTHING), ADDRESSES[1]),
        refund,
    ]


def _payments() -> list[OutboxEvent]:
    output = PaymentOutput(ADDRESSES[1], b"", TEN, 0)
    requested = Payment(
        owner=SHOP, id=12, kind="pay", state="PENDING", amount=TEN, reserved=Koinu(11 * COIN),
        explicit_fee=NOTHING, max_fee=COIN, paid=None, fee=None, transaction_id=None, batch=False,
        reference="withdrawal-3", error="", created=NOON, outputs=(output,),
    )  # fmt: skip
    fee = Koinu(COIN // 100)
    sent = requested._replace(state="BROADCAST", paid=TEN, fee=fee, transaction_id=5, txid=TXID)
    states = {
        "PAYMENT_SENT": "BROADCAST",
        "PAYMENT_REPLACED": "BROADCAST",
        "PAYMENT_ON_CHAIN": "BROADCAST",
        "PAYMENT_CONFIRMED": "CONFIRMED",
        "PAYMENT_UNCONFIRMED": "BROADCAST",
        "PAYMENT_VOIDED": "VOIDED",
    }
    failed = sent._replace(
        state="FAILED",
        error="Another transaction spent the coins of this payment.",
        returned=sent.total,
    )
    refund = failed._replace(kind="refund", reference=ADDRESSES[0])
    return [
        payments.payment_event(requested, "PAYMENT_REQUESTED"),
        payments.payment_event(requested._replace(state="AWAITING_APPROVAL"), "PAYMENT_AWAITING_APPROVAL"),
        payments.payment_event(requested, "PAYMENT_APPROVED"),
        payments.payment_event(
            requested._replace(state="VOIDED", returned=requested.total), "PAYMENT_REJECTED"
        ),
        *(
            payments.payment_event(sent._replace(state=state, returned=TEN), name)
            for name, state in states.items()
        ),
        payments.payment_event(sent._replace(former=OTHER_TXID), outbox.TXID_CHANGED),
        payments.payment_event(failed, "PAYMENT_FAILED"),
        payments.refund_returned(refund),
    ]


def _transfers() -> list[OutboxEvent]:
    postings = (
        Posting(CUSTOMER.id, Bucket.AVAILABLE, -25, GOLD.code),
        Posting(SHOP.id, Bucket.AVAILABLE, 25, GOLD.code),
    )
    entry = Entry("TRANSFER", ("transfer", "x"), "x", postings)
    lines = (AppliedPosting(postings[0], Balance(75)), AppliedPosting(postings[1], Balance(25)))
    sides = (Share(CUSTOMER.foreign_id, 25),), (Share(SHOP.foreign_id, 25),)
    transfer = Transfer(
        31, "x", "TRANSFER", *sides, GOLD.code, GOLD.decimals, 25, "order", "order-7", "{}", NOON
    )
    return transfers.transfer_events(
        Posted(entry, lines, 0, 31, NOON), transfer, {SHOP.id: SHOP, CUSTOMER.id: CUSTOMER}
    )


def _holds() -> list[OutboxEvent]:
    later = NOON + timedelta(days=1)
    hold = Hold(CUSTOMER, 9, GOLD, 25, 25, 0, "HELD", 0, ("auction", "bid-7"), later, NOON)
    ended = replace(hold, remaining=0)
    events = [
        holds.created(hold),
        holds.released(replace(ended, state="RELEASED"), 25),
        holds.captured(replace(ended, state="CAPTURED", captured=25), SHOP, 25)[0],
        holds.expired(replace(ended, state="EXPIRED"), 25),
    ]
    return [transfers.with_balance(event, GOLD, Balance(75, held=hold.remaining)) for event in events]


def _escrows() -> list[OutboxEvent]:
    reference = ("order", "order-7")
    locked = Escrow(4, "order-7", CUSTOMER, SHOP, GOLD, 100, 5, None, "LOCKED", 0, 0, reference, "{}", NOON)
    ended = {
        "LOCKED": (0, 0),
        "RELEASED": (95, 0),
        "REFUNDED": (0, 100),
        "DISPUTED": (0, 0),
        "RESOLVED": (55, 40),
    }
    escrows = [
        replace(locked, state=state, to_seller=seller, to_buyer=buyer)
        for state, (seller, buyer) in ended.items()
    ]
    balances = [Balance(75, held=0 if escrow.to_seller or escrow.to_buyer else 100) for escrow in escrows]
    fee = fee_earned(escrows[1], PLATFORM, locked.fee)
    return [
        *(
            transfers.with_balance(state_events(escrow)[0], GOLD, balance)
            for escrow, balance in zip(escrows, balances, strict=True)
        ),
        transfers.with_balance(fee, GOLD, Balance(locked.fee)),
    ]


def _system() -> list[OutboxEvent]:
    endpoint = Endpoint(
        id=3, name=None, url="", types=("ALL",), foreign_id="", description="the shop's back office",
        secret="", state="disabled", legacy_base64_message=False, failing_since=NOON - timedelta(days=5),
        disabled_reason="It has failed for 5 days.", created=NOON - timedelta(days=30),
    )  # fmt: skip
    return [
        blocks.unknown_spend(ADDRESSES[0], TEN, f"{TXID[::-1].hex()}:1", BLOCK),
        blocks.unknown_spend(ADDRESSES[0], TEN, f"{TXID[::-1].hex()}:1", BLOCK, back=True),
        cold.sent(ADDRESSES[1], 5 * TEN, "12", 20 * TEN),
        cold.returned(ADDRESSES[0], TEN, f"{TXID[::-1].hex()}:1", 19 * TEN),
        *blocks.solvency_events([AppliedPosting(Posting(CLAWBACK, Bucket.AVAILABLE, -TEN), Balance(-TEN))]),
        *blocks.solvency_events([AppliedPosting(Posting(CLAWBACK, Bucket.AVAILABLE, TEN), Balance(0))]),
        health.test(endpoint),
        webhooks.disabled(endpoint),
    ]
