"""The metrics of this process: what it observes, and what it says of its loops and connections when asked."""

import time
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from app import VERSION
from app.db import observe_timed
from app.metrics.observers import Observers
from app.runtime.loop import ProcessHealth

Value = tuple[tuple[str, ...], float]
"""The values of the labels, and the value of the gauge."""
OF_PYTHON: Final = (GCCollector, PlatformCollector, ProcessCollector)


class ProcessMetrics(Collector):
    """What one process has to say; the registry is its own, so that programs beside each other share nothing."""

    def __init__(self, health: ProcessHealth | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # each would be a time series that says when another began
        self.registry = CollectorRegistry()
        self.observers = Observers(self.registry)
        self.health = health or ProcessHealth()
        self._audit: tuple[list[Value], list[Value]] = [], []
        self._pools: dict[str, tuple[AsyncEngine, int]] = {}
        for collector in OF_PYTHON:
            collector(registry=self.registry)
        self.registry.register(self)

    def watch_pool(self, name: str, engine: AsyncEngine, limit: int) -> AsyncEngine:
        """Have figures of an engine's connections, of which there are at most `limit`; returns the engine."""
        self._pools[name] = (engine, limit)
        observe_timed(engine, self.observers.locked)
        return engine

    def audited(self, *, ok: bool) -> None:
        """Note what a GET /audit of this process has found."""
        self._audit = [((), float(ok))], [((), time.time())]

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing in advance: the gauges are made when they are asked for."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges as they are now."""
        found, ended = self._audit
        yield gauge(
            "kennel_audit_sample_ok",
            "1 where the last GET /audit of this process found nothing wrong.",
            found,
        )
        yield gauge("kennel_audit_sample_timestamp_seconds", "When that ended.", ended)
        version = [((VERSION,), 1.0)]
        yield gauge("kennel_build", "The version that runs, as a label; always 1.", version, ("version",))
        loops = [((name,), float(loop.state == "running")) for name, loop in self.health.now().items()]
        yield gauge("kennel_loop_running", "1 while a loop of this process runs, else 0.", loops, ("loop",))
        used = [((name,), _used(engine)) for name, (engine, _) in self._pools.items()]
        yield gauge(
            "kennel_pool_used_connections", "Database connections in use, by what for.", used, ("pool",)
        )
        limits = [((name,), float(limit)) for name, (_, limit) in self._pools.items()]
        yield gauge("kennel_pool_limit_connections", "How many there may be.", limits, ("pool",))


def gauge(
    name: str, documentation: str, values: Iterable[Value], labels: tuple[str, ...] = ()
) -> GaugeMetricFamily:
    """Make a gauge: each value has the values of the labels beside it."""
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def _used(engine: AsyncEngine) -> float:
    return engine.pool.checkedout() if isinstance(engine.pool, QueuePool) else 0
