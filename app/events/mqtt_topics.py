"""The MQTT topics of an event, made from templates of its class, its type and its account."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.domain import characters, outbox
from app.domain.outbox import Event

DEFAULT: Final = "kennel/{class}/{foreign_id}"
PLACEHOLDERS: Final = ("{class}", "{type}", "{foreign_id}")
MOST_PLACEHOLDERS: Final = 8
"""Of one template: a filled topic must not be longer than 65,535 bytes."""
BRACED: Final = re.compile(r"\{[^{}]*\}|[{}]")
_NONCHARACTERS: Final = "\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
"""Unicode's noncharacters: a broker may close a connection that sends one in a topic, as mosquitto does."""
ESCAPED: Final = re.compile(f"[/+#%\x00-\x1f\x7f-\x9f{_NONCHARACTERS}]")
"""Separates levels, is a wildcard, begins an escape or is forbidden (MQTT 3.1.1, 1.5.3 and 4.7)."""
FORBIDDEN: Final = re.compile(f"[+#{_NONCHARACTERS}]")
"""Forbidden in a template, beside control characters."""


class WrongTemplate(ValueError):
    """What a topic must be, as the end of a sentence."""


class MqttTarget(NamedTuple):
    """The topic of one message, and how it is published."""

    topic: str
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """A topic that gets the events of these types, of one account where `foreign_id` is given."""

    template: str
    types: tuple[str, ...] = (outbox.ALL,)
    qos: int = 1
    retain: bool = False
    foreign_id: str | None = None

    def __post_init__(self) -> None:
        check(self.template)

    def wants(self, event: Event) -> bool:
        """Say whether the event goes to this topic."""
        return outbox.matches_filter(self.types, event.type) and self.foreign_id in (None, event.foreign_id)


def check(template: str) -> None:
    """Raise WrongTemplate for what is no topic, or has an unknown placeholder."""
    if not template or characters.forbidden(template) or FORBIDDEN.search(template):
        raise WrongTemplate("a topic without wildcards")
    placeholders = BRACED.findall(template)
    if not set(placeholders) <= set(PLACEHOLDERS) or len(placeholders) > MOST_PLACEHOLDERS:
        raise WrongTemplate(
            f"a topic with at most {MOST_PLACEHOLDERS} places, which may be {', '.join(PLACEHOLDERS)}"
        )
    if not set(template.replace("{foreign_id}", "")) - {"/"}:
        raise WrongTemplate("a topic with more than the {foreign_id}, which an event of no account has not")


def fill(template: str, event: Event) -> str:
    """Return the template filled with the class in lower case, the type, and the percent-encoded foreign_id.

    An event of no account leaves the level of its foreign_id out: `kennel/sys`. A `$` of an account at the
    beginning of a topic is encoded too: topics such as `$SYS` are the broker's own (MQTT 3.1.1, 4.7.2).
    """
    values = {
        "{class}": outbox.class_of(event.type).lower(),
        "{type}": event.type,
        "{foreign_id}": escape(event.foreign_id),
    }
    levels = [(level, BRACED.sub(lambda match: values[match[0]], level)) for level in template.split("/")]
    topic = "/".join(filled for level, filled in levels if filled or not level)
    return topic if topic[0] != "$" or template[0] == "$" else f"%24{topic[1:]}"


def escape(level: str) -> str:
    """Percent-encode (UTF-8) the characters that a level of a topic cannot hold; the others stay."""
    return ESCAPED.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), level)


def of(event: Event, queues: Sequence[Queue]) -> list[MqttTarget]:
    """Return every topic that the event goes to."""
    return [
        MqttTarget(fill(queue.template, event), queue.qos, queue.retain)
        for queue in queues
        if queue.wants(event)
    ]
