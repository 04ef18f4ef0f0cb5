"""A tour of the running program. Like a shop it opens an account, issues an invoice, and shows the events."""

import asyncio
import json
import shlex
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx
from rich.console import Console
from rich.text import Text

from app.cli.demo.api import ACCOUNT, ORDER, DemoApi

REFERENCE: Final = "demo-order"
SHOP: Final = {"vendor_name": "Much Wow"}
FRIEND: Final = "demo-friend"
EXAMPLE: Final = {"items": [{"type": "item", "name": "Treat", "value": "4.20", "quantity": 2}]}
GOLD: Final = {"code": "gold_coins", "name": "Gold coins", "decimals": 0}
PLAYERS: Final = ("alice", "bob")
COINS: Final = "100"
POLL_SECONDS: Final = 0.25
PAGE: Final = 100
NO_EVENTS: Final = "NET"  # a class that filters take, and that has no events
LINE_CHARACTERS: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class TourUrls:
    """Where the parts of the running program are, seen from this machine. `node` has a wallet that can pay.

    `node_login` is curl's option for it. `token` is the admin API's; the printed lines take it from the
    environment. `shop` is "" where the demo runs none.
    """

    admin: str
    public: str
    shop: str = ""
    mqtt: str = ""
    node: str = ""
    node_login: str = ""
    token: str = field(default="", repr=False)


class Tour:
    """Talks to the program over HTTP as a shop would, and to the reader on `console`."""

    def __init__(self, urls: TourUrls, console: Console, api: DemoApi) -> None:
        self._urls = urls
        self._console = console
        self._api = api

    async def run(self) -> None:
        """Run until cancelled; raises TourEnds where the program does not answer as it should."""
        cursor = await self._end_of_events()
        await self._api.ask("POST", f"/account/{ACCOUNT}", SHOP)
        invoice = await self._open_invoice() or await self._new_invoice()
        await self._open_players()
        await self._api.ask("POST", f"/account/{FRIEND}", {})
        friend = await self._api.ask("POST", f"/account/{FRIEND}/address", {})
        self._explain(invoice, str(friend["address"]))
        while True:
            cursor = await self._show_events(cursor)

    async def _open_invoice(self) -> dict[str, Any] | None:
        """Return an unpaid invoice of an earlier run, so that starting again goes on with it."""
        which = f"state=unpaid&reference={REFERENCE}&limit=1"
        page = await self._api.ask("GET", f"/account/{ACCOUNT}/invoices?{which}")
        return next(iter(page["items"]), None)

    async def _new_invoice(self) -> dict[str, Any]:
        order = {**ORDER, "reference": REFERENCE}
        return await self._api.ask("POST", f"/account/{ACCOUNT}/invoice", order)

    async def _open_players(self) -> None:
        """Open accounts with credits from the treasury; those of an earlier run stay as they are."""
        await self._api.ask("POST", "/assets", GOLD, accepted=httpx.codes.CONFLICT)
        for name in PLAYERS:
            await self._api.ask(
                "POST", f"/account/{name}", {"opening": {GOLD["code"]: COINS}}, accepted=httpx.codes.CONFLICT
            )

    async def _end_of_events(self) -> str:
        """Return the cursor after all events; a request for a class without events skips many thousands."""
        cursor, before = "0", ""
        while cursor != before:
            page = await self._api.ask("GET", f"/events?types={NO_EVENTS}&cursor={cursor}")
            cursor, before = str(page["cursor"]), cursor
        return cursor

    async def _show_events(self, cursor: str) -> str:
        """Show the events after the cursor, wait a moment if they are few, and return the next cursor."""
        page = await self._api.ask("GET", f"/events?cursor={cursor}&limit={PAGE}")
        for event in page["items"]:
            self._print(line_of(event))
        if len(page["items"]) < PAGE:
            await asyncio.sleep(POLL_SECONDS)
        return str(page["cursor"])

    def _explain(self, invoice: dict[str, Any], friend: str) -> None:
        """Print what runs where, and what to try."""
        urls = self._urls
        self._print(Text("\nKennel is running.", style="bold yellow"))
        page = f"{urls.public}/pay/{invoice['id']}?token={invoice['token']}"
        shop = f"{urls.shop}  (a small shop: buy, and pay with the demo's wallet)"
        rows = [
            ("open this", shop if urls.shop else page),
            ("admin API", f"{urls.admin}  (all routes: {urls.admin}/docs)"),
            ("public API", urls.public),
            ("MQTT", f"{urls.mqtt}  (topics kennel/#)" if urls.mqtt else "none"),
            ("node", urls.node or "none"),
            ("account", ACCOUNT),
            ("credits", f"{COINS} {GOLD['code']} each for {' and '.join(PLAYERS)}, from the treasury"),
            ("invoice", f"{invoice['id']}, {invoice['total']} DOGE"),
            ("its page", page),
            ("its QR code", f"{urls.public}/invoice/{invoice['id']}/qr.png"),
        ]
        for name, value in rows:
            self._print(Text.assemble((f"  {name:<12}", "bold"), value))
        for purpose, line in shell_lines(urls, str(invoice["id"]), str(invoice["total"]), friend):
            self._print(Text(f"\n# {purpose}", style="green"))
            self._print(Text(line))
        self._print(Text("\nWhat happens (Ctrl-C stops everything; starting again goes on):", style="bold"))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


