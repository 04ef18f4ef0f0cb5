"""Those who are told: a webhook's receiver and an MQTT subscriber, on real sockets, that come and go."""

import json
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.end_to_end.program import Process, Program, free_ports, until

Event = dict[str, Any]

SECRET = "such-secret"
CLAIM_SECONDS = 40
"""Longer than what a killed program was posting waits for another to post it."""


class Post(NamedTuple):
    """A request that the receiver took."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Event:
        found: Event = json.loads(self.body)
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    posts: list[Post]
    status: int

    def __init__(self, port: int) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Taker)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """End the connections that wait for another request."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:  # its sender has died meanwhile
            self.close_connection = True
            return
        post = Post({name.lower(): value for name, value in self.headers.items()}, body)
        if self.server.status == 200:
            self.server.posts.append(post)
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        try:
            self.end_headers()
        except OSError:  # the receiver went down meanwhile: its sender hears no answer, and sends it again
            self.close_connection = True
            with suppress(ValueError):
                self.server.posts.remove(post)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@dataclass(slots=True)
class Receiver:
    """Takes webhooks while it is up; it keeps its port. What it refuses it has not taken."""

    port: int = field(default_factory=lambda: free_ports(1)[0])
    posts: list[Post] = field(default_factory=list)
    _server: _Server | None = None
    _thread: Thread | None = None

    def up(self, status: int = 200) -> None:
        self.down()
        self._server = _Server(self.port)
        self._server.posts, self._server.status = self.posts, status
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def down(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.hang_up()
            self._server.server_close()
            self._server = None

    @property
    def positions(self) -> list[int]:
        return [post.event["position"] for post in self.posts]


class Broker(Process):
    """mosquitto where it is installed, which remembers its sessions; else the broker of the demo, which does not."""

    installed = shutil.which("mosquitto") is not None

    def __init__(self, home: Path) -> None:
        [self.port] = free_ports(1)
        super().__init__(home, ["app.none"], {})
        config = home / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {home}/\nmax_queued_messages 0\n"
        )
        embedded = (
            "import asyncio\nfrom app.cli.demo import broker\n"
            f"async def main():\n async with broker.running('127.0.0.1', {self.port}): await asyncio.Event().wait()\n"
            "asyncio.run(main())"
        )
        self._command = (
            ["mosquitto", "-c", str(config)] if self.installed else [sys.executable, "-c", embedded]
        )

    def up(self) -> None:
        self.spawn()
        self.answers(self._listens)

    def _listens(self) -> bool:
        """Whether it speaks MQTT; an open port alone may be anybody's."""
        probe = Subscriber(self.port, "probe", clean=True)
        try:
            return probe.connect() and probe.is_welcome()
        finally:
            probe.close()


class Subscriber:
    """Hears everything at QoS 1, and comes back to its session when the broker does."""

    def __init__(self, port: int, name: str = "subscriber", *, clean: bool = False) -> None:
        self.messages: list[tuple[str, Event]] = []
        self.subscribed = False
        self._port = port
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def connect(self) -> bool:
        try:
            self._client.connect("127.0.0.1", self._port)
        except OSError:
            return False
        return True

    def is_welcome(self) -> bool:
        """Read the broker's answer to the connection; false where none comes."""
        self._client.loop(1)
        return self._client.is_connected()

    def start(self) -> None:
        assert self.connect()
        self._client.loop_start()
        until(lambda: self.subscribed)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def positions(self) -> list[int]:
        return [event["position"] for _, event in self.messages]

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe("#", qos=1)

    def _on_subscribe(self, *_: Any) -> None:
        self.subscribed = True

    def _on_message(self, _client: mqtt.Client, _given: Any, message: mqtt.MQTTMessage) -> None:
        self.messages.append((message.topic, json.loads(message.payload)))


@dataclass(frozen=True, slots=True)
class Audience:
    """A receiver, and a broker with a subscriber; `settings` and a kennel.toml make a program tell them everything."""

    receiver: Receiver
    broker: Broker
    subscriber: Subscriber

    def configure(self, home: Path) -> None:
        """Write GigaWallet's sections into the file that a program in `home` reads."""
        (home / "kennel.toml").write_text(
            f'mqtt_url = "mqtt://127.0.0.1:{self.broker.port}"\n'
            f"webhook_allow_private = true\nwebhook_retries = [{'1, ' * 20}1]\n\n"
            f'[callbacks.shop]\npath = "http://127.0.0.1:{self.receiver.port}/hook"\n'
            f'types = ["ALL"]\nhmacsecret = "{SECRET}"\n\n'
            f'[mqtt.queues.sales]\ntopicfilter = "sales"\ntypes = ["INV"]\n'
        )

    def hears_all(self, program: Program, *told: Receiver | Subscriber) -> None:
        """Wait until every event there is has come to these, or to both."""
        for one in told or (self.receiver, self.subscriber):
            until(partial(_has_heard_all, one, program), CLAIM_SECONDS)


def _has_heard_all(one: Receiver | Subscriber, program: Program) -> bool:
    return {event["position"] for event in program.events()} == set(one.positions)


@contextmanager
def listening(home: Path) -> Iterator[Audience]:
    """An audience that is there within the block."""
    receiver, broker = Receiver(), Broker(home)
    with ExitStack() as stack:
        stack.callback(receiver.down)
        receiver.up()
        stack.callback(broker.stop)
        broker.up()
        subscriber = stack.enter_context(closing(Subscriber(broker.port)))
        subscriber.start()
        yield Audience(receiver, broker, subscriber)
