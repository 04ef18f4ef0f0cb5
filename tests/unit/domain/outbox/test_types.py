import re
from pathlib import Path

import pytest

import app
from app.domain import outbox
from app.domain.outbox import UnknownType, types

DOMAIN = Path(app.__file__).parent / "domain"
FACT = re.compile(r'"((?:ACC|DEPOSIT|INV|PAYMENT|TRANSFER|HOLD|ESCROW|SYS)_[A-Z_]+)"')
RULE = re.compile(r'"((?:ACC|INV|PAYMENT)_[A-Z_]+)"')
"""Entries have kinds that look like types of the other classes."""


def test_every_type_that_the_rules_tell_is_in_the_list() -> None:
    emitted = {
        name
        for path in DOMAIN.rglob("*.py")
        for line in path.read_text().splitlines()
        for name in (FACT if path.stem.endswith(("_events", "payload")) else RULE).findall(line)
        if "startswith" not in line
    }

    assert emitted - outbox.TYPES.keys() == set()
    assert all(re.fullmatch(r"[A-Z_]{4,64}", name) for name in outbox.TYPES)


def test_a_filter_names_types_classes_or_all_and_an_unknown_one_is_refused_by_name() -> None:
    names = ["ALL", "NET", "PAYMENT", *outbox.TYPES, *map(outbox.class_of, outbox.TYPES)]

    assert (
        types.parse_filter(names)
        == types.parse_filter([*map(str.lower, names), *names])
        == tuple(dict.fromkeys(names))
    )
    for name in ("", "INV_", "INV_PAID", "ALL "):
        with pytest.raises(UnknownType, match=f"There is no event type {name}:") as refused:
            types.parse_filter(["INV", name])
        assert refused.value.field == "types"
