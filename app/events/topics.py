"""The MQTT topics of an event: Kennel's own, and GigaWallet's literal ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain import events
from app.domain.events import Event

ROOT: Final = "kennel"
ESCAPED: Final = re.compile(r"[/+#%\x00-\x1f\x7f-\x9f]")
"""What separates levels, is a wildcard, begins an escape or is forbidden in a topic (MQTT 3.1.1, 1.5.3 and 4.7)."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A literal topic that gets the events of these types; GigaWallet's `[mqtt.queues.NAME]`."""

    topic: str
    types: tuple[str, ...] = (events.ALL,)


def own(event: Event) -> str:
    """Return `kennel/{class}/{foreign_id}`: the class in lower case (`acc`, `inv`), the foreign_id percent-encoded.

    An event of no account has no third level: `kennel/sys`.
    """
    levels = [ROOT, events.class_of(event.type).lower()]
    return "/".join([*levels, escape(event.foreign_id)] if event.foreign_id else levels)


def escape(level: str) -> str:
    """Percent-encode (UTF-8) what a topic's level cannot hold; the rest stays readable."""
    return ESCAPED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), level)


def of(event: Event, queues: Sequence[Queue]) -> list[str]:
    """Return every topic that the event goes to."""
    return [own(event), *(queue.topic for queue in queues if events.asked_for(queue.types, event.type))]
