"""Serves an API: what the HTTP server refuses by itself is answered as the API answers its own refusals."""

from contextlib import AbstractAsyncContextManager

from starlette.types import ASGIApp

from app.api import middleware
from app.runtime.http import server
from app.runtime.http.limits import Limits


def serving(
    app: ASGIApp, host: str, port: int, limits: Limits | None = None
) -> AbstractAsyncContextManager[int]:
    """Serve `app` within the block; yields the port, which is a free one where 0 was asked for."""
    return server.serving(app, host, port, middleware.refusal, limits)
