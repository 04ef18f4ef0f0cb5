"""Amazon EventBridge as a sink, ten events a request. It needs the optional package botocore."""

import asyncio
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import util
from typing import Any, Final

from app.domain import outbox
from app.domain.outbox import Event
from app.events.sink_runner import Sink, UndeliveredEvents

SOURCE: Final = "kennel"
ENTRIES: Final = 10
"""Of one PutEvents request."""
REQUEST_BYTES: Final = 256 * 1024
"""Of all entries of one PutEvents request together, and so of a single one too."""
TIME_BYTES: Final = 14
CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 10


class NotInstalled(Exception):
    """EventBridge needs the extra eventbridge (botocore), which is not installed: make eventbridge installs it."""


@dataclass(slots=True)
class Bus:
    """An event bus, by its name or ARN. Without region or endpoint AWS's variables and files count.

    `accepted` are positions behind one that was refused; they are not sent again.
    """

    bus: str
    region: str | None = None
    endpoint: str | None = None
    accepted: set[int] = field(default_factory=set)
    _client: Any = None

    def __post_init__(self) -> None:
        if util.find_spec("botocore") is None:
            raise NotInstalled

    async def send(self, page: Sequence[Event]) -> None:
        """Put the events in order, or raise UndeliveredEvents with the first refusal."""
        for request in requests([event for event in page if event.position not in self.accepted]):
            refusals = await self._put(request)
            self.accepted |= {
                event.position for event, refusal in zip(request, refusals, strict=True) if not refusal
            }
            if any(refusals):
                raise self._undelivered(page, next(filter(None, refusals)))
        self.accepted.clear()

    async def _put(self, request: Sequence[Event]) -> list[str]:
        """Return for each event why it was refused; empty for those that were accepted."""
        answer = await asyncio.to_thread(self._put_events, [_entry(self.bus, event) for event in request])
        if isinstance(answer, str):
            return [answer] * len(request)
        return [_refusal(entry) for entry in answer["Entries"]]

    def _put_events(self, entries: list[dict[str, Any]]) -> Any:
        """Return the answer, or why there is none. It runs in a thread, because botocore blocks."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                self._client = _connect(self.region, self.endpoint)
            return self._client.put_events(Entries=entries)
        except (BotoCoreError, ClientError) as error:
            return str(error)

    def _undelivered(self, page: Sequence[Event], reason: str) -> UndeliveredEvents:
        """Count the events before the first refused one, and remember those that were accepted behind it."""
        delivered = [*(event.position in self.accepted for event in page), False].index(False)
        self.accepted -= {event.position for event in page[:delivered]}
        return UndeliveredEvents(reason, delivered)


def sink(name: str, bus: Bus, types: tuple[str, ...] = (outbox.ALL,), foreign_id: str | None = None) -> Sink:
    """Return the bus as a sink for events of these types, of one account where `foreign_id` is given."""
    return Sink(name, f"the event bus {bus.bus}", bus.send, types, foreign_id)


def requests(page: Sequence[Event]) -> Iterator[list[Event]]:
    """Cut a page into requests that PutEvents accepts."""
    request: list[Event] = []
    size = 0
    for event in page:
        event_bytes = _size(event)
        if request and (len(request) == ENTRIES or size + event_bytes > REQUEST_BYTES):
            yield request
            request, size = [], 0
        request.append(event)
        size += event_bytes
    if request:
        yield request


def detail(event: Event) -> str:
    """Return the envelope; where it is too large for EventBridge, its message is null."""
    envelope = outbox.envelope(event)
    if len(envelope) > REQUEST_BYTES - TIME_BYTES - len(SOURCE) - len(event.type):
        envelope = outbox.envelope(dataclasses.replace(event, message="null"))
    return envelope.decode()


def _size(event: Event) -> int:
    """Count as EventBridge does: text as UTF-8, and the time."""
    return TIME_BYTES + len(SOURCE) + len(event.type) + len(detail(event).encode())


def _entry(bus: str, event: Event) -> dict[str, Any]:
    return {
        "EventBusName": bus,
        "Source": SOURCE,
        "DetailType": event.type,
        "Detail": detail(event),
        "Time": event.created,
    }


def _refusal(entry: dict[str, Any]) -> str:
    if "ErrorCode" not in entry:
        return ""
    return f"{entry['ErrorCode']}: {entry.get('ErrorMessage', '')}"


def _connect(region: str | None, endpoint: str | None) -> Any:
    """Return a client that tries once: the loop tries again, in order."""
    from botocore.config import Config
    from botocore.session import Session

    once = Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1}
    )
    return Session().create_client("events", region_name=region, endpoint_url=endpoint, config=once)
