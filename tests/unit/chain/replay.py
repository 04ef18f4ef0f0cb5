"""A server that answers as Dogecoin Core was recorded to, and as it should not."""

import asyncio
import json
from base64 import b64encode
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

RECORDING = json.loads((Path(__file__).parents[2] / "vectors" / "core-regtest-recording.json").read_text())
MINED: list[str] = next(
    json.loads(call["response_text"])["result"]
    for call in RECORDING["calls"]
    if call.get("method") == "generatetoaddress" and call["params"][0] == 70
)
UNKNOWN = {"getblockhash": '["getblockhash", [999]]', "getblock": f'["getblock", ["{"0" * 64}"]]'}

Fault = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]


class Replay:
    """Answers each call with the first answer that was recorded of Core; scripted faults come before."""

    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self.login = "user:pass word"
        self.port = 0
        self.requests: list[Any] = []
        self.at_once = self.most_at_once = 0
        calls = [call for call in RECORDING["calls"] if "method" in call]
        self.texts: dict[str, str] = {self.key(call): call["response_text"] for call in reversed(calls)}
        for height, mined in enumerate(MINED, start=1):
            self.texts[f'["getblockhash", [{height}]]'] = f'{{"result":"{mined}","error":null,"id":1}}'

    @staticmethod
    def key(call: dict[str, Any]) -> str:
        return json.dumps([call["method"], call["params"]])

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self.answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        body = await reader.readexactly(int(headers[b"content-length"]))
        authorised = b"Basic " + b64encode(self.login.encode()) in head
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        if self.faults:
            await self.faults.popleft()(writer, body)
        elif not authorised:
            await say(writer, 401, b"")
        else:
            await self.replay(writer, json.loads(body))
        self.at_once -= 1

    async def replay(self, writer: asyncio.StreamWriter, question: Any) -> None:
        self.requests.append(question)
        if isinstance(question, list):
            await say(writer, 200, ("[" + ",".join(map(self.text, question)) + "]").encode())
            return
        text = self.text(question)
        code = (json.loads(text)["error"] or {}).get("code")
        await say(writer, 200 if code is None else {-32601: 404, -32600: 400}.get(code, 500), text.encode())

    def text(self, question: dict[str, Any]) -> str:
        text = (
            self.texts.get(self.key(question))
            or self.texts[UNKNOWN.get(question["method"], '["nosuchmethod", []]')]
        )
        return text.rsplit('"id":', 1)[0] + f'"id":{question["id"]}}}'


async def say(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
    await writer.drain()


def saying(status: int, body: bytes) -> Fault:
    async def fault(writer: asyncio.StreamWriter, _: bytes) -> None:
        await say(writer, status, body)

    return fault


def failing(code: int, message: str) -> Fault:
    async def fault(writer: asyncio.StreamWriter, body: bytes) -> None:
        request = json.loads(body)
        error = {"code": code, "message": message}
        if isinstance(request, list):  # Core answers batches with 200 also while it warms up
            await say(
                writer,
                200,
                json.dumps(
                    [{"result": None, "error": error, "id": single["id"]} for single in request]
                ).encode(),
            )
        else:
            await say(writer, 500, json.dumps({"result": None, "error": error, "id": request["id"]}).encode())

    return fault


def with_id(text: str) -> Fault:
    async def fault(writer: asyncio.StreamWriter, body: bytes) -> None:
        await say(writer, 200, text.replace("ID", str(json.loads(body)["id"])).encode())

    return fault


async def reset(writer: asyncio.StreamWriter, _: bytes) -> None:
    writer.transport.abort()


async def hang(writer: asyncio.StreamWriter, _: bytes) -> None:
    await asyncio.sleep(3)


async def drip(writer: asyncio.StreamWriter, _: bytes) -> None:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n")
    for _byte in range(30):
        writer.write(b" ")
        await asyncio.sleep(0.05)


async def flood(writer: asyncio.StreamWriter, _: bytes) -> None:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100000000\r\n\r\n[")
    for _second in range(100):
        writer.write(b" " * 1_000_000)
        await writer.drain()


OVERFLOW = saying(500, b"Work queue depth exceeded")


class RecordedSleeps:
    """Records each sleep instead of sleeping."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
