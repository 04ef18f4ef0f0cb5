"""Where an invoice is paid: its page, and the URI for wallets. With the invoice's token both show the items."""

import hmac

from app.api import qr
from app.api.context import AppContext
from app.domain import dogeconnect
from app.domain.invoices import Invoice


def has_token(invoice: Invoice, token: str) -> bool:
    """Whether this is the invoice's token; the comparison takes the same time for every wrong one."""
    return hmac.compare_digest(token.encode(), invoice.token.encode())


def pay_url(context: AppContext, invoice: Invoice, token: str = "") -> str:
    """Return the URL of the page on which the invoice is paid."""
    return f"{context.public_url}/pay/{invoice.address}{_query(token)}"


def payment_uri(context: AppContext, invoice: Invoice, token: str = "") -> str:
    """Return what the QR code says: the address, the total, and where wallets read the payment request."""
    return qr.payment_uri(invoice.address, invoice.total) + connect_parameters(context, invoice, token)


def connect_parameters(context: AppContext, invoice: Invoice, token: str = "") -> str:
    """Return where wallets read the payment request, for the end of a URI; "" once it is over."""
    if invoice.expired or invoice.cancelled:
        return ""
    url = f"{context.public_url}/dc/{invoice.address}{_query(token)}"
    return dogeconnect.uri_parameters(url, context.relay.public_key)


def _query(token: str) -> str:
    return f"?token={token}" if token else ""
