"""Items of invoices: their total, what of it is due, and which are refused."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.invoices import Item, items
from app.domain.refusals import Invalid
from app.money import COIN, MAX_MONEY, Koinu
from tests.scenario import doge, item

PERCENTS = st.decimals(0, Decimal("99.99999999"), places=8, allow_nan=False)
TOTALS = st.integers(items.LEAST_TOTAL, MAX_MONEY).map(Koinu)


def refusal(*lines: Item) -> tuple[str | None, str]:
    with pytest.raises(Invalid) as raised:
        items.total(lines)
    return raised.value.field, str(raised.value)


@given(st.lists(st.tuples(st.integers(10**6, 10**12), st.integers(1, 1000)), min_size=1, max_size=20))
def test_the_total_is_what_the_lines_come_to(lines: list[tuple[int, int]]) -> None:
    invoiced = [replace(item(), value=Koinu(value), quantity=quantity) for value, quantity in lines]

    assert items.total(invoiced) == sum(value * quantity for value, quantity in lines)


def test_a_discount_is_taken_off() -> None:
    assert items.total([item(10, 2), item(-3, kind="discount")]) == doge(17)


@pytest.mark.parametrize("kind", items.TYPES)
def test_every_type_of_gigawallet_is_a_line(kind: str) -> None:
    value = -1 if kind == "discount" else 1

    assert items.total([item(2), item(value, kind=kind)]) == doge(2 + value)


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        (item(kind="gift"), "type", "Invalid item type"),
        (item(kind="Item"), "type", "Invalid item type"),
        (item(quantity=0), "quantity", "Item quantity should be greater than zero"),
        (item(quantity=-1), "quantity", "Item quantity should be greater than zero"),
        (item(quantity=10**9 + 1), "quantity", "Item quantity is too large"),
        (item(0), "value", "Item value should be greater than zero"),
        (item(-1), "value", "Item value should be greater than zero"),
        (item(0, kind="discount"), "value", "Discount value should be less than zero"),
        (item(1, kind="discount"), "value", "Discount value should be less than zero"),
    ],
)
def test_a_wrong_line_is_refused_in_gigawallets_words_and_named(
    wrong: Item, field: str, sentence: str
) -> None:
    assert refusal(item(), wrong) == (f"items.1.{field}", sentence)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "missing 'items' in JSON body"),
        ([item()] * 501, "An invoice has at most 500 items."),
        ([item(1), item(-1, kind="discount")], "The total must be greater than zero"),
        ([item("0.00999999")], "The total must be from 0.01 to 10,000,000,000 DOGE."),
        ([item(10, 10**9), item("0.00000001")], "The total must be from 0.01 to 10,000,000,000 DOGE."),
    ],
)
def test_a_list_that_can_be_no_invoice_is_refused(lines: list[Item], sentence: str) -> None:
    assert refusal(*lines) == ("items", sentence)


def test_the_smallest_and_the_largest_total_are_taken() -> None:
    assert items.total([item("0.01")]) == items.LEAST_TOTAL == COIN // 100
    assert items.total([item(10, 10**9)]) == MAX_MONEY


@given(total=TOTALS, percent=PERCENTS)
def test_what_is_due_is_the_total_less_the_tolerance_rounded_up_and_never_nothing(
    total: Koinu, percent: Decimal
) -> None:
    due = items.due(total, percent)

    exactly = total * (10**10 - int(percent * 10**8))  # in 10^-10 koinu
    assert 0 < due <= total
    assert (due - 1) * 10**10 < exactly <= due * 10**10


def test_items_are_shown_in_gigawallets_order_with_amounts_as_text() -> None:
    [shown] = json.loads(
        items.shown([replace(item("24.89"), name='Doge "plush" ünï', image_link="https://doge.test/1")])
    )

    assert list(shown.items()) == [
        ("type", "item"),
        ("name", 'Doge "plush" ünï'),
        ("sku", "sku"),
        ("description", ""),
        ("value", "24.89"),
        ("quantity", 1),
        ("image_link", "https://doge.test/1"),
    ]
