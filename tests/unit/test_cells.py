"""Accounts, numbers and ids fall into cells by what they are, the same way for ever."""

from collections import Counter

import pytest

from app.cells import MOST, Cell, CellMap


def test_an_account_falls_into_the_cell_of_its_name_and_never_into_another() -> None:
    names = ["shop", "shop-2", "Bäckerei", "犬", "", "\ud800"]

    assert [CellMap(4).of_account(name) for name in names] == [0, 3, 2, 2, 1, 1]
    assert {CellMap(1).of_account(name) for name in names} == {0}


def test_accounts_spread_evenly_over_the_cells() -> None:
    counts = Counter(CellMap(MOST).of_account(f"account-{n}") for n in range(64_000))

    assert len(counts) == MOST
    assert min(counts.values()) > 850
    assert max(counts.values()) < 1_150


def test_the_numbers_of_a_cell_name_it_and_none_is_0() -> None:
    for cell in CellMap(5):
        numbers = [cell.first_number]
        for _ in range(3):
            numbers.append(cell.next_number(numbers[-1]))

        assert {CellMap(5).of_number(number) for number in numbers} == {cell.number}
        assert numbers == list(range(numbers[0], numbers[0] + 20, 5))
        assert 1 <= numbers[0] <= 5


@pytest.mark.parametrize(("after", "expected"), [(-1, 2), (0, 2), (1, 2), (2, 6), (5, 6), (6, 10)])
def test_the_next_number_is_the_first_above_that_is_of_the_cell(after: int, expected: int) -> None:
    assert Cell(2, 4).next_number(after) == expected
    assert Cell().next_number(after) == after + 1


def test_an_id_that_is_a_word_names_the_cell_that_made_it() -> None:
    ids = [cell.naming(lambda: "dBjftJeZ4CVP")() for cell in CellMap(MOST)]

    assert [CellMap(MOST).of_text(text) for text in ids] == list(range(MOST))
    assert len({len(text) for text in ids}) == 1
    assert Cell().naming(lambda: "word")() == "word"


def test_an_id_that_no_cell_made_is_of_none_of_them() -> None:
    assert CellMap(4).of_text(Cell(3, 4).naming(lambda: "word")()) == 3
    assert [CellMap(4).of_text(text) for text in ("", "word", "word=", "wordE", "word\N{DOG}")] == [None] * 5
    assert CellMap(1).of_text("anything") == 0


@pytest.mark.parametrize("cells", [0, -1, MOST + 1])
def test_there_are_from_one_to_sixty_four_cells(cells: int) -> None:
    with pytest.raises(ValueError, match="1 to 64 cells"):
        CellMap(cells)
