"""Keys that an operator grants to a shop's plugin: the grant has a code, and the plugin exchanges it for its key, once.

The code alone opens nothing: whoever exchanges it shows the secret whose hash came with the request (PKCE, RFC 7636).
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Row, bulk
from app.db.tables import STATEMENT_NOW, grant_links, key_grants
from app.domain.access import api_keys
from app.domain.access.api_keys import ApiKey, NewKey
from app.domain.access.reach import Reach
from app.domain.access.scopes import ADMIN
from app.domain.audit_log import Audited, Shown
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.refusals import Conflict, Invalid, Refusal

CODE_LASTS: Final = timedelta(minutes=5)
LINK_LASTS: Final = timedelta(minutes=15)
REMEMBERED: Final = timedelta(days=1)
"""How long it stays known that a code or a link was used."""
DELETED_AT_ONCE: Final = 1_000
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class BadCode(Invalid):
    """This code is unknown, has been used, or is over: let the operator grant the key once more."""

    field = "code"


class BadVerifier(Invalid):
    """This is not the secret whose hash came with the request."""

    field = "code_verifier"


class OtherRedirect(Invalid):
    """The code was granted for another redirect_uri."""

    field = "redirect_uri"


class LinkOver(Conflict):
    """This link has been used, is over, or was made for another request: run `kennel key authorize` once more."""


class OtherGrant(Conflict):
    """This page was used for another request: open it once more."""


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A key that a plugin asks for: by the `name` of the plugin; the code goes to `redirect_uri`.

    `challenge` is the SHA-256 of the plugin's secret, in base64url.
    """

    name: str
    scopes: frozenset[str]
    reach: Reach
    redirect_uri: str
    challenge: str

    def __post_init__(self) -> None:
        """Refuse what no key could be, and what no plugin may have."""
        if ADMIN in self.scopes:
            raise Invalid(reason="The scope admin is not granted to plugins.", field="scopes")
        NewKey(b"", self.scopes, self.reach)
        if not self.name.strip():
            raise Invalid(reason="A key is granted to a name.", field="name")
        if not _CHALLENGE.fullmatch(self.challenge):
            raise Invalid(
                reason="code_challenge is the SHA-256 of your secret in base64url, 43 characters.",
                field="code_challenge",
            )

    @property
    def fingerprint(self) -> bytes:
        """What a link is bound to: equal requests have equal ones."""
        parts = [self.name, sorted(self.scopes), sorted(self.reach.names), self.reach.prefix]
        return hashlib.sha256(json.dumps([*parts, self.redirect_uri, self.challenge]).encode()).digest()


