from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.invoices import Receipts, transition
from app.money import Koinu

NEW = Receipts(
    "n", Koinu(10), Koinu(9), 6, Koinu(0), Koinu(0), detected=False, settled=False, confirmation_lost=False
)
"""Asks for 10 and is content with 9."""


@dataclass(frozen=True)
class Coming:
    """What a block does to the deposits: each number is confirmed or taken back, then some come in."""

    incoming: list[int]
    confirm: int
    undo: int


BLOCKS = st.lists(
    st.builds(Coming, st.lists(st.integers(1, 12), max_size=3), st.integers(0, 3), st.integers(0, 2)),
    max_size=25,
)


def moves(blocks: list[Coming]) -> list[tuple[int, int]]:
    """How received and confirmed change, block by block, as deposits come, are confirmed, and are undone."""
    waiting: list[int] = []
    settled: list[int] = []
    found = []
    for block in blocks:
        received = confirmed = 0
        for _ in range(block.undo):
            if waiting:
                received -= waiting.pop()
            elif settled:
                amount = settled.pop()
                received, confirmed = received - amount, confirmed - amount
        for _ in range(min(block.confirm, len(waiting))):
            settled.append(waiting.pop(0))
            confirmed += settled[-1]
        waiting += block.incoming
        found.append((received + sum(block.incoming), confirmed))
    return found


def story(changes: list[tuple[int, int]]) -> list[tuple[Receipts, Receipts, list[str]]]:
    """Before, after and what was told, for each change."""
    now, found = NEW, []
    for received, confirmed in changes:
        after, told = transition(now, now.plus(received, confirmed))
        found.append((now, after, told))
        now = after
    return found


@given(BLOCKS)
def test_a_total_is_detected_once_and_again_only_after_it_had_dropped(blocks: list[Coming]) -> None:
    enough = False
    for _, after, told in story(moves(blocks)):
        rises = not enough and after.received >= after.due
        assert told.count("INV_TOTAL_PAYMENT_DETECTED") == rises
        enough = after.received >= after.due


@given(BLOCKS)
def test_confirmed_and_unconfirmed_alternate_beginning_with_confirmed(blocks: list[Coming]) -> None:
    names = ("INV_TOTAL_PAYMENT_CONFIRMED", "INV_PAYMENT_UNCONFIRMED")
    events = [event for *_, told in story(moves(blocks)) for event in told if event in names]

    assert events == [names[n % 2] for n in range(len(events))]


@given(BLOCKS)
def test_the_flags_are_what_the_sums_and_the_past_say(blocks: list[Coming]) -> None:
    ever = False
    for _, after, _ in story(moves(blocks)):
        ever |= after.confirmed >= after.due
        assert after.detected == (after.received >= after.due)
        assert after.settled == (after.confirmed >= after.due)
        assert after.confirmation_lost == (ever and not after.settled)


@given(BLOCKS)
def test_every_change_tells_the_balance_first_and_no_change_tells_nothing(blocks: list[Coming]) -> None:
    for before, after, told in story(moves(blocks)):
        changed = (before.received, before.confirmed) != (after.received, after.confirmed)
        assert told[:1] == ["INV_BALANCE_CHANGED"] * changed
        assert changed or after == before
        assert len(set(told)) == len(told)


@given(BLOCKS)
def test_a_part_or_too_much_is_told_only_when_more_came(blocks: list[Coming]) -> None:
    for before, after, told in story(moves(blocks)):
        grown = after.received > before.received
        assert ("INV_PART_PAYMENT_DETECTED" in told) == (grown and after.received < after.due)
        assert ("INV_OVER_PAYMENT_DETECTED" in told) == (grown and after.received > after.total)
        surer = after.confirmed > before.confirmed
        assert ("INV_OVER_PAYMENT_CONFIRMED" in told) == (surer and after.confirmed > after.total)


@pytest.mark.parametrize(
    ("received", "told"),
    [
        (8, ["INV_BALANCE_CHANGED", "INV_PART_PAYMENT_DETECTED"]),
        (9, ["INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED"]),
        (10, ["INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED"]),
        (11, ["INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED", "INV_OVER_PAYMENT_DETECTED"]),
    ],
)
def test_within_the_tolerance_is_paid_and_only_above_the_total_is_too_much(
    received: int, told: list[str]
) -> None:
    assert transition(NEW, NEW.plus(received))[1] == told


def test_what_a_block_confirms_at_once_is_detected_and_confirmed_in_that_order() -> None:
    marked, told = transition(NEW, NEW.plus(11, 11))

    assert told == [
        "INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED", "INV_OVER_PAYMENT_DETECTED",
        "INV_TOTAL_PAYMENT_CONFIRMED", "INV_OVER_PAYMENT_CONFIRMED",
    ]  # fmt: skip
    assert marked == replace(NEW.plus(11, 11), detected=True, settled=True)
