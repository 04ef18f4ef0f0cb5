from collections.abc import Sequence
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import accounts
from app.domain import transfers
from app.domain.accounts import account, opening
from app.domain.dogecoin import REGTEST
from app.domain.owner import AccountClosed
from app.domain.refusals import Refusal
from app.domain.transfers import (
    AboveTransfer,
    AlreadyReversed,
    Credit,
    LacksFunds,
    NoSuchTransfer,
    NotReversible,
    PartOfSeveral,
    Payee,
    ReversalOrder,
    Share,
    Transfer,
    TransferOrder,
)
from tests import scenario
from tests.unit.domain.bank import GOLD, gold, make, opened, order


@pytest.fixture
async def bank(engine: AsyncEngine) -> AsyncEngine:
    await opened(engine, "alice", "bob", "carol")
    return engine


async def made(engine: AsyncEngine, order: TransferOrder) -> Transfer:
    [transfer] = await make(engine, order)
    return scenario.accepted(transfer)


async def back(engine: AsyncEngine, *orders: ReversalOrder) -> Sequence[Transfer | Refusal]:
    async with engine.begin() as db:
        return await transfers.reverse(db, orders)


async def shown(engine: AsyncEngine, number: int) -> Transfer:
    async with engine.connect() as db:
        return await scenario.fetch(db, transfers.FETCH, number)


@pytest.mark.parametrize("kind", ["TOPUP", "SPEND"])
async def test_an_account_with_the_name_treasury_is_not_the_treasury_even_when_its_credits_go_back(
    engine: AsyncEngine, kind: str
) -> None:
    await opened(engine, "alice", "bob")
    async with engine.begin() as db:
        await db.execute(sa.text("UPDATE accounts SET foreign_id = 'treasury' WHERE foreign_id = 'alice'"))
    transfer = await made(engine, Credit("treasury", kind, GOLD, "0.5").order("a", "platform"))

    [reversal] = await back(engine, ReversalOrder(transfer.id))

    assert scenario.accepted(reversal).amount == 50
    assert await gold(engine, "treasury", "bob") == [100, 100]


async def test_a_transfer_goes_back_to_who_gave_it_whoever_has_the_name_by_now(bank: AsyncEngine) -> None:
    transfer = await made(bank, order("alice", "bob", "0.5"))
    async with bank.begin() as db:
        await account.rename(db, "alice", "alicia")
    async with bank.begin() as db:
        await opening.put(db, [opening.AccountOrder("alice", {})], REGTEST)
    renamed = await shown(bank, transfer.id)

    async with bank.begin() as db:  # as if all of that had come between two of its statements
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(transfers.reversal, "load_transfers", partial(_earlier, [transfer]))
            [reversal] = await transfers.reverse(db, [ReversalOrder(transfer.id)])

    assert renamed.payer == "alicia"
    assert scenario.accepted(reversal).payee == "alicia"
    assert await gold(bank, "alicia", "alice", "bob") == [100, 0, 100]


async def _earlier(transfers_then: list[Transfer], *_: object) -> list[Transfer]:
    return transfers_then


@pytest.mark.parametrize(("amount", "balances"), [(None, [100, 100]), ("0.2", [70, 130])])
async def test_a_transfer_goes_back_once_in_full_or_in_part(
    bank: AsyncEngine, amount: str | None, balances: list[int]
) -> None:
    transfer = await made(bank, order("alice", "bob", "0.5"))

    first, again = await back(bank, ReversalOrder(transfer.id, amount), ReversalOrder(transfer.id, amount))
    [later] = await back(bank, ReversalOrder(transfer.id))

    reversal = scenario.accepted(first)
    assert (reversal.kind, reversal.payer, reversal.payee, reversal.reverses) == (
        "REVERSAL",
        "bob",
        "alice",
        transfer.id,
    )
    assert isinstance(again, AlreadyReversed)
    assert isinstance(later, AlreadyReversed)
    assert await gold(bank, "alice", "bob") == balances
    assert (await shown(bank, transfer.id)).reversed == reversal.amount
    assert await shown(bank, reversal.id) == reversal


async def test_a_transfer_to_several_goes_back_as_a_whole(bank: AsyncEngine) -> None:
    split = await made(bank, TransferOrder("k", "alice", (Payee("bob", "0.1"), Payee("carol", "0.2")), GOLD))

    [part] = await back(bank, ReversalOrder(split.id, "0.1"))
    [whole] = await back(bank, ReversalOrder(split.id))

    assert isinstance(part, PartOfSeveral)
    assert scenario.accepted(whole).payers == (Share("bob", 10), Share("carol", 20))
    assert await shown(bank, scenario.accepted(whole).id) == whole
    assert await gold(bank, "alice", "bob", "carol") == [100, 100, 100]


async def test_what_the_payee_has_no_more_does_not_come_back(bank: AsyncEngine) -> None:
    transfer = await made(bank, order("alice", "bob", "1"))
    await made(bank, order("bob", "carol", "1.5"))

    [refused] = await back(bank, ReversalOrder(transfer.id))
    [part] = await back(bank, ReversalOrder(transfer.id, "0.5"))

    assert isinstance(refused, LacksFunds)
    assert str(refused) == "bob has 0.5 gold, 1 needed."
    assert scenario.accepted(part).amount == 50


async def test_what_cannot_be_reversed_says_why(bank: AsyncEngine) -> None:
    transfer = await made(bank, order("alice", "bob", "0.5"))
    other = await made(bank, order("carol", "bob", "0.5"))
    async with bank.begin() as db:
        await db.execute(sa.update(accounts).where(accounts.c.foreign_id == "carol").values(state="closed"))

    [reversal] = await back(bank, ReversalOrder(transfer.id))
    refused = await back(
        bank,
        ReversalOrder(scenario.accepted(reversal).id),
        ReversalOrder(9999),
        ReversalOrder(other.id, "0.51"),
        ReversalOrder(other.id),
    )

    assert [type(outcome) for outcome in refused] == [
        NotReversible,
        NoSuchTransfer,
        AboveTransfer,
        AccountClosed,
    ]


async def test_credits_come_from_the_treasury_and_go_back_to_it(bank: AsyncEngine) -> None:
    bonus = await made(bank, Credit("alice", "BONUS", GOLD, "2").order("a", "platform"))
    spent = await made(bank, Credit("alice", "SPEND", GOLD, "0.5").order("b", "platform"))
    assert await gold(bank, "alice") == [250]

    done = [
        scenario.accepted(outcome)
        for outcome in await back(bank, ReversalOrder(spent.id), ReversalOrder(bonus.id, "1.5"))
    ]

    assert [(transfer.payer, transfer.payee, transfer.amount) for transfer in (bonus, spent, *done)] == [
        ("treasury", "alice", 200), ("alice", "treasury", 50), ("treasury", "alice", 50),
        ("alice", "treasury", 150),
    ]  # fmt: skip
    assert await gold(bank, "alice") == [150]
    assert [await shown(bank, transfer.id) for transfer in done] == done
