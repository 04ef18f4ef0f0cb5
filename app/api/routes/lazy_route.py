"""A route that is built when it is first asked for: building all of them would take a large part of each start."""

from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope


class LazyRoute(APIRoute):
    """Until it is built it knows its path alone. Whoever looks at anything else of it builds it.

    What is wrong with an endpoint is found then, and by the tests, which build all routes.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Keep what FastAPI needs."""
        self._unbuilt: dict[str, Any] | None = {"path": path, "endpoint": endpoint, **options}
        self._segments = [None if part.startswith("{") else part for part in path.split("/")]

    def __getattr__(self, name: str) -> Any:
        """Build it: Python asks here for what is missing, and before that everything is."""
        options, self._unbuilt = vars(self).get("_unbuilt"), None
        if options is None:
            raise AttributeError(name)
        super().__init__(**options)
        return getattr(self, name)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether the request is for this route; by its path alone, where that is another."""
        if self._unbuilt is not None and not self._may_match(scope["path"].split("/")):
            return Match.NONE, {}
        return super().matches(scope)

    def _may_match(self, parts: list[str]) -> bool:
        """Say whether the path may be this one: FastAPI decides, once the route is built."""
        return len(parts) == len(self._segments) and all(
            own is None or own == part.rstrip("\n") for own, part in zip(self._segments, parts, strict=True)
        )
