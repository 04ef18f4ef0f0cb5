"""Invoices: issuing them, what they have received, paying them from an account, refunds, and their end."""

from app.domain.invoices.cancelling import CANCEL, CancelOrder
from app.domain.invoices.expiry import ANY_LATE, expire
from app.domain.invoices.invoice import (
    FETCH,
    FETCH_OF,
    Invoice,
    InvoiceKey,
    NoSuchInvoice,
    by_addresses,
    fetch,
)
from app.domain.invoices.issuing import CREATE, InvoiceOrder, create
from app.domain.invoices.items import ITEMS, Item
from app.domain.invoices.items import shown as items_shown
from app.domain.invoices.listing import ALL, InvoiceFilter, page
from app.domain.invoices.pay_from_account import (
    PAY_ELSEWHERE,
    PAY_FROM,
    PAY_FROM_ON_CHAIN,
    PayFromOrder,
    on_chain_order,
)
from app.domain.invoices.pricing import Price, check_price
from app.domain.invoices.receipts import (
    LockedInvoice,
    Receipts,
    invoice_amounts,
    invoice_payment,
    invoice_refunded,
    lock,
    transition,
    write,
)
from app.domain.invoices.refunds import REFUND_TO_ACCOUNT, REFUND_TO_ADDRESS, Refund
from app.domain.invoices.renewal import (
    RENEW,
    NotRenewable,
    Order,
    RenewOrder,
    invoice_renewed,
    order_of,
    renew,
)
from app.domain.invoices.showing import invoice_created, invoice_shown
from app.domain.invoices.status import STATUS, InvoicePayment, InvoiceStatus, payments_of, statuses
