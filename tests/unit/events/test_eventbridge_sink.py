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

from app.config import sources
from app.config.sections import EventBus
from app.config.values import SettingsError
from app.domain.outbox import Event
from app.events import eventbridge_sink, sequencer
from app.events.eventbridge_sink import Bus
from app.events.sink_runner import Sink, SinkRunner
from app.workers import sinks
from tests.unit.events.steps import tell, until

SECRET = "such-secret-words"


@dataclass
class StandIn:
    """An EventBridge on loopback: it takes what the script does not refuse, request by request."""

    script: list[set[int] | int] = field(default_factory=list)
    requests: list[list[dict[str, Any]]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    targets: set[str] = field(default_factory=set)
    port: int = 0

    def answer(self, target: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """A number of the script is a status, a set the places of the entries that are refused."""
        self.targets.add(target)
        entries = json.loads(body)["Entries"]
        self.requests.append(entries)
        refused = self.script.pop(0) if self.script else set()
        if isinstance(refused, int):
            return refused, {"__type": "AccessDeniedException", "message": "not you"}
        self.taken += [entry for place, entry in enumerate(entries) if place not in refused]
        answers = [
            {"ErrorCode": "ThrottlingException", "ErrorMessage": "too much"}
            if place in refused
            else {"EventId": "1"}
            for place in range(len(entries))
        ]
        return 200, {"FailedEntryCount": len(refused), "Entries": answers}

    def positions(self) -> list[int]:
        return [json.loads(entry["Detail"])["position"] for entry in self.taken]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "shibe")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = StandIn()

    class Taker(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answered = found.answer(self.headers["x-amz-target"], body)
            shown = json.dumps(answered).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(shown)))
            self.end_headers()
            self.wfile.write(shown)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    server.daemon_threads = True
    found.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def sink(to: StandIn) -> Sink:
    return eventbridge_sink.sink(
        "eventbridge.shop", Bus("shop", "eu-central-1", f"http://127.0.0.1:{to.port}")
    )


async def telling(engine: AsyncEngine, one: Sink) -> SinkRunner:
    await sequencer.prepare(engine, [], [one])
    return SinkRunner(engine, one, "one", waits_seconds=(0,))


async def test_events_go_to_the_bus_in_order_ten_a_request(engine: AsyncEngine, stand_in: StandIn) -> None:
    teller = await telling(engine, sink(stand_in))
    await tell(engine, 25)
    await until(teller.step, lambda: len(stand_in.taken) >= 25)
    await teller.close()

    assert stand_in.positions() == list(range(1, 26))
    assert [len(request) for request in stand_in.requests] == [10, 10, 5]
    assert stand_in.targets == {"AWSEvents.PutEvents"}
    first = stand_in.taken[0]
    assert (first["EventBusName"], first["Source"], first["DetailType"]) == ("shop", "kennel", "ACC_UPDATED")
    assert json.loads(first["Detail"])["message"] == {"n": 0}


async def test_what_is_refused_is_sent_again_and_what_was_taken_beside_it_is_not(
    engine: AsyncEngine, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.script = [set(), {2, 5}, {0}]
    teller = await telling(engine, sink(stand_in))
    await tell(engine, 22)
    await until(teller.step, lambda: len(stand_in.taken) >= 22)
    await teller.close()

    assert sorted(stand_in.positions()) == list(range(1, 23))
    assert [len(request) for request in stand_in.requests] == [10, 10, 4, 1]
    assert caplog.text.count("does not take events (ThrottlingException: too much)") == 1


async def test_a_bus_that_is_away_or_does_not_let_us_in_is_tried_again_without_showing_the_key(
    engine: AsyncEngine, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.script = [403]
    teller = await telling(engine, sink(stand_in))
    away = await telling(
        engine, eventbridge_sink.sink("eventbridge.away", Bus("shop", "eu-central-1", "http://127.0.0.1:9"))
    )
    await tell(engine, 3)

    assert not await teller.step()
    assert "AccessDeniedException" in teller.trouble()
    await until(teller.step, lambda: len(stand_in.taken) >= 3)
    assert stand_in.positions() == [1, 2, 3]
    assert not await away.step()
    assert "Could not connect" in away.trouble()
    assert SECRET not in caplog.text
    for one in (teller, away):
        await one.close()


def test_a_request_holds_no_more_than_eventbridge_takes_and_no_event_is_too_large() -> None:
    small = Event(1, 1, 1, "shop", "ab", "ACC_CREATED", '{"n":1}', datetime(2026, 1, 1, tzinfo=UTC))
    big = replace(small, message=json.dumps("x" * 100_000))
    huge = replace(small, message=json.dumps("x" * 300_000))

    cut = [len(request) for request in eventbridge_sink.requests([small] * 11 + [big] * 3 + [huge])]

    assert cut == [10, 3, 2]
    assert json.loads(eventbridge_sink.detail(big))["message"] == "x" * 100_000
    told = json.loads(eventbridge_sink.detail(huge))
    assert (told["message"], told["event_id"], told["position"]) == (None, "ab", 1)


def test_without_the_extra_a_configuration_that_names_it_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    read = replace(sources.read({}), event_buses=(EventBus("shop", "bus"),))

    with pytest.raises(
        SettingsError, match=r"^\[eventbridge.shop\] cannot be used: .*make eventbridge installs it\.$"
    ):
        sinks.of(read)
