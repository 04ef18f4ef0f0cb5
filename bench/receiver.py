"""A receiver of webhooks in a process of its own: it notes each event.s age; `/dead` never answers."""

import asyncio
import json
import socket
import sys
import time
from datetime import datetime
from typing import Final, cast

import uvloop

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LENGTH: Final = b"content-length: "
CREATED: Final = b'"created":"'


class Receiver(asyncio.Protocol):
    """One connection; `GET /ages` answers with the ages in milliseconds since the last such request."""

    ages: Final[list[float]] = []

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._received[:head].lower().find(LENGTH) + len(LENGTH)
        length = int(self._received[at:].split(b"\r", 1)[0]) if at >= len(LENGTH) else 0
        if len(self._received) < head + 4 + length or self._transport is None:
            return
        request, self._received = self._received, b""
        if not request.startswith(b"POST /dead"):
            self._transport.write(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        if request.startswith(b"GET"):
            content = json.dumps(self.ages).encode()
            self.ages.clear()
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)
        created = request.rsplit(CREATED, 1)[1].split(b'"', 1)[0].decode()
        self.ages.append(1_000 * (time.time() - datetime.fromisoformat(created).timestamp()))
        return ANSWER


async def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
        await asyncio.get_running_loop().create_server(Receiver, sock=listener)
        print(f"Receiver on port {listener.getsockname()[1]}.", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
