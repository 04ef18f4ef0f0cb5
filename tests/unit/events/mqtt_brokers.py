"""MQTT brokers that can be stopped and started, and a subscriber that hears everything."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt

from app.events import broker
from tests.unit.events.steps import DEADLINE_SECONDS


@dataclass(slots=True)
class TestBroker:
    """mosquitto where it is installed, else the embedded broker; it keeps its port when it is started again."""

    __test__ = False

    folder: Path
    port: int
    password: str | None = None
    embedded: bool = False
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def real(self) -> bool:
        return not self.embedded and shutil.which("mosquitto") is not None

    async def start(self) -> None:
        await self._running.enter_async_context(
            _mosquitto(self) if self.real else broker.running("127.0.0.1", self.port)
        )

    async def stop(self) -> None:
        await self._running.aclose()


@asynccontextmanager
async def _mosquitto(wanted: TestBroker) -> AsyncIterator[None]:
    lines = [f"listener {wanted.port} 127.0.0.1", "persistence true", f"persistence_location {wanted.folder}/"]
    lines += ["user root", "max_queued_messages 0", "max_inflight_messages 0"]
    if wanted.password is None:
        lines.append("allow_anonymous true")
    else:
        passwords = wanted.folder / "passwords"
        passwords.unlink(missing_ok=True)
        make = await asyncio.create_subprocess_exec(
            "mosquitto_passwd", "-c", "-b", str(passwords), "kennel", wanted.password, stderr=asyncio.subprocess.DEVNULL
        )
        await make.wait()
        lines.append(f"password_file {passwords}")
    config = wanted.folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    program = await asyncio.create_subprocess_exec(
        "mosquitto", "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    await _listening(wanted.port)
    try:
        yield
    finally:
        program.terminate()
        await program.wait()


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
        client = aiomqtt.Client("127.0.0.1", self.port, identifier="subscriber", clean_session=False)
        async with client:
            await client.subscribe("#", qos=1)
            self.subscribed.set()
            async for message in client.messages:
                self.messages.append(message)

    def topics(self) -> list[str]:
        return [str(message.topic) for message in self.messages]

    def positions(self) -> list[int]:
        return [json.loads(bytes(message.payload))["position"] for message in self.messages]


@asynccontextmanager
async def subscribed(port: int) -> AsyncIterator[Subscriber]:
    found = Subscriber(port)
    task = asyncio.create_task(found.run())
    async with asyncio.timeout(DEADLINE_SECONDS):
        await found.subscribed.wait()
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
