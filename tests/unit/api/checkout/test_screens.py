"""Which screen a payer sees of an invoice that no block has paid yet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.api.checkout import screens
from app.domain.invoices import Invoice
from app.domain.owner import Owner
from tests.scenario import doge

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INVOICE = Invoice(
    owner=Owner(1, "shop", ""),
    index=0,
    address="",
    items="[]",
    total=doge(10),
    due=doge(9),
    required_confirmations=6,
    token="",
    reference="",
    metadata="{}",
    received=doge(0),
    confirmed=doge(0),
    settled=False,
    confirmation_lost=False,
    created=NOW,
    expires=NOW + timedelta(minutes=1),
)
LATER = NOW + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("seen", "received", "ended", "now", "screen", "asks"),
    [
        (0, 0, "", NOW, "unpaid", 10),
        (9, 0, "", NOW, "seen", None),
        (4, 5, "", LATER, "seen", None),
        (4, 1, "", NOW, "seen_part", 5),
        (4, 1, "", LATER, "seen_over", None),
        (0, 4, "", NOW, "partial", 6),
        (0, 0, "double_spent", NOW, "double_spent", 10),
        (0, 4, "dropped", NOW, "dropped", 6),
        (4, 0, "dropped", NOW, "seen_part", 6),
        (0, 0, "dropped", LATER, "over", None),
    ],
)
def test_what_waits_in_the_mempool_decides_what_is_still_asked_for(
    seen: int, received: int, ended: str, now: datetime, screen: str, asks: int | None
) -> None:
    invoice = replace(INVOICE, seen=doge(seen), received=doge(received))

    shown = screens.of(invoice, ended, now)

    assert (shown.name, shown.asks) == (screen, None if asks is None else doge(asks))


@pytest.mark.parametrize(
    ("seen", "screen", "notices"), [(10, "seen", ("late",)), (4, "seen_over", ("late",)), (0, "expired", ())]
)
def test_what_is_seen_after_the_end_is_said_to_be_late(
    seen: int, screen: str, notices: tuple[str, ...]
) -> None:
    shown = screens.of(replace(INVOICE, seen=doge(seen), expired=True), "", LATER)

    assert (shown.name, shown.notices, shown.asks, shown.abnormal) == (screen, notices, None, True)


@pytest.mark.parametrize("ended", ["double_spent", "dropped"])
def test_what_was_accepted_and_never_came_is_no_reorganisation(ended: str) -> None:
    invoice = replace(INVOICE, confirmation_lost=True)

    assert screens.of(invoice, ended, NOW).name == ended
    assert screens.of(invoice, "", NOW).name == "reorged"


def test_money_for_a_cancelled_order_is_told_as_soon_as_it_is_seen() -> None:
    shown = screens.of(replace(INVOICE, cancelled=True, seen=doge(1)), "", NOW)

    assert (shown.name, shown.notices) == ("cancelled", ("cancelled_received",))
