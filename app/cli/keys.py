"""The commands `key create`, `key authorize`, `key list` and `key revoke`: who may use the merchant's API."""

import asyncio
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

import typer
from rich.console import Console
from rich.table import Column, Table
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.access import authentication, authorize
from app.cli import operator
from app.cli.command import on_shared, started
from app.cli.maintenance import CannotBeDone
from app.domain import access
from app.domain.access import SCOPES, ApiKey, NewKey, Reach
from app.domain.pages import PageRequest
from app.domain.refusals import Refusal

keys = typer.Typer(no_args_is_help=True, help="The keys that open the merchant's API.")
LISTED: Final = 1_000
_UNITS: Final = {"d": "days", "h": "hours"}
_SCOPES: Final = ", ".join(SCOPES)


def expiry(text: str, now: datetime) -> datetime | None:
    """Read when a key ends: a number of days or hours such as 90d, or a time with its zone; empty is never."""
    if not text:
        return None
    if match := re.fullmatch(r"([1-9][0-9]{0,4})([dh])", text):
        return now + timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CannotBeDone(f"{text!r} is neither like 90d or 12h, nor a time such as 2030-01-01T00:00:00Z.")
    return moment


async def make(engine: AsyncEngine, new: NewKey) -> ApiKey:
    """Store a key; raises CannotBeDone with the reason where it cannot be."""
    async with engine.begin() as db:
        made = await access.create(db, new)
        if isinstance(made, Refusal):
            raise CannotBeDone(str(made))
        await operator.log(db, "key.create", str(made.id), access.key_shown(made))
    return made


async def end(engine: AsyncEngine, number: int) -> str:
    """Revoke a key; returns what to print."""
    async with engine.begin() as db:
        ended = await access.revoke(db, number)
        if isinstance(ended, Refusal):
            raise CannotBeDone(str(ended))
        await operator.log(db, "key.revoke", str(ended.id), access.key_shown(ended))
    return f"Key {ended.id} is revoked. Processes that run notice it within three seconds."


async def listed(engine: AsyncEngine) -> list[ApiKey]:
    """Return the keys, newest first."""
    async with engine.connect() as db:
        return list((await access.page(db, PageRequest(None, LISTED))).items)


def table(listed: list[ApiKey]) -> Table:
    """Return the keys as a table: what each opens, and whether it still does."""
    names = ("key", "state", "scopes", "accounts", "last used", "expires", "description")
    shown = Table(*(Column(name, overflow="fold", no_wrap=name == "scopes") for name in names))
    for key in listed:
        whose = f"{key.reach.prefix}*" if key.reach.prefix else ", ".join(sorted(key.reach.names)) or "all"
        times = [_day(moment) for moment in (key.last_used, key.expires)]
        shown.add_row(str(key.id), key.state, "\n".join(sorted(key.scopes)), whose, *times, key.description)
    return shown


def _day(moment: datetime | None) -> str:
    return "never" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d")


@keys.command("create")
def create(
    scope: Annotated[list[str], typer.Option(help=f"What it may do; as often as needed: {_SCOPES}.")],
    account: Annotated[
        list[str] | None, typer.Option(help="An account that it reaches; all without.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="Or: how the names of its accounts begin.")] = "",
    expires: Annotated[str, typer.Option(help="When it ends: 90d, 12h, or a time with its zone.")] = "",
    description: Annotated[str, typer.Option(help="Whose it is, for your own list.")] = "",
) -> None:
    """Make a key and print it, once: only its hash is stored."""
    with started(beside=True) as (_, database):
        secret = secrets.token_urlsafe(32)
        reach = Reach(frozenset(account or ()), prefix)
        ends = expiry(expires, datetime.now(UTC))
        new = _checked(authentication.digest_of(secret), frozenset(scope), reach, description, ends)
        made = asyncio.run(on_shared(database, lambda engine: make(engine, new)))
    typer.echo(authentication.written(made.id, secret))
    typer.echo(f"Key {made.id}. It is shown only now.", err=True)


def _checked(
    digest: bytes, scopes: frozenset[str], reach: Reach, description: str, expires: datetime | None
) -> NewKey:
    try:
        return NewKey(digest, scopes, reach, description, expires)
    except Refusal as refusal:
        raise CannotBeDone(str(refusal)) from None


async def link_to(engine: AsyncEngine, address: str) -> str:
    """Return the address of the page with a link in it that grants what it asks for, once."""
    try:
        asked = authorize.read(dict(parse_qsl(urlsplit(address).query)))
    except (Refusal, ValueError) as wrong:
        raise CannotBeDone(f"This is not the address of a page that asks for a key: {wrong}") from None
    secret = secrets.token_urlsafe(32)
    async with engine.begin() as db:
        await access.make_link(db, authentication.digest_of(secret), asked.request)
        await operator.log(db, "key.authorize", asked.request.name, access.request_shown(asked.request))
    return f"{address}&link={secret}"


@keys.command("authorize")
def authorize_page(
    address: Annotated[
        str, typer.Argument(help="Where your shop has led you: http://.../authorize?name=...")
    ],
) -> None:
    """Print a link to the page on which you grant a shop's plugin its key, without a token or another key."""
    with started(beside=True) as (_, database):
        typer.echo(asyncio.run(on_shared(database, lambda engine: link_to(engine, address))))
    typer.echo(
        "Open it within 15 minutes, look at what is asked for, and grant it: it is good for once.", err=True
    )


@keys.command("list")
def show() -> None:
    """Show the keys, without their secrets."""
    with started(beside=True) as (_, database):
        every = asyncio.run(on_shared(database, listed))
    Console().print(table(every))


@keys.command("revoke")
def revoke(number: Annotated[int, typer.Argument(help="The key's number, as in the list.")]) -> None:
    """End a key for good."""
    with started(beside=True) as (_, database):
        typer.echo(asyncio.run(on_shared(database, lambda engine: end(engine, number))))
