"""One answer to Prometheus: the installation as the database and the node have it now, then this program's processes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa
from prometheus_client import CONTENT_TYPE_LATEST, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import CellMap
from app.domain import monitoring
from app.domain.monitoring import Section
from app.metrics import siblings
from app.metrics.process import ProcessMetrics, Value, gauge
from app.metrics.siblings import Siblings
from app.runtime.shared_runs import SharedRun

_log = logging.getLogger(__name__)
SECTION_SECONDS: Final = 2.0
"""How long one section may take, and the node: Prometheus gives up the whole after ten seconds."""
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
Fetched = dict[str, Sequence[sa.Row[Any]]]
"""The rows of the sections that were read in a cell, by their names."""
CELL: Final = "cell"
"""The label of what one of several cells tells."""

NodeHeight = Callable[[], Awaitable[int | None]]
"""Returns the height of the node's best block; None from a silent node."""


async def no_node() -> int | None:
    """Stand in for a node where there is none."""
    return None


class Scrape:
    """Answers to Prometheus. Those who ask while an answer is made share the next one.

    Where the program is several processes, it answers for its siblings too. `others` are the installation's other cells.
    """

    def __init__(
        self,
        process: ProcessMetrics,
        engine: AsyncEngine,
        node_height: NodeHeight = no_node,
        beside: Siblings | None = None,
        others: Sequence[AsyncEngine] = (),
    ) -> None:
        self.process = process
        self._siblings = beside
        self._engines = (engine, *others)
        self._node_height = node_height
        self._runs: SharedRun[bytes] = SharedRun()

    async def text(self) -> bytes:
        """Return all metrics in the format of `CONTENT_TYPE`."""
        return await self._runs.result(self._text)

    async def close(self) -> None:
        """Give up what is being made."""
        await self._runs.close()

    async def _text(self) -> bytes:
        cells = await asyncio.gather(*map(self._read_all, self._engines))
        node = await self._height()
        installation = generate_latest(_Families([*_of_database(cells), *_of_node(cells, node)]))
        return installation + await self._of_processes()

    async def _of_processes(self) -> bytes:
        if self._siblings is None:
            return generate_latest(self.process.registry)
        figures = {self._siblings.name: self.packed(), **await self._siblings.others()}
        return generate_latest(_Families(list(siblings.together(figures))))

    def packed(self) -> bytes:
        """Return the figures of this process, for its siblings."""
        return siblings.packed(self.process.registry)

    async def _read_all(self, engine: AsyncEngine) -> Fetched:
        """Read what a cell tells."""
        rows: Fetched = {}
        for section in _told(first=engine is self._engines[0]):
            rows |= await self._read(engine, section)
        return rows

    async def _read(self, engine: AsyncEngine, section: Section) -> Fetched:
        """Read a section; nothing if the database is slow or away: what is not known has no figure."""
        try:
            async with asyncio.timeout(SECTION_SECONDS), engine.connect() as db:
                return {section.name: await monitoring.read(db, section)}
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            _log.info("metrics: %s could not be read (%s)", section.name, type(error).__name__)
            return {}

    async def _height(self) -> int | None:
        try:
            async with asyncio.timeout(SECTION_SECONDS):
                return await self._node_height()
        except TimeoutError:
            return None


class _Families(Collector):
    """Metrics that are there already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


def _of_database(cells: Sequence[Fetched]) -> Iterator[GaugeMetricFamily]:
    label, names = _labels(cells)
    known = [
        ((section.name, *name), float(section.name in rows))
        for rows, name in zip(cells, names, strict=True)
        for section in _told(first=rows is cells[0])
    ]
    yield gauge(
        "kennel_section_read",
        "1 where a section of these metrics could be read.",
        known,
        ("section", *label),
    )
    for section in monitoring.SECTIONS:
        of_cell = () if section.of_server else label
        for name, meaning in section.values.items():
            values = [
                (labels + cell[: len(of_cell)], value)
                for rows, cell in zip(cells, names, strict=True)
                for labels, value in _values(section, name, rows.get(section.name, ()))
            ]
            yield gauge(f"kennel_{name}", meaning, values, section.labels + of_cell)


def _labels(cells: Sequence[Fetched]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the label that tells cells apart, and its value for each; one cell has none."""
    if len(cells) == 1:
        return (), [()]
    return (CELL,), [(cell.schema,) for cell in CellMap(len(cells))]


def _told(*, first: bool) -> Iterator[Section]:
    """Yield the sections of a cell; the first tells what all of them have."""
    return (section for section in monitoring.SECTIONS if first or not section.of_server)


def _values(section: Section, name: str, rows: Sequence[sa.Row[Any]]) -> Iterator[Value]:
    for row in rows:
        if (value := getattr(row, name)) is not None:
            yield tuple(str(getattr(row, label)) for label in section.labels), float(value)


def _of_node(cells: Sequence[Fetched], node: int | None) -> Iterator[GaugeMetricFamily]:
    """Make the figures of the node, and of how far behind it each ledger is."""
    yield gauge("kennel_node_answers", "1 where the Dogecoin node answers.", [((), float(node is not None))])
    if node is not None:
        yield gauge("kennel_node_height", "The height of the node's best block.", [((), node)])
        label, names = _labels(cells)
        lags = [
            (name, float(max(0, node - tip.chain_height)))
            for rows, name in zip(cells, names, strict=True)
            for tip in rows.get(monitoring.CHAIN.name, ())
        ]
        yield gauge("kennel_chain_lag_blocks", "How many blocks the ledger is behind the node.", lags, label)
