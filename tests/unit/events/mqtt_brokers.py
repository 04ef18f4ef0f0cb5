"""MQTT brokers that can be stopped and started, and a subscriber that hears everything."""

import asyncio
import json
import shutil
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt

from app.cli.demo import broker
from tests.unit.events.certificates import Signed
from tests.unit.events.steps import DEADLINE_SECONDS

NULL = asyncio.subprocess.DEVNULL


@dataclass(slots=True)
class TestBroker:
    """mosquitto where it is installed, else the embedded broker; it keeps its port when it is started again.

    With `secure` it also listens by TLS at `secure_port`; `lines` are more of mosquitto's settings.
    """

    __test__ = False

    folder: Path
    port: int
    secure_port: int = 0
    password: str | None = None
    embedded: bool = False
    secure: tuple[Path, Signed] | None = None
    lines: list[str] = field(default_factory=list)
    _embedded: AsyncExitStack = field(default_factory=AsyncExitStack)
    _process: Process | None = None

    @property
    def real(self) -> bool:
        return not self.embedded and shutil.which("mosquitto") is not None

    async def start(self) -> None:
        if not self.real:
            await self._embedded.enter_async_context(broker.running("127.0.0.1", self.port))
            return
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join([*await self._login(), *self.lines, *self._listeners()]) + "\n")
        self._process = await asyncio.create_subprocess_exec(
            "mosquitto", "-c", str(config), stdout=NULL, stderr=NULL
        )
        await _listening(self.port)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        await self._embedded.aclose()
        if self._process is not None:
            process, self._process = self._process, None
            process.send_signal(number)
            await process.wait()

    async def kill(self) -> None:
        await self.stop(signal.SIGKILL)

    def _listeners(self) -> list[str]:
        lines = [
            "persistence true",
            f"persistence_location {self.folder}/",
            "user root",
            "max_queued_messages 0",
        ]
        lines += ["max_inflight_messages 0", f"listener {self.port} 127.0.0.1"]
        if self.secure is not None:
            ca, own = self.secure
            lines += [f"listener {self.secure_port} 127.0.0.1", f"cafile {ca}", f"certfile {own.cert}"]
            lines += [f"keyfile {own.key}", "require_certificate true"]
        return lines

    async def _login(self) -> list[str]:
        if self.password is None:
            return ["allow_anonymous true"]
        passwords = self.folder / "passwords"
        passwords.unlink(missing_ok=True)
        command = ["mosquitto_passwd", "-c", "-b", str(passwords), "kennel", self.password]
        await (await asyncio.create_subprocess_exec(*command, stderr=NULL)).wait()
        return [f"password_file {passwords}"]


async def _listening(port: int) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                await writer.wait_closed()
                return


@dataclass(slots=True)
class Subscriber:
    """Hears everything, and subscribes again when the broker comes back."""

    port: int
    name: str = "subscriber"
    messages: list[aiomqtt.Message] = field(default_factory=list)
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while True:
            try:
                await self._listen()
            except aiomqtt.MqttError:
                self.subscribed.clear()
                await asyncio.sleep(0.02)

    async def _listen(self) -> None:
        client = aiomqtt.Client("127.0.0.1", self.port, identifier=self.name, clean_session=False)
        async with client:
            await client.subscribe("#", qos=2)
            self.subscribed.set()
            async for message in client.messages:
                self.messages.append(message)

    def topics(self) -> list[str]:
        return [str(message.topic) for message in self.messages]

    def positions(self) -> list[int]:
        return [json.loads(bytes(message.payload))["position"] for message in self.messages]


@asynccontextmanager
async def subscribed(port: int, name: str = "subscriber") -> AsyncIterator[Subscriber]:
    subscriber = Subscriber(port, name)
    task = asyncio.create_task(subscriber.run())
    async with asyncio.timeout(DEADLINE_SECONDS):
        await subscriber.subscribed.wait()
    try:
        yield subscriber
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
