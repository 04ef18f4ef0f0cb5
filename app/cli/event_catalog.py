"""The catalog of all events, made from the code that tells them: `make docs` writes docs/events.md."""

import json
import sys
from itertools import groupby
from typing import Final

from app.domain import event_examples, outbox

HEAD: Final = """\
# The events

Every type of event, with an example. This page is made by `make docs` from the code that tells the events.
New fields may be added; the names of fields never change. How events are delivered: [api.md](api.md). Filters
take single types, classes of types (the part before the first `_`, such as `INV`), and `ALL`, in any case.

Every event has the same envelope: `event_type`, `message`, `event_id` (the same however often it is sent),
`sequence` (counts the events of one account, without a gap), `position` (counts all events, without a gap)
and `created`. With several [cells](scaling.md#cells) each cell counts its own events in steps of the number of
cells: no two have the same `position`, but it has gaps and orders only those of a cell. A restore from a backup
leaves one gap in both: [api.md](api.md#events).
"""
CLASSES: Final = {
    "ACC": "Accounts",
    "DEPOSIT": "Deposits",
    "INV": "Invoices",
    "PAYMENT": "Payments",
    "TRANSFER": "Transfers",
    "HOLD": "Holds",
    "ESCROW": "Escrow",
    "SYS": "The system",
}


def page() -> str:
    """Return the page as Markdown, in the order in which the types are listed."""
    grouped = groupby(outbox.TYPES, outbox.class_of)
    sections = [
        f"## {CLASSES[name]}\n\n" + "\n".join(_entry(event_type) for event_type in types)
        for name, types in grouped
    ]
    return "\n".join([HEAD, *sections])


def _entry(event_type: str) -> str:
    event = event_examples.event(event_examples.all_types()[event_type])
    shown = json.dumps(json.loads(outbox.envelope(event)), indent=2, ensure_ascii=False)
    return f"### {event_type}\n\n{outbox.TYPES[event_type]}\n\n```json\n{shown}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(page())