def shell_lines(urls: TourUrls, invoice: str, total: str, friend: str) -> list[tuple[str, str]]:
    """Return lines for a shell, each with its purpose: issue, look at and pay an invoice, pay out, refund.

    `friend` is an address of another account, to which the last two go. Without a node's wallet the third
    line, the payment URI, is the last.
    """
    key = '-H "Authorization: Bearer $KENNEL_ADMIN_TOKEN" ' if urls.token else ""
    account = f"{urls.admin}/account/{ACCOUNT}"
    lines = [
        ("Issue an invoice.", f"curl -s {key}{account}/invoice -d {shlex.quote(json.dumps(EXAMPLE))}"),
        ("Look at the invoice above.", f"curl -s {key}{account}/invoice/{invoice}"),
    ]
    if not urls.node:
        return [*lines, ("Pay it with any wallet.", f"dogecoin:{invoice}?amount={total}")]
    call = f'{{"method":"sendtoaddress","params":["{invoice}",{total}]}}'
    refund = f"{urls.admin}/invoice/{invoice}/refundtoaddr/{friend} -d {_body(amount='1')}"
    return [
        *lines,
        ("Pay it from the faucet.", f"curl -s {urls.node_login} {urls.node} -d {shlex.quote(call)}"),
        (
            f"Once it is confirmed, send some of it to {FRIEND}.",
            f"curl -s {key}{account}/pay -d {_body(to=friend, amount='5')}",
        ),
        ("Give some of it back.", f"curl -s {key}-H 'Idempotency-Key: demo-refund' {refund}"),
    ]


def _body(**members: str) -> str:
    return shlex.quote(json.dumps(members))


def line_of(event: dict[str, Any]) -> Text:
    """Return an event in one line: when, what, and the main fields of its message."""
    name, message = str(event["event_type"]), event["message"]
    when = datetime.fromisoformat(event["created"]).astimezone().strftime("%H:%M:%S")
    style = "green" if name.endswith("CONFIRMED") and "UN" not in name else "cyan"
    style = "red" if name.startswith("SYS") or name.endswith("UNCONFIRMED") else style
    words = _words(message, undone=name.endswith("UNDONE")) if isinstance(message, dict) else str(message)
    words = "".join(letter if letter.isprintable() else " " for letter in words)
    return Text.assemble((f"{when} ", "dim"), (f"{name:<29} ", style), words[:LINE_CHARACTERS])


_WORDS: Final = (
    ("pay_to_address", "{id}: {total} DOGE asked for"),
    ("transfer", "{foreign_id}: {amount} {asset} from {from} to {to} ({type})"),
    ("from", "{foreign_id}: {amount} {hold[asset]} of hold {hold[id]} from {from} to {to}"),
    (
        "hold",
        (
            "{foreign_id}: {amount} {hold[asset]}, "
            "hold {hold[id]} is {hold[state]} with {hold[remaining]} left in it"
        ),
    ),
    (
        "escrow",
        (
            "{foreign_id}: escrow {escrow[id]} of {escrow[amount]} {escrow[asset]} "
            "for {escrow[order_id]} is {escrow[state]}"
        ),
    ),
    ("refunded", "{invoice_id}: {amount} DOGE go back to {to}, {refunded} of {total_incoming} in all"),
    ("vout invoice_total", "{invoice_id}: {amount} DOGE of {invoice_total}, in no block"),
    (
        "invoice_total",
        "{invoice_id}: {total_incoming} of {invoice_total} received, {total_confirmed} confirmed",
    ),
    (
        "current_balance",
        (
            "{foreign_id}: {current_balance} to spend, {incoming_balance} coming in, "
            "{outgoing_balance} going out"
        ),
    ),
    ("invoice_id", "{invoice_id}: {amount} DOGE to {to} are not given back{after_all}"),
    ("cold_storage", "{amount} DOGE by {address}: {cold_storage} DOGE are in cold storage{after_all}"),
    ("payment_id", "{foreign_id}: payment {payment_id} of {total} DOGE to {payees} is {state}{why}"),
    (
        "vout",
        "{foreign_id}: {amount} DOGE to {address}, {confirmations} of {required_confirmations} confirmations",
    ),
    (
        "outpoint",
        "{amount} DOGE of {address} were spent by a transaction that Kennel did not make{after_all}",
    ),
    ("owing", "balances show {owing} DOGE more than there are coins"),
    ("owed", "{foreign_id}: {amount} DOGE, and {owed} are owed by then"),
    ("direction", "{foreign_id}: {amount} DOGE {direction} ({kind}){after_all}"),
    ("reason", "webhook endpoint {webhook_id} is disabled: {reason}"),
    ("webhook_id", "a test of webhook endpoint {webhook_id}"),
    ("payout_address", "{foreign_id}"),
)
"""The main fields of a message in words, by fields that only its kind has; the first that fits."""


def _words(message: dict[str, Any], *, undone: bool = False) -> str:
    """Return the main fields of a message in words; an unknown message as JSON."""
    if "block_hash" in message:
        verb = "connected" if message["connected"] else "taken back"
        return f"{message['foreign_id']}: block {message['height']} {verb}"
    template = next((words for names, words in _WORDS if message.keys() >= set(names.split())), None)
    if template is None:
        return json.dumps(message, ensure_ascii=True)
    why = f": {message['error']}" if message.get("error") else ""
    sides = {name: _several(message.get(name, ""), "account") for name in ("from", "to")}
    payees = _several(message.get("pay_to", []), "to")
    after_all = ", which was taken back" if undone or message.get("reversed") else ""
    return template.format_map({**message, **sides, "payees": payees, "why": why, "after_all": after_all})


def _several(parties: str | list[dict[str, str]], key: str) -> str:
    """Name the first of several by its `key`, and say how many more there are."""
    if not isinstance(parties, list):
        return parties
    more = f" and {len(parties) - 1} more" if len(parties) > 1 else ""
    return parties[0][key] + more if parties else "nobody"
