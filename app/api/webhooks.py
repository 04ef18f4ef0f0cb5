"""Webhook endpoints over HTTP: where events are posted to."""

import secrets
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, Field, Strict
from starlette.responses import Response

from app import urls
from app.api import cursors, fields, idempotency_keys, parameters, request_body, responses
from app.api.access.acting import Acting
from app.api.access.callers import Within
from app.api.access.guarded_route import GuardedRoute
from app.api.cells import webhook_copies
from app.api.cells.routing import InCells
from app.api.context import AppContext, Context
from app.domain import outbox, refusals, webhooks
from app.domain.access import Reach
from app.domain.outbox import types as event_types
from app.domain.refusals import Forbidden
from app.domain.webhooks import SYMMETRIC, Change, Endpoint, NewEndpoint, Rotation

router = APIRouter(route_class=GuardedRoute)

OVERLAP_SECONDS: Final = 86_400
_LONGEST_OVERLAP_SECONDS: Final = 30 * 86_400
_MOST_TYPES: Final = 100


def _url(text: str) -> str:
    urls.parse(text)
    return text


Url = Annotated[fields.Link, AfterValidator(_url)]
Types = Annotated[
    tuple[Annotated[str, Field(max_length=64)], ...],
    Field(min_length=1, max_length=_MOST_TYPES),
    Strict(strict=False),
]
Secret = Annotated[str, Field(max_length=webhooks.MOST_CHARACTERS)]
Scheme = Literal["v1", "v1a"]
WebhookId = Annotated[int, parameters.row_id("The endpoint's id")]


class OtherSecret(refusals.Invalid):
    """The secret is one of {scheme}, and signature asks for {signature}."""

    field = "signature"


class NewWebhook(request_body.Body):
    """An endpoint. Without a `secret` of the caller one is made, of the kind that `signature` names."""

    model_config = request_body.examples(
        {
            "url": "https://shop.example/dogecoin",
            "types": ["INV", "ACC_PAYMENT"],
            "description": "orders",
        },
        {"url": "https://tenant.example/hook", "foreign_id": "shop-1", "signature": "v1a"},
    )

    url: Url
    types: Types = (outbox.ALL,)
    foreign_id: fields.Label = ""
    description: fields.Text = ""
    secret: Secret | None = None
    signature: Scheme | None = None
    legacy_base64_message: bool = False

    def endpoint(self) -> NewEndpoint:
        """Return the endpoint to be made, with its secret."""
        return NewEndpoint(
            self.url,
            event_types.parse_filter(self.types),
            secret_of(self.secret, self.signature),
            self.foreign_id or None,
            self.description,
            self.legacy_base64_message,
        )


class ChangedWebhook(request_body.Body):
    """The fields to be changed; what is absent stays. An empty `foreign_id` means every account."""

    model_config = request_body.examples(
        {"state": "active"}, {"types": ["INV"], "description": "orders only"}
    )

    url: Url | None = None
    types: Types | None = None
    foreign_id: fields.Label | None = None
    description: fields.Text | None = None
    legacy_base64_message: bool | None = None
    state: Literal["active", "disabled"] | None = None

    def change(self, endpoint_id: int) -> Change:
        """Return the change, by column."""
        columns: dict[str, Any] = {name: value for name, value in self if value is not None}
        if self.types is not None:
            columns["types"] = list(event_types.parse_filter(self.types))
        if self.foreign_id is not None:
            columns["foreign_id"] = self.foreign_id or None
        return Change(endpoint_id, columns)


class NewSecret(request_body.Body):
    """The new secret: the caller's, or one that is made. For `overlap_seconds` the old secret signs too."""

    model_config = request_body.examples({}, {"overlap_seconds": 3600})

    overlap_seconds: Annotated[int, Field(ge=0, le=_LONGEST_OVERLAP_SECONDS)] = OVERLAP_SECONDS
    secret: Secret | None = None
    signature: Scheme | None = None


class WebhookView(responses.View):
    """An endpoint; `name` is its section's in the configuration, `public_key` verifies v1a signatures."""

    id: int
    url: str
    types: list[str]
    foreign_id: str
    description: str
    state: str
    created: responses.Time
    name: str
    signature: str
    public_key: str
    legacy_base64_message: bool
    failing_since: responses.Time | None
    disabled_reason: str

    @classmethod
    def of(cls, endpoint: Endpoint, **more: Any) -> "WebhookView":
        """Show an endpoint, without its secret and the password in its URL."""
        url = urls.without_password(endpoint.url)
        return cls.showing(endpoint, url=url, types=list(endpoint.types), name=endpoint.name or "", **more)


class SecretWebhookView(WebhookView):
    """An endpoint with its secret, which is never shown again."""

    secret: str


class WebhookPage(cursors.Page[WebhookView]):
    """A page of endpoints, in the order in which they were made."""


def secret_of(own: str | None, signature: str | None) -> str:
    """Return the caller's secret, checked, or a new one; OtherSecret where `signature` is of another kind."""
    if own is None:
        return webhooks.generate(signature or SYMMETRIC, secrets.token_bytes(webhooks.SEED_BYTES))
    webhooks.check(own)
    scheme = webhooks.scheme_of(own)
    if signature not in (None, scheme):
        raise OtherSecret(scheme=scheme, signature=signature)
    return own