@dataclass(frozen=True, slots=True)
class Grant:
    """An operator's yes: `digest` is the SHA-256 of the code, `link` that of the link that was used, if one was."""

    digest: bytes = field(repr=False)
    request: KeyRequest
    granted_by: str
    link: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A plugin's code, by its SHA-256, with the hash of the secret it shows, and the SHA-256 of the key's secret."""

    digest: bytes = field(repr=False)
    challenge: str
    redirect_uri: str
    secret: bytes = field(repr=False)


async def make_link(db: Db, digest: bytes, request: KeyRequest) -> None:
    """Let whoever has the link grant this request, once and soon."""
    values = {"digest": digest, "request": request.fingerprint, "expires": STATEMENT_NOW + LINK_LASTS}
    await db.execute(sa.insert(grant_links).values(values))


async def grant(db: Db, order: Grant) -> Grant | Refusal:
    """Store the grant. The same one again, by a second click, changes nothing."""
    if order.link is not None and not await _may_use(db, order.link, order):
        return LinkOver()
    await db.execute(insert(key_grants).values(_row(order)).on_conflict_do_nothing())
    stored = (await bulk.fetch_all(db, _OF_CODE, {"digest": order.digest}))[0]
    if _request(stored) != order.request:
        return OtherGrant()
    used = sa.update(grant_links).where(grant_links.c.digest == order.link)
    await db.execute(used.values(grant_digest=order.digest))
    return order


async def _may_use(db: Db, link: bytes, order: Grant) -> bool:
    """Lock the link; whether it is for this request, is not over, and was used for no other grant."""
    usable = sa.select(grant_links.c.digest).where(
        grant_links.c.digest == link,
        grant_links.c.request == order.request.fingerprint,
        grant_links.c.expires > STATEMENT_NOW,
        sa.or_(grant_links.c.grant_digest.is_(None), grant_links.c.grant_digest == order.digest),
    )
    return await db.scalar(usable.with_for_update(key_share=True)) is not None


def _row(order: Grant) -> dict[str, object]:
    request = order.request
    return {
        "digest": order.digest,
        "name": request.name,
        "scopes": sorted(request.scopes),
        "accounts": sorted(request.reach.names),
        "prefix": request.reach.prefix,
        "redirect_uri": request.redirect_uri,
        "challenge": request.challenge,
        "granted_by": order.granted_by,
        "expires": STATEMENT_NOW + CODE_LASTS,
    }


async def exchange(db: Db, order: Exchange) -> ApiKey | Refusal:
    """Make the key. The grant is locked: of two exchanges at once the second finds it used."""
    rows = await bulk.fetch_all(db, _OF_CODE.with_for_update(), {"digest": order.digest})
    if not rows or rows[0]["key_id"] is not None or rows[0]["over"]:
        return BadCode()
    request = _request(rows[0])
    if request.challenge != order.challenge:
        return BadVerifier()
    if request.redirect_uri != order.redirect_uri:
        return OtherRedirect()
    made = await api_keys.create(db, NewKey(order.secret, request.scopes, request.reach, request.name))
    if isinstance(made, ApiKey):
        used = sa.update(key_grants).where(key_grants.c.digest == order.digest)
        await db.execute(used.values(key_id=made.id))
    return made


async def delete_over(db: Db) -> bool:
    """Delete grants and links that were over long ago; whether there were any."""
    deleted = 0
    for table in (key_grants, grant_links):
        old = (
            sa.select(table.c.digest)
            .where(table.c.expires < STATEMENT_NOW - REMEMBERED)
            .limit(DELETED_AT_ONCE)
        )
        deleted += (await db.execute(sa.delete(table).where(table.c.digest.in_(old)))).rowcount
    return deleted > 0


async def _grant_all(db: Db, orders: Sequence[Grant]) -> list[Grant | Refusal]:
    return [await grant(db, order) for order in orders]


async def _load_grants(_: Db, ids: Sequence[str]) -> dict[str, Grant]:
    """Nobody repeats a grant by a key of idempotency: its code is its key."""
    del ids
    return {}


async def _exchange_all(db: Db, orders: Sequence[Exchange]) -> list[ApiKey | Refusal]:
    return [await exchange(db, order) for order in orders]


async def _before(db: Db, orders: Sequence[Grant], _: Installation) -> list[Shown | None]:
    """Return the grants that there are already: a second click is not logged again."""
    wanted = sa.literal([order.digest for order in orders], bulk.BYTES)
    stored = sa.select(key_grants).where(key_grants.c.digest == sa.any_(wanted))
    known = {bytes(row["digest"]): request_shown(_request(row)) for row in await bulk.fetch_all(db, stored)}
    return [known.get(order.digest) for order in orders]


def request_shown(request: KeyRequest) -> dict[str, Any]:
    """Return what is asked for as the audit log shows it."""
    return {
        "name": request.name,
        "scopes": sorted(request.scopes),
        "accounts": sorted(request.reach.names),
        "prefix": request.reach.prefix,
        "redirect_uri": request.redirect_uri,
    }


GRANT: Final = Command(
    "key-grant",
    plain(_grant_all),
    plain(_load_grants),
    lambda grant: grant.digest.hex(),
    audited=Audited(lambda grant: request_shown(grant.request), lambda grant: grant.request.name, _before),
)
EXCHANGE: Final[Command[Exchange, ApiKey]] = Command(
    "key-exchange",
    plain(_exchange_all),
    plain(api_keys.by_ids),
    lambda key: str(key.id),
    audited=Audited(api_keys.key_shown, lambda key: str(key.id)),
)
_OF_CODE: Final = sa.select(key_grants, (key_grants.c.expires <= STATEMENT_NOW).label("over")).where(
    key_grants.c.digest == sa.bindparam("digest", type_=sa.LargeBinary)
)


def _request(row: Row) -> KeyRequest:
    reach = Reach(frozenset(row["accounts"]), row["prefix"])
    return KeyRequest(row["name"], frozenset(row["scopes"]), reach, row["redirect_uri"], row["challenge"])
