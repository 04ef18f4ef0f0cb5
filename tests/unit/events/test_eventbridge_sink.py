import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import Cell
from app.config import sources
from app.config.sections import EventBus
from app.config.values import SettingsError
from app.domain.outbox import Event
from app.events import eventbridge_sink, sequencer
from app.events.eventbridge_sink import Bus
from app.events.sink_runner import Sink, SinkRunner
from app.runtime.lease import Lease
from app.workers import sinks
from tests.unit.events.steps import emit, until

SECRET = "such-secret-words"


@dataclass
class FakeEventBridge:
    """An EventBridge on loopback: it takes what the script does not refuse, request by request."""

    script: list[set[int] | int] = field(default_factory=list)
    requests: list[list[dict[str, Any]]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    targets: set[str] = field(default_factory=set)
    port: int = 0

    def answer(self, target: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """A number of the script is a status; a set holds the indexes of the entries that are refused."""
        self.targets.add(target)
        entries = json.loads(body)["Entries"]
        self.requests.append(entries)
        refused = self.script.pop(0) if self.script else set()
        if isinstance(refused, int):
            return refused, {"__type": "AccessDeniedException", "message": "not you"}
        self.taken += [entry for index, entry in enumerate(entries) if index not in refused]
        answers = [
            {"ErrorCode": "ThrottlingException", "ErrorMessage": "too much"}
            if index in refused
            else {"EventId": "1"}
            for index in range(len(entries))
        ]
        return 200, {"FailedEntryCount": len(refused), "Entries": answers}

    def positions(self) -> list[int]:
        return [json.loads(entry["Detail"])["position"] for entry in self.taken]


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEventBridge]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "shibe")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fake = FakeEventBridge()

    class PutEvents(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answered = fake.answer(self.headers["x-amz-target"], body)
            shown = json.dumps(answered).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(shown)))
            self.end_headers()
            self.wfile.write(shown)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), PutEvents)
    server.daemon_threads = True
    fake.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


def sink(to: FakeEventBridge) -> Sink:
    return eventbridge_sink.sink(
        "eventbridge.shop", Bus("shop", "eu-central-1", f"http://127.0.0.1:{to.port}")
    )


async def started(engine: AsyncEngine, sink: Sink) -> SinkRunner:
    await sequencer.prepare(engine, [], [sink])
    return SinkRunner(engine, sink, Lease(engine, sink.name, "one"), waits_seconds=(0,))


async def test_events_go_to_the_bus_in_order_ten_a_request(engine: AsyncEngine, bus: FakeEventBridge) -> None:
    runner = await started(engine, sink(bus))
    await emit(engine, 25)
    await until(runner.step, lambda: len(bus.taken) >= 25)
    await runner.close()

    assert bus.positions() == list(range(1, 26))
    assert [len(request) for request in bus.requests] == [10, 10, 5]
    assert bus.targets == {"AWSEvents.PutEvents"}
    first = bus.taken[0]
    assert (first["EventBusName"], first["Source"], first["DetailType"]) == ("shop", "kennel", "ACC_UPDATED")
    assert json.loads(first["Detail"])["message"] == {"n": 0}


async def test_events_that_are_refused_are_sent_again_and_those_that_were_taken_are_not(
    engine: AsyncEngine, bus: FakeEventBridge, caplog: pytest.LogCaptureFixture
) -> None:
    bus.script = [set(), {2, 5}, {0}]
    runner = await started(engine, sink(bus))
    await emit(engine, 22)
    await until(runner.step, lambda: len(bus.taken) >= 22)
    await runner.close()

    assert sorted(bus.positions()) == list(range(1, 23))
    assert [len(request) for request in bus.requests] == [10, 10, 4, 1]
    assert caplog.text.count("does not take events (ThrottlingException: too much)") == 1


async def test_a_bus_that_is_down_or_denies_access_is_tried_again_and_the_key_is_not_logged(
    engine: AsyncEngine, bus: FakeEventBridge, caplog: pytest.LogCaptureFixture
) -> None:
    bus.script = [403]
    runner = await started(engine, sink(bus))
    away = await started(
        engine, eventbridge_sink.sink("eventbridge.away", Bus("shop", "eu-central-1", "http://127.0.0.1:9"))
    )
    await emit(engine, 3)

    assert not await runner.step()
    assert "AccessDeniedException" in runner.trouble()
    await until(runner.step, lambda: len(bus.taken) >= 3)
    assert bus.positions() == [1, 2, 3]
    assert not await away.step()
    assert "Could not connect" in away.trouble()
    assert SECRET not in caplog.text
    await runner.close()
    await away.close()


def test_a_request_holds_no_more_than_eventbridge_takes_and_no_event_is_too_large() -> None:
    small = Event(1, 1, 1, "shop", "ab", "ACC_CREATED", '{"n":1}', datetime(2026, 1, 1, tzinfo=UTC))
    big = replace(small, message=json.dumps("x" * 100_000))
    huge = replace(small, message=json.dumps("x" * 300_000))

    cut = [len(request) for request in eventbridge_sink.requests([small] * 11 + [big] * 3 + [huge])]

    assert cut == [10, 3, 2]
    assert json.loads(eventbridge_sink.detail(big))["message"] == "x" * 100_000
    envelope = json.loads(eventbridge_sink.detail(huge))
    assert (envelope["message"], envelope["event_id"], envelope["position"]) == (None, "ab", 1)


def test_without_the_extra_a_configuration_that_names_it_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    read = sources.read({}).model_copy(update={"event_buses": {"shop": EventBus(bus="bus")}})

    with pytest.raises(
        SettingsError, match=r"^\[eventbridge.shop\] cannot be used: .*make eventbridge installs it\.$"
    ):
        sinks.of(read, Cell())
