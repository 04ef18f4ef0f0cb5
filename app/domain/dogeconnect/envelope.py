"""Payment requests as wallets read them (DogeConnect 1.0): what to pay, to whom and for what, signed."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar, Final
from urllib.parse import quote

import orjson

from app.domain import rates
from app.domain.accounts import Account
from app.domain.dogecoin import hash256
from app.domain.invoices import Invoice
from app.domain.refusals import Conflict
from app.money import DUST, Koinu, parse, show

VERSION: Final = "1.0"
MAX_BYTES: Final = 100_000
"""The largest transaction that a wallet may submit."""
OPEN_SECONDS: Final = 24 * 60 * 60
"""How long a wallet may take where the invoice never expires."""
_HASH_BYTES: Final = 15
_HTTPS: Final = "https://"


class Over(Conflict):
    """The invoice is {state}: nothing is to be paid for it."""

    code: ClassVar[str | None] = "expired"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the relay at `url` asks of a wallet: to return its `token`, and a fee of so many koinu/kB.

    `shop` is the name of accounts that have no `vendor_name`.
    """

    url: str
    token: str
    fee_per_kb: Koinu
    shop: str


def still_due(invoice: Invoice) -> Koinu:
    """Return what is still enough to pay the invoice."""
    return Koinu(max(0, invoice.due - invoice.received))


def check_open(invoice: Invoice, now: datetime) -> None:
    """Refuse with Over where nothing is to be paid any more."""
    if not still_due(invoice):
        raise Over(state="paid")
    if invoice.cancelled:
        raise Over(state="cancelled")
    if invoice.expired or (invoice.expires is not None and invoice.expires <= now):
        raise Over(state="expired")


def payload(invoice: Invoice, vendor: Account, terms: Terms, now: datetime, *, with_items: bool) -> bytes:
    """Return the request as JSON. The items and the reference are only for holders of the invoice's token."""
    seconds = OPEN_SECONDS if invoice.expires is None else int((invoice.expires - now).total_seconds())
    items = orjson.loads(invoice.items) if with_items else []
    request = {
        "type": "payment",
        "id": invoice.address,
        "issued": now.isoformat(timespec="seconds"),
        "timeout": max(1, seconds),
        "relay": terms.url,
        "relay_token": terms.token,
        "fee_per_kb": show(terms.fee_per_kb),
        "max_size": MAX_BYTES,
        "vendor_icon": vendor.vendor_icon,
        "vendor_name": vendor.vendor_name or terms.shop,
        "vendor_address": vendor.vendor_address,
        "vendor_url": vendor.vendor_url,
        "vendor_order_url": "",
        "vendor_order_id": invoice.reference if with_items else "",
        "order_reference": "",
        "note": "",
        "total": show(invoice.total),
        "fees": _subtotal(items, "fee"),
        "taxes": _subtotal(items, "tax"),
        **_money(invoice, items),
        "items": [_item(number, item) for number, item in enumerate(items, 1)],
        "outputs": [{"address": invoice.address, "amount": show(_to_pay(invoice))}],
    }
    return orjson.dumps(request)


def envelope(content: bytes, public_key: bytes, sign: Callable[[bytes], bytes]) -> dict[str, str]:
    """Wrap a payload: `sign` signs its double SHA-256 (BIP-340)."""
    return {
        "version": VERSION,
        "payload": b64encode(content).decode(),
        "pubkey": public_key.hex(),
        "sig": sign(hash256(content)).hex(),
    }


def uri_parameters(url: str, public_key: bytes) -> str:
    """Return what a `dogecoin:` URI says of the envelope at `url`; "" where that is not https.

    Wallets put https before it.
    """
    if not url.startswith(_HTTPS) or not public_key:
        return ""
    key_hash = urlsafe_b64encode(sha256(public_key).digest()[:_HASH_BYTES]).decode()
    return f"&dc={quote(url.removeprefix(_HTTPS), safe='')}&h={key_hash}"


def _to_pay(invoice: Invoice) -> Koinu:
    """Return what is missing of the total; wallets make no output below the dust limit."""
    return Koinu(max(invoice.total - invoice.received, DUST))


def _item(number: int, item: dict[str, Any]) -> dict[str, object]:
    """Show an item of the invoice; none of its names may be empty."""
    return {
        "type": item["type"],
        "id": item["sku"] or str(number),
        "icon": item["image_link"],
        "name": item["name"] or item["type"],
        "desc": item["description"],
        "count": item["quantity"],
        "unit": item["value"],
        "total": show(_line_total(item)),
        "tax": "",
    }


def _money(invoice: Invoice, items: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the price in money, and the taxes in it."""
    if invoice.fiat_currency is None or invoice.fiat_total is None:
        return {"fiat_total": "", "fiat_tax": "", "fiat_currency": ""}
    currency = invoice.fiat_currency
    taxes = [
        rates.parse_money(item["fiat_value"], currency) * int(item["quantity"])
        for item in items
        if item["type"] == "tax"
    ]
    return {
        "fiat_total": rates.show_money(invoice.fiat_total, currency),
        "fiat_tax": rates.show_money(sum(taxes), currency) if taxes else "",
        "fiat_currency": currency,
    }


def _subtotal(items: Sequence[dict[str, Any]], kind: str) -> str:
    """Return the sum of the items of this kind; "" if there are none."""
    totals = [_line_total(item) for item in items if item["type"] == kind]
    return show(sum(totals)) if totals else ""


def _line_total(item: dict[str, Any]) -> int:
    return parse(item["value"]) * int(item["quantity"])
