"""API keys over HTTP: they are made, shown without their secrets, and revoked."""

import secrets
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import Field, Strict
from starlette.responses import Response

from app.api import cursors, fields, idempotency_keys, parameters, request_body, responses
from app.api.access import authentication
from app.api.access.acting import Acting
from app.api.access.guarded_route import GuardedRoute
from app.api.context import Commits, Context, Reading
from app.api.payment_limits import PayeeDelay, Payees, checked_payees
from app.domain import access, payment_limits
from app.domain.access import ApiKey, NewKey, Reach
from app.domain.dogecoin import Network
from app.domain.payment_limits import Terms
from app.money import Koinu

router = APIRouter(route_class=GuardedRoute)

MOST_REQUESTS: Final = 1_000_000


class WantedKey(request_body.Body):
    """What the key opens: `scopes`, and of the accounts those named, or those whose names begin with `prefix`."""

    model_config = request_body.examples(
        {"scopes": ["accounts:read", "invoices:write"], "accounts": ["shop-1"], "description": "WooCommerce"},
        {"scopes": ["ledger:read", "reports:read"], "prefix": "tenant-7.", "expires": "2030-01-01T00:00:00Z"},
    )

    scopes: Annotated[frozenset[fields.Label], Field(max_length=50), Strict(strict=False)]
    accounts: Annotated[
        frozenset[fields.Name], Field(max_length=access.MOST_ACCOUNTS), Strict(strict=False)
    ] = frozenset()
    prefix: fields.Label = ""
    description: fields.Text = ""
    expires: Annotated[parameters.Moment | None, Strict(strict=False)] = None
    requests_per_second: Annotated[int | None, Field(ge=1, le=MOST_REQUESTS)] = None
    per_payment: fields.KoinuIn = 0
    per_day: fields.KoinuIn = 0
    approve_above: fields.KoinuIn = 0
    payees: Payees = None
    payee_delay_seconds: PayeeDelay = 0

    def key(self, secret: str, network: Network) -> NewKey:
        """Return the key to be made; refuses a payee that cannot be paid."""
        terms = Terms(Koinu(self.per_payment), Koinu(self.per_day), Koinu(self.approve_above))
        return NewKey(
            authentication.digest_of(secret),
            self.scopes,
            Reach(self.accounts, self.prefix),
            self.description,
            self.expires,
            self.requests_per_second,
            {name: getattr(terms, name) for name in payment_limits.AMOUNTS}
            | {"payee_delay_seconds": self.payee_delay_seconds},
            checked_payees(self.payees, network),
        )


class KeyView(responses.View):
    """A key; `state` is `active`, `expired` or `revoked`, `last_used` is right to the minute.

    Where it has `only_payees`, its limits list them.
    """

    id: int
    scopes: list[str]
    accounts: list[str]
    prefix: str
    description: str
    state: str
    requests_per_second: int | None
    per_payment: fields.KoinuShown
    per_day: fields.KoinuShown
    approve_above: fields.KoinuShown
    only_payees: bool
    payee_delay_seconds: int
    expires: responses.Time | None
    last_used: responses.Time | None
    created: responses.Time

    @classmethod
    def of(cls, key: ApiKey, **more: Any) -> "KeyView":
        """Show a key, without its secret, which nobody has but its holder."""
        return cls(**access.key_shown(key), **more)


class SecretKeyView(KeyView):
    """A new key with what its holder sends, which is never shown again."""

    secret: str


class KeyPage(cursors.Page[KeyView]):
    """A page of keys, newest first."""


KeyBody = Annotated[WantedKey, request_body.of(WantedKey)]


@router.post("/keys", response_model=SecretKeyView | KeyView, summary="Make an API key")
async def create_key(body: KeyBody, key: idempotency_keys.Key, commits: Commits, action: Acting) -> Response:
    """The secret is shown here and never again: whoever loses it makes another key."""
    secret = secrets.token_urlsafe(32)
    result = await commits.submit(
        access.CREATE, body.key(secret, commits.installation.network), key, action=action
    )
    made = result.resource
    if result.replayed:
        return responses.show(KeyView.of(made), replayed=True)
    return responses.show(SecretKeyView.of(made, secret=authentication.written(made.id, secret)))


@router.get("/keys", response_model=KeyPage, summary="The API keys")
async def list_keys(db: Reading, request: cursors.ById) -> Response:
    """Newest first, with those that have ended."""
    return responses.show(KeyPage.of(await access.page(db, request), KeyView.of, cursors.IDS))


@router.get("/keys/{key_id}", response_model=KeyView, summary="An API key")
async def get_key(key_id: parameters.KeyId, db: Reading) -> Response:
    """Without its secret."""
    return responses.show(KeyView.of(await access.fetch(db, key_id)))


@router.delete("/keys/{key_id}", response_model=KeyView, summary="Revoke an API key")
async def revoke_key(key_id: parameters.KeyId, context: Context, action: Acting) -> Response:
    """For good, here at once and in every other process within three seconds."""
    result = await context.commits.submit(access.REVOKE, key_id, action=action)
    context.keys.forget(key_id)
    return responses.show(KeyView.of(result.resource))
