"""What this process observes as it works: requests, commits, locks, and how late its event loop is."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import Scope

from app.metrics.traces import Traces

ANSWER_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
COMMIT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 20)
BATCH_BUCKETS: Final = (1, 2, 5, 10, 25, 50, 100, 200, 500, 1_000)
LAG_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
LAG_SECONDS: Final = 1.0
"""How often the event loop is asked how late it is."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN: Final = "other"
"""The label of a path that is none, and of a method that is none: callers make no time series."""

Observe = Callable[[float], None]


class Observers:
    """The histograms and counters of this process, which register themselves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.traces: Traces | None = None
        """Is told of the same, where the settings name a collector."""
        self._answers = Histogram(
            "kennel_http_answer_seconds",
            "From the head of a request until its answer begins, by route and status.",
            ("listener", "method", "route", "status"),
            buckets=ANSWER_BUCKETS,
            registry=registry,
        )
        self._batches = Histogram(
            "kennel_commit_requests",
            "How many requests one transaction carried out together, by command.",
            ("command",),
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self._commits = Histogram(
            "kennel_commit_seconds",
            "How long such a transaction took.",
            ("command",),
            buckets=COMMIT_BUCKETS,
            registry=registry,
        )
        self._locks = Histogram(
            "kennel_ledger_lock_seconds",
            "How long the statement took that locks balances, with the wait for other transactions.",
            buckets=COMMIT_BUCKETS,
            registry=registry,
        )
        self._lag = Histogram(
            "kennel_event_loop_lag_seconds",
            "How late the event loop was with what was due.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )

    def of_listener(self, listener: str) -> "AnswerObserver":
        """Return what observes the answers of one listener."""
        return AnswerObserver(listener, self._answers, self.traces)

    def committed(self, command: str, requests: int, seconds: float) -> None:
        """Note a transaction of a command."""
        self._batches.labels(command).observe(requests)
        self._commits.labels(command).observe(seconds)
        if self.traces is not None:
            self.traces.committed(command, requests, seconds)

    def locked(self, seconds: float) -> None:
        """Note how long balances took to be locked."""
        self._locks.observe(seconds)

    async def watch_event_loop(self, seconds: float = LAG_SECONDS) -> None:
        """Note every so many seconds how late the event loop is, until cancelled."""
        while True:
            due = time.perf_counter() + seconds
            await asyncio.sleep(seconds)
            self._lag.observe(max(0, time.perf_counter() - due))


class AnswerObserver:
    """Observes answers by route; it keeps the time series that it has found, as finding one takes longest."""

    __slots__ = ("_answers", "_listener", "_series", "_traces")

    def __init__(self, listener: str, answers: Histogram, traces: Traces | None = None) -> None:
        self._traces = traces
        self._listener = listener
        self._answers = answers
        self._series: dict[tuple[str, str, int], Observe] = {}

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Note an answer that begins; `scope` is that of the request, which the router has seen by now."""
        key = (scope["method"], getattr(scope.get("route"), "path", UNKNOWN), status)
        observe = self._series.get(key) or self._observe_of(key)
        observe(seconds)
        if self._traces is not None:
            self._traces.answered(self._listener, scope, status, seconds)

    def _observe_of(self, key: tuple[str, str, int]) -> Observe:
        """Find the series; a method that nobody knows is one of all such."""
        method, route, status = key
        known = method if method in METHODS else UNKNOWN
        observe: Observe = self._answers.labels(self._listener, known, route, str(status)).observe
        if known is method:
            self._series[key] = observe
        return observe
