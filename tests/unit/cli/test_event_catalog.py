"""The catalog of events is complete, and made from the code that tells them."""

import json
import re
from pathlib import Path

from app.cli import event_catalog
from app.domain import event_examples, outbox

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r'"((?:ACC|DEPOSIT|INV|PAYMENT|TRANSFER|HOLD|ESCROW|SYS)_[A-Z_]+)"')
KINDS = {
    "DEPOSIT_UNDONE",
    "HOLD_RELEASE",
    "HOLD_CAPTURE",
    "ESCROW_LOCK",
    "ESCROW_RELEASE",
    "ESCROW_REFUND",
    "ESCROW_RESOLVE",
}
"""Of entries."""
BEGINNINGS = {"INV_OVER_PAYMENT"}


def test_every_type_has_an_example_that_the_code_made() -> None:
    examples = event_examples.all_types()

    assert examples.keys() == outbox.TYPES.keys()
    assert all(isinstance(json.loads(event.message), dict) for event in examples.values())


def test_every_type_that_the_domain_names_is_in_the_catalog() -> None:
    named = {
        name: path.name
        for path in (ROOT / "app" / "domain").rglob("*.py")
        for name in NAMED.findall(path.read_text())
    }

    assert {
        name: file for name, file in named.items() if name not in outbox.TYPES.keys() | KINDS | BEGINNINGS
    } == {}


def test_the_page_in_the_docs_is_what_make_docs_writes() -> None:
    assert (ROOT / "docs" / "events.md").read_text() == event_catalog.page()
