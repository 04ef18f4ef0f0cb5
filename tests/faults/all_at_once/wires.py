"""Wires between processes that a test cuts: TCP proxies in a process of their own, which hears commands.

`python -m tests.faults.all_at_once.wires LISTEN:TARGET ...` forwards each port; a line `cut PORT`, `silence PORT` or `heal PORT`
on its input changes what a wire does.
"""

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import uvloop

PIECE_BYTES: Final = 1 << 16


@dataclass(slots=True)
class Wire:
    """Forwards connections. Cut, it closes them and takes none; silent, it keeps all and passes nothing on."""

    target: int
    whole: bool = True
    passes: asyncio.Event = field(default_factory=asyncio.Event)
    ends: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        self.whole = False
        for end in self.ends:
            end.transport.abort()

    def silence(self) -> None:
        self.passes.clear()

    def heal(self) -> None:
        self.whole = True
        self.passes.set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until one of its ends is closed."""
        self.ends.add(writer)
        with suppress(OSError):
            if self.whole:
                await self._join(reader, writer)
        writer.transport.abort()
        self.ends.discard(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self.ends.add(back)
        ways = [
            asyncio.create_task(self._pass_on(source, sink))
            for source, sink in ((reader, back), (there, writer))
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        back.transport.abort()
        self.ends.discard(back)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(PIECE_BYTES):
                await self.passes.wait()
                sink.write(piece)
                await sink.drain()
            await self.passes.wait()


async def main(pairs: list[str]) -> None:
    wires = {int(listen): Wire(int(target)) for listen, target in (pair.split(":") for pair in pairs)}
    servers = [await asyncio.start_server(wire.take, "127.0.0.1", port) for port, wire in wires.items()]
    for wire in wires.values():
        wire.heal()
    print("ready", flush=True)  # noqa: T201  who starts it waits for this
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        act, port_name = line.decode().split()
        getattr(wires[int(port_name)], act)()
    for server in servers:
        server.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
