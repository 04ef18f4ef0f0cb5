"""An invoice as the API and the events show it."""

from typing import Any

import orjson

from app.domain import rates
from app.domain.invoices.invoice import Invoice
from app.domain.outbox import OutboxEvent
from app.domain.outbox.payload import json_text
from app.money import show


def invoice_shown(invoice: Invoice) -> dict[str, Any]:
    """Return the invoice as the API shows it: GigaWallet's admin form, then our fields."""
    return {
        "id": invoice.address,
        "account": invoice.owner.address,
        "items": orjson.Fragment(invoice.items),
        "required_confirmations": invoice.required_confirmations,
        "created": invoice.created.isoformat(),
        "total": show(invoice.total),
        "total_incoming": show(invoice.received),
        "total_confirmed": show(invoice.confirmed),
        "pay_to_address": invoice.address,
        "part_payment_detected": invoice.part_payment_detected,
        "total_payment_detected": invoice.total_payment_detected,
        "total_payment_confirmed": invoice.total_payment_confirmed,
        "payment_unconfirmed": invoice.payment_unconfirmed,
        "estimate_seconds_to_confirm": invoice.estimate_seconds_to_confirm,
        "token": invoice.token,
        "state": invoice.state,
        "reference": invoice.reference,
        "metadata": orjson.Fragment(invoice.metadata),
        "seen": show(invoice.seen),
        "overpaid": show(invoice.overpaid),
        "expires": invoice.expires and invoice.expires.isoformat(),
        "late": invoice.late,
        "refunded": show(invoice.refunded),
        **money_shown(invoice),
        "link": invoice.link or "",
        "renewable_until": invoice.renewable_until and invoice.renewable_until.isoformat(),
        "renews": invoice.renews or "",
        "renewed_by": invoice.renewed_by or "",
    }


def money_shown(invoice: Invoice) -> dict[str, Any]:
    """Return the price in money, and the rate by which it became DOGE; empty where the price is in DOGE."""
    if invoice.fiat_currency is None or invoice.fiat_total is None or invoice.rate is None:
        return {"fiat_total": "", "fiat_currency": "", "rate": "", "rate_source": "", "rate_at": None}
    return {
        "fiat_total": rates.show_money(invoice.fiat_total, invoice.fiat_currency),
        "fiat_currency": invoice.fiat_currency,
        "rate": rates.shown(invoice.rate),
        "rate_source": invoice.rate_source,
        "rate_at": invoice.rate_at and invoice.rate_at.isoformat(),
    }


def invoice_created(invoice: Invoice) -> OutboxEvent:
    """Return INV_CREATED."""
    message = json_text(invoice_shown(invoice))
    return OutboxEvent(invoice.owner.id, invoice.owner.foreign_id, "INV_CREATED", message)
