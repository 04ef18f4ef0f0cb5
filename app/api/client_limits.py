"""What one client of the public listener may take, and all together: requests, and answers that wait."""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import middleware, responses
from app.api.client_address import Proxies

BURST_SECONDS: Final = 4
"""Who was quiet may send the requests of so many seconds at once: a page and what belongs to it."""
HOUR_SECONDS: Final = 3_600
REMEMBERED: Final = 50_000
"""Clients whose requests are counted; the one that was quiet for the longest is forgotten first."""
_CLIENT: Final = "kennel.client"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """How many requests a second and how many waiting answers there may be, from one address and in all."""

    proxies: Proxies = field(default_factory=Proxies)
    requests: int = 1_000
    requests_per_address: int = 50
    streams: int = 1_500
    streams_per_address: int = 100


class Rate:
    """A token bucket for each client, as the time at which it would be full (GCRA).

    It fills within `burst_seconds`.
    """

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        burst_seconds: float = BURST_SECONDS,
    ) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._burst_seconds = burst_seconds
        self._full_at: dict[str, float] = {}

    def take(self, client: str) -> float:
        """Count a request, or return after how many seconds there will be room for it; 0: it is counted."""
        now = self._clock()
        full_at = max(self._full_at.pop(client, now), now)
        seconds = full_at + self._interval - now - self._burst_seconds
        self._full_at[client] = full_at if seconds > 0 else full_at + self._interval
        if len(self._full_at) > REMEMBERED:
            del self._full_at[next(iter(self._full_at))]
        return max(seconds, 0)

    def wait(self, client: str) -> float:
        """Return after how many seconds there will be room for a request, which is not counted; 0: there is."""
        now = self._clock()
        return max(max(self._full_at.get(client, now), now) + self._interval - now - self._burst_seconds, 0)


def per_hour(number: int, clock: Callable[[], float] = time.monotonic) -> Rate:
    """Return a rate of so many an hour, which may all come at once."""
    return Rate(number / HOUR_SECONDS, clock, HOUR_SECONDS)


class LimitedClients:
    """An ASGI layer that turns away who takes too much: 429 for one client, 503 where all take too much.

    A client without an address is counted among all only.
    """

    def __init__(
        self, app: ASGIApp, limits: ClientLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.app = app
        self._limits = limits
        self._rate = Rate(limits.requests_per_address, clock)
        self._rate_of_all = Rate(limits.requests, clock)
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on; one that waits is counted until its answer ends."""
        if scope["type"] != "http" or scope["path"] in middleware.OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        client = scope[_CLIENT] = self._limits.proxies.client(scope)
        waits = middleware.waits(scope)
        refusal = self._objection(client, waits=waits)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif waits:
            await self._counted(client, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _objection(self, client: str, *, waits: bool) -> responses.Json | None:
        limits = self._limits
        if client and (seconds := self._rate.take(client)):
            return _too_many(f"{limits.requests_per_address} requests a second", seconds)
        if seconds := self._rate_of_all.take(""):
            return _too_much(seconds)
        if waits and client and self._open[client] >= limits.streams_per_address:
            return _too_many(f"{limits.streams_per_address} answers that wait", 1)
        if waits and self._open.total() >= limits.streams:
            return _too_much(1)
        return None

    async def _counted(self, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._open[client] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]


def _too_many(limit: str, seconds: float) -> responses.Json:
    return too_many("one address", limit, seconds)


def too_many(who: str, limit: str, seconds: float) -> responses.Json:
    """Answer 429 to who asks for more than `limit`, and say after how many seconds there is room again."""
    headers = {"Retry-After": str(math.ceil(seconds))}
    return responses.error("rate-limited", f"{who} may have {limit}; try again later", headers=headers)


def _too_much(seconds: float) -> responses.Json:
    headers = {"Retry-After": str(math.ceil(seconds))}
    return responses.error("not-available", "too much is asked at once; try again later", headers=headers)


async def _client(request: Request) -> str:
    client: str = request.scope.get(_CLIENT, "")
    return client


Client = Annotated[str, Depends(_client)]
"""The address under which the request is counted, "" for none."""