def _shown_once(endpoint: Endpoint, *, replayed: bool) -> Response:
    """Show the secret in the first answer, and in no answer to the same request again."""
    view = WebhookView.of(endpoint) if replayed else SecretWebhookView.of(endpoint, secret=endpoint.secret)
    return responses.show(view, replayed=replayed)


class EveryAccounts(Forbidden):
    """This key is for some accounts: an endpoint that it makes names one of them."""

    field = "foreign_id"


def _check_account(foreign_id: str, within: Reach) -> None:
    """Refuse an endpoint that would get events of accounts beyond the caller's reach."""
    if within.limited and not foreign_id:
        raise EveryAccounts
    within.require(foreign_id, "foreign_id")


async def check(context: AppContext, webhook_id: int, within: Reach) -> None:
    """Refuse an endpoint of accounts beyond the caller's reach as one that does not exist."""
    if within.limited:
        async with context.reads.connect() as db:
            await webhooks.fetch(db, webhook_id, within)


async def _scheme(context: AppContext, webhook_id: int) -> str | None:
    """Return the scheme of the endpoint's signatures now: a new secret keeps it."""
    async with context.reads.connect() as db:
        return (await webhooks.fetch(db, webhook_id)).signature or None


WebhookBody = Annotated[NewWebhook, request_body.of(NewWebhook)]
ChangeBody = Annotated[ChangedWebhook, request_body.of(ChangedWebhook)]
RotationBody = Annotated[NewSecret, request_body.optional(NewSecret)]


@router.post("/webhooks", response_model=SecretWebhookView | WebhookView, summary="Make a webhook endpoint")
async def create_webhook(
    body: WebhookBody, key: idempotency_keys.Key, cells: InCells, within: Within, action: Acting
) -> Response:
    """It gets the events from now on. The secret is shown here and never again."""
    _check_account(body.foreign_id, within)
    result = await cells.submit_everywhere(webhooks.CREATE, body.endpoint(), key, action)
    return _shown_once(result.resource, replayed=result.replayed)


@router.get("/webhooks", response_model=WebhookPage, summary="The webhook endpoints")
async def list_webhooks(cells: InCells, request: cursors.ById, within: Within) -> Response:
    """Oldest first, with those of the configuration, which have a name."""
    page = await webhook_copies.page(cells.contexts, request, within)
    return responses.show(WebhookPage.of(page, WebhookView.of, cursors.IDS))


@router.get("/webhooks/{webhook_id}", response_model=WebhookView, summary="A webhook endpoint")
async def get_webhook(webhook_id: WebhookId, cells: InCells, within: Within) -> Response:
    """Without its secret; a lost secret is replaced by a rotation."""
    return responses.show(WebhookView.of(await webhook_copies.fetch(cells.contexts, webhook_id, within)))


@router.patch(
    "/webhooks/{webhook_id}",
    response_model=WebhookView,
    summary="Change, disable or enable a webhook endpoint",
)
async def change_webhook(
    webhook_id: WebhookId, body: ChangeBody, cells: InCells, within: Within, action: Acting
) -> Response:
    """Enabled again it goes on where it stopped. An endpoint of the configuration can only be enabled."""
    if body.foreign_id is not None:
        _check_account(body.foreign_id, within)
    await check(cells.first, webhook_id, within)
    order = body.change(webhook_id)
    result = await cells.submit_everywhere(webhooks.CHANGE, order, action=action)
    return responses.show(WebhookView.of(result.resource))


@router.delete("/webhooks/{webhook_id}", response_model=WebhookView, summary="Delete a webhook endpoint")
async def delete_webhook(webhook_id: WebhookId, cells: InCells, within: Within, action: Acting) -> Response:
    """At once; the record of its deliveries is removed a little later."""
    await check(cells.first, webhook_id, within)
    result = await cells.submit_everywhere(webhooks.DELETE, webhook_id, action=action)
    return responses.show(WebhookView.of(result.resource))


@router.post(
    "/webhooks/{webhook_id}/rotate",
    response_model=SecretWebhookView | WebhookView,
    summary="Give a webhook endpoint a new secret",
)
async def rotate_webhook(
    webhook_id: WebhookId,
    body: RotationBody,
    key: idempotency_keys.Key,
    cells: InCells,
    within: Within,
    action: Acting,
) -> Response:
    """For `overlap_seconds` (a day) `webhook-signature` has two signatures, of the new and the old secret."""
    await check(cells.first, webhook_id, within)
    scheme = body.signature or (None if body.secret else await _scheme(cells.first, webhook_id))
    secret = secret_of(body.secret, scheme)
    order = Rotation(webhook_id, secret, timedelta(seconds=body.overlap_seconds))
    result = await cells.submit_everywhere(webhooks.ROTATE, order, key, action)
    return _shown_once(result.resource, replayed=result.replayed)


@router.post(
    "/webhooks/{webhook_id}/test", response_model=WebhookView, summary="Send a test to a webhook endpoint"
)
async def test_webhook(
    webhook_id: WebhookId,
    key: idempotency_keys.BodilessKey,
    context: Context,
    within: Within,
    action: Acting,
) -> Response:
    """`SYS_WEBHOOK_TEST` goes to this endpoint only, whatever its types are; see its deliveries."""
    await check(context, webhook_id, within)
    result = await context.commits.submit(webhooks.TEST, webhook_id, key, action=action)
    return responses.show(WebhookView.of(result.resource), replayed=result.replayed)
