"""The processes of one program tell each other their figures: so whichever is asked answers for all of them."""

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from prometheus_client import CollectorRegistry, Metric

_log = logging.getLogger(__name__)
SECONDS: Final = 1.0
"""How long a process is waited for; one that is dead or stands still has no figures then."""
LABEL: Final = "process"
_LENGTH: Final = struct.Struct(">Q")
"""Stands before an answer: one that breaks off has no figures."""


@dataclass(frozen=True, slots=True)
class Siblings:
    """`folder` is theirs alone and has a socket for each of them; `name` is this one's, such as `worker-2`."""

    folder: Path
    name: str

    @asynccontextmanager
    async def answering(self, figures: Callable[[], bytes]) -> AsyncIterator[None]:
        """Tell the others the figures within the block; where that cannot be, the rest goes on without."""

        async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                content = figures()
                writer.write(_LENGTH.pack(len(content)) + content)
                await writer.drain()
            writer.close()

        path = self.folder / self.name
        try:
            path.unlink(missing_ok=True)  # a predecessor that was killed has left it
            server = await asyncio.start_unix_server(tell, path)
        except OSError as error:
            _log.warning("metrics: other processes do not hear of this one: %s", error)
            yield
            return
        try:
            yield
        finally:
            server.close()

    async def others(self) -> Mapping[str, bytes]:
        """Return the figures of the other processes, by their names."""
        paths = [path for path in self.folder.iterdir() if path.name != self.name]
        answers = await asyncio.gather(*map(_ask, paths))
        return {path.name: answer for path, answer in zip(paths, answers, strict=True) if answer}


async def _ask(path: Path) -> bytes:
    """Ask one process; b"" where it does not answer, or ends while it answers."""
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                [length] = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                return await reader.readexactly(length)
            finally:
                writer.close()
    except (OSError, asyncio.IncompleteReadError) as error:
        _log.info("metrics: %s does not answer (%s)", path.name, type(error).__name__)
        return b""


def packed(registry: CollectorRegistry) -> bytes:
    """Return the figures of a process as the others read them: JSON, which takes a tenth of reading their text."""
    return orjson.dumps(
        [
            (
                family.name,
                family.documentation,
                family.type,
                [(sample.name, sample.labels, sample.value) for sample in family.samples],
            )
            for family in registry.collect()
        ]
    )


def together(figures: Mapping[str, bytes]) -> Iterator[Metric]:
    """Yield the figures of all processes, by the names of these: each has the name of its process as a label."""
    families: dict[str, Metric] = {}
    for process, told in sorted(figures.items()):
        for name, documentation, kind, samples in orjson.loads(told):
            family = families.setdefault(name, Metric(name, documentation, kind))
            for sample, labels, value in samples:
                family.add_sample(sample, {**labels, LABEL: process}, value)
    yield from families.values()
