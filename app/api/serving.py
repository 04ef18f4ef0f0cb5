"""Serves an API over HTTP; the server's own refusals look like those of the API."""

from contextlib import AbstractAsyncContextManager

from starlette.types import ASGIApp

from app.api import middleware
from app.runtime.http import server
from app.runtime.http.limits import Limits


def serving(
    app: ASGIApp, host: str, port: int, limits: Limits | None = None
) -> AbstractAsyncContextManager[int]:
    """Serve `app` within the block and yield its port; with port 0 the system chooses a free one."""
    return server.serving(app, host, port, middleware.refusal, limits)
