"""Invoices: issuing them, what they have received, paying them from an account, refunds, and their end."""

from app.domain.invoices.expiry import AlreadyReceived, CancelOrder, cancel, cancelling, expire
from app.domain.invoices.invoice import (
    Invoice,
    NoSuchInvoice,
    NotInThisAccount,
    by_addresses,
    fetch,
    fetch_of,
    invoice_created,
)
from app.domain.invoices.issuing import MINUTES, InvoiceOrder, create, creating
from app.domain.invoices.items import ITEMS, LEAST_TOTAL, TYPES, Item, due, shown, total
from app.domain.invoices.listing import ALL, InvoiceFilter, page
from app.domain.invoices.pay_from_account import (
    AlreadyPaid,
    NotOpen,
    PayFromOrder,
    request,
    settle,
    settling,
    settling_on_chain,
)
from app.domain.invoices.receipts import InvoiceSums, Receipts, invoice_payment, invoice_refunded, transition
from app.domain.invoices.refunds import (
    AboveReceived,
    NothingToRefund,
    Refund,
    Twice,
    refund_inside,
    refund_on_chain,
    to_accounts,
    to_addresses,
)

__all__ = [
    "ALL",
    "ITEMS",
    "LEAST_TOTAL",
    "MINUTES",
    "TYPES",
    "AboveReceived",
    "AlreadyPaid",
    "AlreadyReceived",
    "CancelOrder",
    "Invoice",
    "InvoiceFilter",
    "InvoiceOrder",
    "InvoiceSums",
    "Item",
    "NoSuchInvoice",
    "NotInThisAccount",
    "NotOpen",
    "NothingToRefund",
    "PayFromOrder",
    "Receipts",
    "Refund",
    "Twice",
    "by_addresses",
    "cancel",
    "cancelling",
    "create",
    "creating",
    "due",
    "expire",
    "fetch",
    "fetch_of",
    "invoice_created",
    "invoice_payment",
    "invoice_refunded",
    "page",
    "refund_inside",
    "refund_on_chain",
    "request",
    "settle",
    "settling",
    "settling_on_chain",
    "shown",
    "to_accounts",
    "to_addresses",
    "total",
    "transition",
]
