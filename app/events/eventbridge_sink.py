"""Amazon EventBridge as a place for events, ten a request. It needs botocore, an extra that nothing else needs."""

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
"""Of one PutEvents."""
REQUEST_BYTES: Final = 256 * 1024
"""All entries of one PutEvents together, and so also a single one."""
TIME_BYTES: Final = 14
CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 10


class NotInstalled(Exception):
    """EventBridge needs the extra eventbridge (botocore), which is not installed: make eventbridge installs it."""


@dataclass(slots=True)
class Bus:
    """An event bus (its name or ARN); without region or endpoint as AWS's own variables and files have it.

    `taken` are positions that it took behind one that it refused, so that they are not sent again.
    """

    bus: str
    region: str | None = None
    endpoint: str | None = None
    taken: set[int] = field(default_factory=set)
    _client: Any = None

    def __post_init__(self) -> None:
        if util.find_spec("botocore") is None:
            raise NotInstalled

    async def send(self, page: Sequence[Event]) -> None:
        """Put the events in order; what is refused is told, and tried again by whoever calls."""
        left = [event for event in page if event.position not in self.taken]
        for request in requests(left):
            refusals = await self._put(request)
            self.taken |= {
                event.position for event, refusal in zip(request, refusals, strict=True) if not refusal
            }
            if any(refusals):
                raise self._untold(page, next(filter(None, refusals)))
        self.taken.clear()

    async def _put(self, request: Sequence[Event]) -> list[str]:
        """Return for each event why it was refused, empty for those that were taken."""
        answer = await asyncio.to_thread(self._ask, [_entry(self.bus, event) for event in request])
        if isinstance(answer, str):
            return [answer] * len(request)
        return [_refusal(entry) for entry in answer["Entries"]]

    def _ask(self, entries: list[dict[str, Any]]) -> Any:
        """Return the answer, or why there is none; in a thread, for botocore waits for the network."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                self._client = _connect(self.region, self.endpoint)
            return self._client.put_events(Entries=entries)
        except (BotoCoreError, ClientError) as error:
            return str(error)

    def _untold(self, page: Sequence[Event], reason: str) -> UndeliveredEvents:
        """Count what was taken without a gap, and remember what was taken behind it."""
        told = [*(event.position in self.taken for event in page), False].index(False)
        self.taken -= {event.position for event in page[:told]}
        return UndeliveredEvents(reason, told)


def sink(name: str, bus: Bus, types: tuple[str, ...] = (outbox.ALL,), foreign_id: str | None = None) -> Sink:
    """Return the bus as a place for events of these types, of one account where `foreign_id` is given."""
    return Sink(name, f"the event bus {bus.bus}", bus.send, types, foreign_id)


def requests(page: Sequence[Event]) -> Iterator[list[Event]]:
    """Cut a page into what one PutEvents may hold."""
    request: list[Event] = []
    size = 0
    for event in page:
        more = _size(event)
        if request and (len(request) == ENTRIES or size + more > REQUEST_BYTES):
            yield request
            request, size = [], 0
        request.append(event)
        size += more
    if request:
        yield request


def detail(event: Event) -> str:
    """Return the envelope; one that is too large for EventBridge comes without its message, never not at all."""
    whole = outbox.envelope(event)
    if len(whole) > REQUEST_BYTES - TIME_BYTES - len(SOURCE) - len(event.type):
        whole = outbox.envelope(dataclasses.replace(event, message="null"))
    return whole.decode()


def _size(event: Event) -> int:
    """Count as EventBridge does: what is text in UTF-8, and the time."""
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
    """Return a client that tries once: trying again, in order, is the loop's business."""
    from botocore.config import Config
    from botocore.session import Session

    once = Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1}
    )
    return Session().create_client("events", region_name=region, endpoint_url=endpoint, config=once)
