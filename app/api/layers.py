"""The layers around an application: who may call it, what it bears, and what every answer has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.api import client_limits, middleware, origins, request_body
from app.api.access.authentication import Authentication, Lock
from app.api.checkout.branding import Branding
from app.api.checkout.error_pages import ErrorPages
from app.api.client_limits import ClientLimits
from app.metrics.observers import AnswerObserver

_READING: Final[Any] = {
    "allow_methods": ("GET", "HEAD"),
    "allow_headers": ("If-None-Match", "Last-Event-ID", "Cache-Control"),
    "expose_headers": ("ETag", "Retry-After", "X-Request-Id"),
    "max_age": 86_400,
}
"""What a script of another site may send, and read beside the body. It sends no cookies: there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """How a listener, `listener` in metrics, treats its callers: `lock` says who they are, `documented` serves /docs and /openapi.json.

    A body has at most `body_bytes`, but for `larger` ones. At most `at_once` requests are answered at a time; None is no limit. Pages
    of the origins `readers` may read the answers by script. `clients` limits what each client takes. With `error_pages` people
    who open pages get pages for errors.
    """

    callers: origins.Callers
    listener: str = "admin"
    lock: Lock | None = None
    documented: bool = False
    body_bytes: int = request_body.MAX_BYTES
    larger: request_body.LargeBodies | None = None
    at_once: int | None = None
    readers: frozenset[str] = frozenset()
    clients: ClientLimits | None = None
    error_pages: Branding | None = None


def layers_of(face: Face, new_id: Callable[[], str], observer: AnswerObserver) -> list[Middleware]:
    """Return the layers, the outermost first. `observer` hears of each answer."""
    layers = [
        Middleware(middleware.Edge, new_id=new_id, answered=observer.answered, embedded=face.callers.pages),
        Middleware(origins.Origins, callers=face.callers),
    ]
    if face.error_pages is not None:
        layers.insert(0, Middleware(ErrorPages, branding=face.error_pages))
    if face.lock is not None:
        layers.append(Middleware(Authentication, lock=face.lock))
    if face.readers:
        layers.append(Middleware(CORSMiddleware, allow_origins=face.readers, **_READING))
    if face.clients is not None:
        layers.append(Middleware(client_limits.LimitedClients, limits=face.clients))
    layers.append(Middleware(request_body.WholeBody, max_bytes=face.body_bytes, larger=face.larger))
    if face.at_once is not None:
        layers.append(Middleware(middleware.ConcurrencyLimit, limit=face.at_once))
    return layers
