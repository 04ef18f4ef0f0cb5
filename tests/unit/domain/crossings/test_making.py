"""Transfers between cells: the same as in one, and whole on both sides."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from app.batching.crossings import Crossings
from app.db import ReadDb
from app.domain import accounts, transfers
from app.domain.commands import Submitted
from app.domain.idempotency import KeyReused
from app.domain.ledger import NoSuchAsset
from app.domain.owner import AccountClosed, NoSuchAccount
from app.domain.pages import PageRequest
from app.domain.transfers import LacksFunds, Share, Transfer, TransferFilter
from tests import scenario
from tests.crossing_town import EACH, GOLD, KOINU, Town, answered, claim, order
from tests.ledger_walk import invariants


async def seen(town: Town, cell: int, foreign_id: str = "") -> list[Transfer]:
    async with town.engines[cell].connect() as db:
        wanted = TransferFilter(foreign_id)
        page = await transfers.page(db, wanted, PageRequest(None, 10))
    return [listed.transfer for listed in page.items]


async def fetched(db: ReadDb, number: int) -> Transfer:
    return await scenario.fetch(db, transfers.FETCH, number)


async def test_money_goes_from_one_cell_to_another_and_both_see_the_whole(town: Town) -> None:
    payer, payee = town.name(2), town.name(0)

    made = await town.submit(transfers.MAKE, order(payer, (payee, 3)), (2, 0))

    assert (made.payers, made.payees) == ((Share(payer, 300),), (Share(payee, 300),))
    assert await town.has(payer) == (EACH - 300, 0)
    assert await town.has(payee) == (EACH + 300, 0)
    assert await seen(town, 2, payer) == await seen(town, 0, payee) == [made]
    assert [await seen(town, cell) for cell in range(3)] == [[], [], [made]]
    async with town.engines[2].connect() as db:
        assert await fetched(db, made.id) == made
    assert town.news == [("transfer", (0, 2))]
    await town.check()


async def test_each_cell_tells_its_own_accounts(town: Town) -> None:
    payer, payees = town.name(1), (town.name(0), town.name(1, 1), town.name(2))

    made = await town.submit(
        transfers.MAKE, order(payer, *((name, n) for n, name in enumerate(payees, 1))), (1, 0, 2)
    )

    told = [[event[:2] for event in await town.events(cell)] for cell in range(3)]
    assert told == [
        [(payees[0], "TRANSFER_RECEIVED")],
        [(payer, "TRANSFER_SENT"), (payees[1], "TRANSFER_RECEIVED")],
        [(payees[2], "TRANSFER_RECEIVED")],
    ]
    [(_, _, message)] = await town.events(2)
    assert (message["transfer"], message["from"], message["to"]) == (made.id, payer, payees[2])
    assert (message["amount"], message["balance"]["available"]) == ("3", "13")
    await town.check()


@pytest.mark.parametrize(
    ("changed", "refusal", "sentence"),
    [
        ({"amount": 11}, LacksFunds, "has 10 gold, 11 needed"),
        ({"payee": "nobody"}, NoSuchAccount, "account not found: nobody"),
        ({"asset": "clay"}, NoSuchAsset, "clay"),
    ],
)
async def test_a_refusal_leaves_nothing_in_either_cell(
    town: Town, changed: dict[str, Any], refusal: type[Exception], sentence: str
) -> None:
    terms: dict[str, Any] = {"payee": town.name(1), "amount": 1, "asset": GOLD} | changed
    asked = order(town.name(0), (terms["payee"], terms["amount"]), asset=terms["asset"], key="k")
    before = [await rows(town, cell) for cell in range(3)]

    with pytest.raises(refusal, match=sentence):
        await town.submit(transfers.MAKE, asked, (0, 1), claim("k"))

    assert before == [await rows(town, cell) for cell in range(3)]


async def rows(town: Town, cell: int) -> str:
    async with town.engines[cell].connect() as db:
        return await invariants.snapshot(db)


async def test_a_closed_payee_elsewhere_gets_nothing(town: Town) -> None:
    payee = town.name(1, 1)
    await town.submit(transfers.MAKE, order(payee, (town.name(0), "10")), (1, 0))
    await town.submit(transfers.MAKE, order(payee, (town.name(0), "10"), asset="DOGE"), (1, 0))
    await town.commits[1].submit(accounts.CLOSE, payee)

    with pytest.raises(AccountClosed):
        await town.submit(transfers.MAKE, order(town.name(0), (payee, 1)), (0, 1))
    await town.check()


async def test_the_same_request_again_gets_the_same_transfer(town: Town) -> None:
    asked = order(town.name(2), (town.name(1), 4), key="k")

    answers = await asyncio.gather(
        *(town.crossings.submit(transfers.MAKE, asked, claim("k"), (2, 1)) for _ in range(5))
    )
    again = await town.crossings.submit(transfers.MAKE, asked, claim("k"), (2, 1))

    assert len({answer.resource for answer in [*answers, again]}) == 1
    assert sorted(answer.replayed for answer in answers) == [False, True, True, True, True]
    assert again.replayed
    assert await town.has(town.name(2)) == (EACH - 400, 0)
    with pytest.raises(KeyReused):
        await town.crossings.submit(transfers.MAKE, asked, claim("k", b"other"), (2, 1))
    await town.check()


async def test_a_key_that_payers_of_two_cells_use_is_noticed_where_they_meet(town: Town) -> None:
    await town.submit(transfers.MAKE, order(town.name(0), (town.name(1), 1), key="k"), (0, 1), claim("k"))

    with pytest.raises(KeyReused):
        await town.submit(
            transfers.MAKE, order(town.name(1), (town.name(0), 1), key="k"), (1, 0), claim("k", b"other")
        )
    await town.check()


async def test_in_a_bulk_what_comes_first_pays_for_what_follows(town: Town) -> None:
    first, second, third = (town.name(cell) for cell in range(3))
    asked = [
        order(first, (second, 10)),
        order(second, (third, 20)),
        order(third, (first, 30)),
        order(third, (first, 1)),
        order(first, (town.name(0, 1), 30)),
    ]
    cells = [(0, 1), (1, 2), (2, 0), (2, 0), (0,)]

    outcomes = await town.crossings.submit_all(
        transfers.MAKE, [Submitted(each, claim(each.key)) for each in asked], cells
    )

    assert [isinstance(outcome, LacksFunds) for outcome in outcomes] == [False, False, False, True, False]
    assert [(await town.has(town.name(*who)))[0] for who in ((0, 0), (1, 0), (2, 0), (0, 1))] == [
        0,
        0,
        0,
        4 * EACH,
    ]
    await town.check()


async def test_a_trade_over_cells_is_made_as_a_whole_or_not_at_all(town: Town) -> None:
    ann, bob = town.name(0), town.name(2)
    trade = [order(ann, (bob, 5)), order(bob, (ann, "0.000002"), asset="DOGE")]
    too_much = [order(ann, (bob, 5)), order(bob, (ann, 1_000), asset="DOGE")]

    made = await town.submit(transfers.MAKE_ATOMIC, trade, (0, 2), claim("trade"))
    again = await town.crossings.submit(transfers.MAKE_ATOMIC, trade, claim("trade"), (0, 2))
    with pytest.raises(LacksFunds) as refused:
        await town.submit(transfers.MAKE_ATOMIC, too_much, (0, 2))

    assert (again.resource, again.replayed) == (made, True)
    assert refused.value.field == "transfers.1.amount"
    assert [await town.has(name) for name in (ann, bob)] == [(EACH - 500, 0), (EACH + 500, 0)]
    assert [await town.has(name, "DOGE") for name in (ann, bob)] == [(KOINU + 200, 0), (KOINU - 200, 0)]
    await town.check()


async def test_two_programs_cross_in_both_directions_beside_what_stays_and_none_waits_in_a_circle(
    town: Town,
) -> None:
    other = Crossings(town.cells.crossing, [scenario.INSTALLATION] * 3, lambda *_: None)
    names = [town.name(cell, number) for cell in range(3) for number in range(2)]
    pairs = [(payer, payee) for payer in names for payee in names if payer != payee]

    def made(number: int, payer: str, payee: str) -> Any:
        cells = town.cells_of(payer, payee)
        asked = order(payer, (payee, "0.01"))
        if len(cells) == 1:
            return town.commits[cells[0]].submit(transfers.MAKE, asked)
        return (town.crossings, other)[number % 2].submit(transfers.MAKE, asked, None, cells)

    for _ in range(10):
        await answered(*(made(number, *pair) for number, pair in enumerate(pairs)))
    await other.close()

    assert {await town.has(name) for name in names} == {(EACH, 0)}
    async with town.engines[0].connect() as db:
        asked = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert await db.scalar(sa.text(asked)) == 0
    await town.check()
