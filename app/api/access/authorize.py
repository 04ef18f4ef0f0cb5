"""Granting a key to a shop's plugin: a page for the operator, and the exchange of the code for the key.

The plugin sends the operator's browser here with what it asks for. The operator proves to be one, and grants it. The
browser goes back with a code, which the plugin exchanges from its own server. So the key is in no address.
"""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from app.api import fields, middleware, request_body, responses
from app.api.access import authentication, authorize_page, redirects
from app.api.access.authentication import Lock
from app.api.access.authorize_page import Asked, Reader
from app.api.access.callers import ANYONE, Caller
from app.api.api_keys import SecretKeyView
from app.api.context import AppContext, Commits, Context
from app.api.routes.lazy_route import LazyRoute
from app.domain import access, characters
from app.domain.access import Exchange, Grant, KeyRequest, Reach
from app.domain.audit_log import Action
from app.domain.refusals import Invalid, Refusal
from app.runtime import logs

router = APIRouter(route_class=LazyRoute)

LONGEST: Final = {
    "name": 80,
    "scopes": 500,
    "account": 2_000,
    "prefix": 255,
    "redirect_uri": 2_000,
    "state": 500,
}
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class CodeExchange(request_body.Body):
    """The code that came back with the browser, and the secret whose SHA-256 was the `code_challenge`."""

    model_config = request_body.examples(
        {"code": "s" * 43, "code_verifier": "v" * 43, "redirect_uri": "https://shop.example/kennel/back"}
    )

    code: Annotated[str, Field(max_length=100)]
    code_verifier: Annotated[str, Field(min_length=43, max_length=128)]
    redirect_uri: fields.Link


ExchangeBody = Annotated[CodeExchange, request_body.of(CodeExchange)]


@router.get(middleware.AUTHORIZE, include_in_schema=False)
async def show(request: Request, context: Context) -> Response:
    """The page that says what is asked for."""
    reader = Reader.of(request)
    try:
        asked = read(request.query_params)
    except Refusal as refusal:
        return authorize_page.refused(refusal, reader)
    return authorize_page.request_page(asked, _settings(request, context), reader)


@router.post(middleware.AUTHORIZE, include_in_schema=False)
async def decide(request: Request, context: Context) -> Response:
    """Grant it, and send the browser back to the plugin with a code."""
    reader = Reader.of(request)
    try:
        asked = read(request.query_params)
        form = request_body.form(request)
        operator = await _operator(request, asked, form.get("secret", "").strip())
        if isinstance(operator, Response):
            return operator
        if isinstance(operator, str):
            return authorize_page.request_page(asked, _settings(request, context), reader, operator)
        code = form.get("attempt", "")
        if not _CODE.fullmatch(code):
            return authorize_page.refused("page_not_whole", reader)
        link = authentication.digest_of(asked.link) if asked.link else None
        order = Grant(authentication.digest_of(code), asked.request, operator.name, link)
        action = _action(operator.name, "key.grant", operator.description)
        await context.commits.submit(access.GRANT, order, action=action)
    except Refusal as refusal:
        return authorize_page.refused(refusal, reader)
    headers = {"Cache-Control": "no-store"}
    return RedirectResponse(asked.back(code=code), 303, headers)


@router.post(
    f"{middleware.AUTHORIZE}/key", response_model=SecretKeyView, summary="Exchange a code for its key"
)
async def exchange(body: ExchangeBody, request: Request, commits: Commits) -> Response:
    """Once, within five minutes of the operator's yes. The key is shown here and never again."""
    secret = secrets.token_urlsafe(32)
    order = Exchange(
        authentication.digest_of(body.code),
        challenge_of(body.code_verifier),
        body.redirect_uri,
        authentication.digest_of(secret),
    )
    try:
        exchanged = await commits.submit(access.EXCHANGE, order, action=_action("plugin", "key.exchange"))
    except Invalid:
        limited = _lock(request).rates.of_failure(request.scope)
        if limited is None:
            raise
        return limited
    made = exchanged.resource
    return responses.show(SecretKeyView.of(made, secret=authentication.written(made.id, secret)))


def challenge_of(verifier: str) -> str:
    """Return the SHA-256 of a plugin's secret in base64url without padding (RFC 7636, S256)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def read(query: Mapping[str, str]) -> Asked:
    """Read what a plugin asks for; raises Invalid with a sentence for whoever writes the plugin."""
    texts = {name: query.get(name, "") for name in LONGEST}
    for name, text in texts.items():
        if len(text) > LONGEST[name] or characters.forbidden(text) or "\ufffd" in text:
            raise Invalid(reason=f"{name} is at most {LONGEST[name]} characters of one line.", field=name)
    if query.get("code_challenge_method", "S256") != "S256":
        raise Invalid(reason="code_challenge_method is S256.", field="code_challenge_method")
    target = redirects.read(texts["redirect_uri"])
    names = frozenset(name for name in texts["account"].split(",") if name)
    request = KeyRequest(
        texts["name"],
        frozenset(re.split(r"[ ,]+", texts["scopes"].strip(" ,"))) - {""},
        Reach(names, texts["prefix"]),
        texts["redirect_uri"],
        query.get("code_challenge", ""),
    )
    return Asked(request, target, texts["state"], query.get("link", "")[:100])


async def _operator(request: Request, asked: Asked, secret: str) -> Caller | Response | str:
    """Return who grants it: whoever has the link, the token or a key for everything; or the name of what is wrong."""
    lock = _lock(request)
    if asked.link:
        return Caller("link", "admin", frozenset())  # the link is looked at with the grant
    if not lock.closed and not secret:
        return ANYONE
    holder = await lock.holder(secret.encode(), request.scope)
    if isinstance(holder, Response):
        return holder
    if isinstance(holder, Caller) and holder.is_admin:
        return holder
    wrong = "wrong_scope" if isinstance(holder, Caller) else "wrong_secret"
    return lock.rates.of_failure(request.scope) or wrong


def _action(actor: str, name: str, actor_name: str = "") -> Action:
    return Action(actor, name, actor_name, request_id=logs.request_id.get())


def _settings(request: Request, context: AppContext) -> authorize_page.Settings:
    return authorize_page.Settings(context.network.name, asks_for_secret=_lock(request).closed)


def _lock(request: Request) -> Lock:
    lock: Lock = request.app.state.lock
    return lock
