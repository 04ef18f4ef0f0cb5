"""What metrics cost: the processor time of requests that are observed, beside the same requests unobserved."""

import asyncio
import itertools
import time
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.batching.group_commit import GroupCommit
from app.domain import dogecoin
from app.domain.installation import Installation
from app.metrics.observers import AnswerObserver, Observers
from app.metrics.process import ProcessMetrics
from app.metrics.scrape import Scrape
from bench import filling, programs
from bench.figures import Figure, Terms, of_rounds
from bench.invoices import BODY
from bench.programs import Testbed

ROUNDS = 15
CALLERS = 16
REQUESTS = 40
SCRAPES = 20
SCRAPE_SECONDS = 15.0
"""How often Prometheus asks where nobody tells it otherwise."""
HEADERS = [(b"host", b"localhost"), (b"content-length", str(len(BODY)).encode())]


class Unobserving(AnswerObserver):
    """Observes nothing, as if there were no metrics."""

    def answered(self, scope: Any, status: int, seconds: float) -> None:
        pass


class NoObservers(Observers):
    """Those of a program without metrics."""

    def of_listener(self, listener: str) -> AnswerObserver:
        return Unobserving(listener, self._answers)


async def measure(testbed: Testbed) -> list[Figure]:
    async with testbed.database() as url, programs.engine(url) as plain, programs.engine(url) as watched:
        async with plain.begin() as db:
            await filling.fill(db, 1, 1, {})
        without, process = _program(plain, observed=False)
        observed, process = _program(watched, observed=True)
        for app in (without, observed):
            await _seconds(app)
        rounds = [(await _seconds(without), await _seconds(observed)) for _ in range(ROUNDS)]
        scrape = await _scrape_seconds(Scrape(process, watched))
    terms = Terms("metrics", "requests/s of a processor", goal=0.98)
    values, limits = [1 / seconds for _, seconds in rounds], [1 / seconds for seconds, _ in rounds]
    part = Figure("metrics_scrape", "ms", scrape * 1000, SCRAPE_SECONDS * 1000, goal=0.002, at_most=True)
    return [of_rounds(terms, values, limits), part]


def _program(engine: AsyncEngine, *, observed: bool) -> tuple[FastAPI, ProcessMetrics]:
    process = ProcessMetrics()
    installation = Installation(dogecoin.REGTEST, 6, lambda: "t")
    commits = GroupCommit(engine, installation, lambda _: None)
    if observed:
        process.watch_pool("admin", engine, 20)
        commits = GroupCommit(engine, installation, lambda _: None, observe=process.observers.committed)
    else:
        process.observers = NoObservers(CollectorRegistry())
    api = replace(context.of(engine, commits), scrape=Scrape(process, engine))
    ids = map(str, itertools.count())
    return application.admin(api, lambda: next(ids)), process


async def _seconds(app: FastAPI) -> float:
    """Return the processor time of an invoice that is made and read, in this process."""
    began = time.process_time()
    await call(app)
    return (time.process_time() - began) / CALLERS / REQUESTS


async def call(app: FastAPI) -> None:
    """Make and read invoices: CALLERS at once, REQUESTS each."""
    await asyncio.gather(*(_call(app) for _ in range(CALLERS)))


async def _call(app: FastAPI) -> None:
    for _ in range(REQUESTS):
        await _request(app, "POST", "/account/shop-0/invoice")
        await _request(app, "GET", "/account/shop-0/balance")


async def _request(app: FastAPI, method: str, path: str) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Any) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": list(HEADERS), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)


async def _scrape_seconds(scrape: Scrape) -> float:
    began = time.process_time()
    for _ in range(SCRAPES):
        await scrape.text()
    return (time.process_time() - began) / SCRAPES
