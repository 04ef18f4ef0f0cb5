"""What `key create`, `key authorize`, `key list` and `key revoke` do: who may use the merchant's API."""

import asyncio
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import typer
from rich.console import Console
from rich.table import Column, Table
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli import operator
from app.cli.command import CannotBeDone, on_shared, started
from app.domain import access
from app.domain.access import ApiKey, NewKey, Reach
from app.domain.pages import PageRequest
from app.domain.refusals import Refusal

LISTED: Final = 1_000
_UNITS: Final = {"d": "days", "h": "hours"}


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


def create(scopes: Sequence[str], whose: tuple[Sequence[str], str], expires: str, description: str) -> None:
    """Make a key for accounts by their names or their prefix (none: for all), and print it, once."""
    from app.api.access import authentication

    with started(beside=True) as (_, database):
        secret = secrets.token_urlsafe(32)
        reach = Reach(frozenset(whose[0]), whose[1])
        ends = expiry(expires, datetime.now(UTC))
        new = _checked(authentication.digest_of(secret), frozenset(scopes), reach, description, ends)
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
    from app.api.access import authentication, authorize

    try:
        asked = authorize.read(dict(parse_qsl(urlsplit(address).query)))
    except (Refusal, ValueError) as wrong:
        raise CannotBeDone(f"This is not the address of a page that asks for a key: {wrong}") from None
    secret = secrets.token_urlsafe(32)
    async with engine.begin() as db:
        await access.make_link(db, authentication.digest_of(secret), asked.request)
        await operator.log(db, "key.authorize", asked.request.name, access.request_shown(asked.request))
    return f"{address}&link={secret}"


def authorize(address: str) -> None:
    """Print a link to the page that grants a shop's plugin its key."""
    with started(beside=True) as (_, database):
        typer.echo(asyncio.run(on_shared(database, lambda engine: link_to(engine, address))))
    sentence = "Open it within 15 minutes, look at what is asked for, and grant it: it is good for once."
    typer.echo(sentence, err=True)


def show() -> None:
    """Show the keys, without their secrets."""
    with started(beside=True) as (_, database):
        every = asyncio.run(on_shared(database, listed))
    Console().print(table(every))


def revoke(number: int) -> None:
    """End a key for good."""
    with started(beside=True) as (_, database):
        typer.echo(asyncio.run(on_shared(database, lambda engine: end(engine, number))))
