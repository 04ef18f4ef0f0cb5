"""The events of an invoice's receipts: each total once, confirmations in turn; and flags that follow."""

from dataclasses import dataclass

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
class BlockDeposits:
    """What a block does to deposits: it undoes and confirms so many, then new ones come in."""

    incoming: list[int]
    confirm: int
    undo: int


BLOCKS = st.lists(
    st.builds(BlockDeposits, st.lists(st.integers(1, 12), max_size=3), st.integers(0, 3), st.integers(0, 2)),
    max_size=25,
)


def changes(blocks: list[BlockDeposits]) -> list[tuple[int, int]]:
    """How received and confirmed change, block by block."""
    waiting: list[int] = []
    settled: list[int] = []
    by_block = []
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
        by_block.append((received + sum(block.incoming), confirmed))
    return by_block


def history(blocks: list[BlockDeposits]) -> list[tuple[Receipts, Receipts, list[str]]]:
    """The receipts before and after each block, and the events."""
    before, transitions = NEW, []
    for received, confirmed in changes(blocks):
        after, events = transition(before, before.plus(received, confirmed))
        transitions.append((before, after, events))
        before = after
    return transitions


@given(BLOCKS)
def test_a_total_is_detected_once_and_again_only_after_it_had_dropped(blocks: list[BlockDeposits]) -> None:
    enough = False
    for _, after, events in history(blocks):
        rises = not enough and after.received >= after.due
        assert events.count("INV_TOTAL_PAYMENT_DETECTED") == rises
        enough = after.received >= after.due


@given(BLOCKS)
def test_confirmed_and_unconfirmed_alternate_beginning_with_confirmed(blocks: list[BlockDeposits]) -> None:
    names = ("INV_TOTAL_PAYMENT_CONFIRMED", "INV_PAYMENT_UNCONFIRMED")
    alternating = [event for *_, events in history(blocks) for event in events if event in names]

    assert alternating == [names[n % 2] for n in range(len(alternating))]


@given(BLOCKS)
def test_the_flags_are_what_the_sums_and_the_past_say(blocks: list[BlockDeposits]) -> None:
    ever = False
    for _, after, _ in history(blocks):
        ever |= after.confirmed >= after.due
        assert after.detected == (after.received >= after.due)
        assert after.settled == (after.confirmed >= after.due)
        assert after.confirmation_lost == (ever and not after.settled)


@given(BLOCKS)
def test_every_change_tells_the_balance_first_and_no_change_tells_nothing(
    blocks: list[BlockDeposits],
) -> None:
    for before, after, events in history(blocks):
        changed = (before.received, before.confirmed) != (after.received, after.confirmed)
        assert events[:1] == ["INV_BALANCE_CHANGED"] * changed
        assert changed or after == before
        assert len(set(events)) == len(events)


@given(BLOCKS)
def test_a_part_or_too_much_is_told_only_when_more_came(blocks: list[BlockDeposits]) -> None:
    for before, after, events in history(blocks):
        grown = after.received > before.received
        assert ("INV_PART_PAYMENT_DETECTED" in events) == (grown and after.received < after.due)
        assert ("INV_OVER_PAYMENT_DETECTED" in events) == (grown and after.received > after.total)
        more_confirmed = after.confirmed > before.confirmed
        assert ("INV_OVER_PAYMENT_CONFIRMED" in events) == (more_confirmed and after.confirmed > after.total)


@pytest.mark.parametrize(
    ("received", "events"),
    [
        (8, ["INV_BALANCE_CHANGED", "INV_PART_PAYMENT_DETECTED"]),
        (9, ["INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED"]),
        (10, ["INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED"]),
        (11, ["INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED", "INV_OVER_PAYMENT_DETECTED"]),
    ],
)
def test_within_the_tolerance_is_paid_and_only_above_the_total_is_too_much(
    received: int, events: list[str]
) -> None:
    assert transition(NEW, NEW.plus(received))[1] == events


def test_what_a_block_confirms_at_once_is_detected_and_confirmed_in_that_order() -> None:
    marked, events = transition(NEW, NEW.plus(11, 11))

    assert events == [
        "INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED", "INV_OVER_PAYMENT_DETECTED",
        "INV_TOTAL_PAYMENT_CONFIRMED", "INV_OVER_PAYMENT_CONFIRMED",
    ]  # fmt: skip
    assert marked == NEW.plus(11, 11)._replace(detected=True, settled=True)


# ---------------------------------------------------------------- before a block has it

STEPS = st.lists(
    st.tuples(st.sampled_from(["see", "mine", "lose", "confirm", "undo"]), st.integers(1, 12), st.booleans()),
    max_size=30,
)


def with_sightings(steps: list[tuple[str, int, bool]]) -> list[tuple[Receipts, Receipts, list[str]]]:
    """Before, after and what was told, as payments are seen, mined or lost, confirmed, and undone."""
    now, changes = NEW, []
    seen: list[tuple[int, bool]] = []
    incoming: list[int] = []
    confirmed: list[int] = []
    for what, amount, acceptable in steps:
        after = now
        if what == "see":
            seen.append((amount, acceptable))
            after = now.plus_seen(amount, acceptable=acceptable)
        elif what in ("mine", "lose") and seen:
            size, counted = seen.pop(0)
            after = now.plus_seen(-size, acceptable=counted)
            if what == "mine":
                incoming.append(size)
                after = after.plus(size)
        elif what == "confirm" and incoming:
            confirmed.append(incoming.pop(0))
            after = now.plus(0, confirmed[-1])
        elif what == "undo" and confirmed:
            size = confirmed.pop()
            after = now.plus(-size, -size)
        after, events = transition(now, after)
        changes.append((now, after, events))
        now = after
    return changes


@given(STEPS)
def test_confirmed_and_unconfirmed_alternate_also_where_sightings_count(
    steps: list[tuple[str, int, bool]],
) -> None:
    names = ("INV_TOTAL_PAYMENT_CONFIRMED", "INV_PAYMENT_UNCONFIRMED")
    events = [event for *_, told in with_sightings(steps) for event in told if event in names]

    assert events == [names[n % 2] for n in range(len(events))]


@given(STEPS)
def test_a_sighting_changes_no_sum_of_money_and_tells_no_balance(steps: list[tuple[str, int, bool]]) -> None:
    for before, after, told in with_sightings(steps):
        moved = (before.received, before.confirmed) != (after.received, after.confirmed)
        assert ("INV_BALANCE_CHANGED" in told) == moved
        assert after.detected == (after.received >= after.due)


@given(STEPS)
def test_what_counts_as_confirmed_has_enough_in_blocks_or_acceptable(
    steps: list[tuple[str, int, bool]],
) -> None:
    for _, after, _ in with_sightings(steps):
        if after.settled:
            assert after.received + after.acceptable >= after.due
        if after.confirmed >= after.due or after.acceptable >= after.due:
            assert after.settled
        assert after.accepted == (after.settled and after.confirmed < after.due)


def test_what_was_accepted_stays_so_from_its_block_to_its_confirmation() -> None:
    accepted, first = transition(NEW, NEW.plus_seen(10, acceptable=True))
    mined, second = transition(accepted, accepted.plus_seen(-10, acceptable=True).plus(10))
    _, third = transition(mined, mined.plus(0, 10))

    assert first == ["INV_TOTAL_PAYMENT_CONFIRMED"]
    assert accepted.accepted
    assert second == ["INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED"]
    assert third == ["INV_BALANCE_CHANGED"]
