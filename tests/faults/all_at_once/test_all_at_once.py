"""Everything dies, freezes and is cut off at random under load: what was answered is there, once, told in order.

`make soak-faults SECONDS=600` goes on for so long. What all processes said in a run that has failed is kept in
`build/faults`, or in the folder that `FAULT_LOGS` names.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from app import money
from tests.end_to_end.program import NeverTrueError, Program, until, until_equal
from tests.end_to_end.receivers import Receiver, Subscriber
from tests.end_to_end.shop import Shop, answered
from tests.faults import logs
from tests.faults.all_at_once import installation
from tests.faults.all_at_once.faults import Faults
from tests.faults.all_at_once.installation import ANSWER_SECONDS, CALM_SECONDS, Installation
from tests.faults.all_at_once.load import CLIENTS, GOLD, PAYERS, PLAYERS, SHOPS, Load
from tests.faults.conftest import Said
from tests.faults.traffic import assert_events_are_whole, by_cell, chain_of

SECONDS: Final = int(os.environ.get("SOAK_SECONDS", "0")) or 120
SEED: Final = os.environ.get("SOAK_SEED")
CELLS: Final = int(os.environ.get("SOAK_CELLS") or "0")
"""0: one cell or four, as the seed says. All that is asserted is asserted of both, and two runs each time would take too long."""
CONFIRMATIONS: Final = 8
SETTLE_SECONDS: Final = 300
"""Statements of a silent database end after 25 s, claims of a killed process after 20 s, posts that hang after 15 s. The
machine may have other work too."""

Worth = Callable[[str, object], None]
"""Tells in the summary of the session what a run was worth, also where several processes run the tests."""


@pytest.fixture
def seed(record_property: Worth) -> int:
    """The seed of all that is random here. It is printed, so that a failure can be repeated as far as time can."""
    number = int(SEED) if SEED else random.SystemRandom().randrange(2**32)
    line = f"make soak-faults SECONDS={SECONDS} CELLS={_cells(number)} SEED={number}"
    record_property("worth", line)
    print(line, flush=True)  # noqa: T201  to repeat a failure
    return number


@pytest.fixture
def whole(tmp_path: Path, said: Said, seed: int) -> Iterator[Installation]:
    tmp_path.chmod(0o755)
    with installation.running(tmp_path, said, _cells(seed)) as whole:
        yield whole


def _cells(seed: int) -> int:
    return CELLS or (1, 4)[seed % 2]


def test_whatever_dies_every_answer_is_kept_once_and_every_event_arrives_in_order(
    whole: Installation, seed: int, record_property: Worth
) -> None:
    load, faults = Load(whole, seed), Faults(whole, random.Random(f"{seed} faults"))
    first = whole.instances[0]
    first.wait_up_to(CALM_SECONDS)
    load.prepare()
    first.wait_up_to(ANSWER_SECONDS)

    with load.flowing():
        faults.happen(SECONDS)
    for instance in whole.instances:
        instance.wait_up_to(CALM_SECONDS)
    until(lambda: all(_is_ready(instance) for instance in whole.instances), SETTLE_SECONDS)
    load.ask_again()
    _settle(whole, load)

    counts = (
        f"{sum(load.statuses.values())} requests {dict(load.statuses)}, {len(load.done)} done, {load.blocks} blocks,"
        f" {sum(faults.counts.values())} faults: {dict(faults.counts)}"
    )
    print(counts)  # noqa: T201  beside what follows, should it fail
    assert load.refused == {}, _logged(whole, load.refused)
    assert len(load.done) > CLIENTS
    _assert_sales(whole, load)
    _assert_moves(first, load)
    _assert_payments(whole, load)
    audits = [until(instance.audit)["totals"] for instance in whole.instances]
    assert audits == [audits[0]] * len(audits)
    assert_events_are_whole(first)
    record_property("worth", f"{counts}; {_assert_told(whole)} events")


def _is_ready(instance: Program) -> bool:
    return instance.admin.get("/ready").is_success


def _logged(whole: Installation, refused: Iterable[str]) -> str:
    """What the instances have logged of the requests that were refused."""
    texts = [instance.output.read_text(errors="replace") for instance in whole.instances]
    return "\n".join(record for text in texts for record in logs.about(text, refused))


def _settle(whole: Installation, load: Load) -> None:
    """Let all that is on its way come to its end: a block each second until every payment has its confirmations."""
    first = whole.instances[0]

    def confirmed() -> list[str]:
        first.node.mine()
        time.sleep(1)
        return sorted(paid["reference"] for paid in _payments(first) if paid["state"] == "CONFIRMED")

    until_equal(confirmed, sorted(load.of("pay")), SETTLE_SECONDS)
    first.node.mine(CONFIRMATIONS)
    for instance in whole.instances:
        instance.keep_up(SETTLE_SECONDS)


def _assert_sales(whole: Installation, load: Load) -> None:
    """Each sale has one invoice, and each invoice what the chain has sent to it."""
    first = whole.instances[0]
    received, _ = chain_of(whole.node.node)
    listed = {name: Shop(first, name).invoices() for name in SHOPS}
    shown = [invoice for invoices in listed.values() for invoice in invoices]
    assert sorted(invoice["id"] for invoice in shown) == sorted(
        sold["id"] for _, sold in load.of("sale").values()
    )
    assert len({invoice["reference"] for invoice in shown}) == len(shown)
    for invoice in shown:
        assert money.parse(invoice["total_confirmed"]) == received[invoice["id"]], invoice
    for name, invoices in listed.items():
        owed = sum(received[invoice["id"]] for invoice in invoices)
        assert Shop(first, name).balance() == ("0", money.show(owed))


def _assert_moves(program: Program, load: Load) -> None:
    """Each transfer was made once."""
    balances = Counter(dict.fromkeys(PLAYERS, GOLD))
    for asked, _ in load.of("move").values():
        balances[asked.body["from"]] -= 1
        balances[asked.body["to"]] += 1
    for name in PLAYERS:
        shown = answered(program.admin.get(f"/account/{name}/balances"))["items"]
        assert {"gold": str(balances[name])}.items() <= {
            item["asset"]: item["available"] for item in shown
        }.items(), name


def _assert_payments(whole: Installation, load: Load) -> None:
    """Each payment arrived once, and there are no others."""
    paid = _payments(whole.instances[0])
    asked = {asked.body["to"]: key for key, (asked, _) in load.of("pay").items()}
    assert sorted(payment["reference"] for payment in paid) == sorted(asked.values())
    received, _ = chain_of(whole.node.node)
    assert [to for to in asked if received[to] != money.parse("1.5")] == []


def _payments(program: Program) -> list[dict[str, Any]]:
    return [payment for name in PAYERS for payment in _pages(program, f"/account/{name}/payments")]


def _assert_told(whole: Installation) -> int:
    """Webhook and broker were told the same as `GET /events` shows; the broker for the first time in the order of each cell."""
    audience, first = whole.audience, whole.instances[0]
    events = {event["position"]: event for event in until(first.events)}
    for hearer in (audience.receiver, audience.subscriber):
        with suppress(NeverTrueError):  # what has not come is shown below
            until(partial(_has_heard, hearer, set(events)), SETTLE_SECONDS)
    told = [event for _, event in audience.subscriber.messages]
    posted = [post.event for post in audience.receiver.posts]
    for heard in (told, posted):
        assert sorted(set(events) - {event["position"] for event in heard}) == []
        assert [event for event in heard if event != events.get(event["position"])][:3] == []
    for of_cell in by_cell(told, whole.cells):
        first_sights = list(dict.fromkeys(event["position"] for event in of_cell))
        assert first_sights == sorted(first_sights)
    return len(events)


def _has_heard(hearer: Receiver | Subscriber, positions: set[int]) -> bool:
    """Whether all of these have come; they are looked at only when enough have."""
    came = hearer.posts if isinstance(hearer, Receiver) else hearer.messages
    return len(came) >= len(positions) and positions <= set(hearer.positions)


def _pages(program: Program, path: str) -> list[Any]:
    """All items of a list."""
    items: list[Any] = []
    cursor = ""
    while True:
        joined = "&" if "?" in path else "?"
        page = answered(program.admin.get(f"{path}{joined}limit=100&cursor={cursor}"))
        items += page["items"]
        cursor = page["cursor"]
        if not cursor:
            return items
