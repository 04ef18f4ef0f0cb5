import asyncio
import json

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import accounts, entries, outbox
from app.domain import transfers
from app.domain.ledger import BadAmount, NoSuchAsset
from app.domain.owner import AccountClosed, NoSuchAccount
from app.domain.refusals import Refusal
from app.domain.transfers import (
    KeyAlreadyUsed,
    LacksFunds,
    Payee,
    PayeeTwice,
    SameAccount,
    Share,
    TotalTooLarge,
    TransferOrder,
)
from tests import scenario
from tests.unit.domain.bank import GOLD, gold, make, opened, order


@pytest.fixture
async def bank(engine: AsyncEngine) -> AsyncEngine:
    await opened(engine, "alice", "bob", "carol")
    return engine


async def events(engine: AsyncEngine) -> list[tuple[str, dict[str, object]]]:
    async with engine.connect() as db:
        rows = await db.execute(sa.select(outbox.c.type, outbox.c.message).order_by(outbox.c.id))
        return [(row.type, json.loads(row.message)) for row in rows]


async def test_a_transfer_is_one_entry_and_each_side_is_told_its_balance_after(bank: AsyncEngine) -> None:
    order_with_metadata = TransferOrder(
        "k", "alice", (Payee("bob", "0.25"),), GOLD, reference=("order", "7"), metadata='{"a":1.10}'
    )

    [done] = await make(bank, order_with_metadata)

    transfer = scenario.accepted(done)
    async with bank.connect() as db:
        assert await scenario.fetch(db, transfers.FETCH, transfer.id) == transfer
    assert (transfer.payers, transfer.payees, transfer.amount) == (
        (Share("alice", 25),),
        (Share("bob", 25),),
        25,
    )
    assert (transfer.reference_type, transfer.reference, transfer.metadata) == ("order", "7", '{"a":1.10}')
    assert await gold(bank, "alice", "bob") == [75, 125]
    (sent, to_alice), (received, to_bob) = await events(bank)
    assert (sent, received) == ("TRANSFER_SENT", "TRANSFER_RECEIVED")
    assert to_alice == to_bob | {
        "account_id": to_alice["account_id"],
        "foreign_id": "alice",
        "balance": {"available": "0.75", "incoming": "0", "held": "0", "outgoing": "0"},
    }
    assert (to_bob["balance"], to_bob["amount"], to_bob["metadata"], to_bob["transfer"]) == (
        {"available": "1.25", "incoming": "0", "held": "0", "outgoing": "0"}, "0.25", {"a": 1.1}, transfer.id,
    )  # fmt: skip


async def test_several_payees_are_one_entry_all_of_it_or_nothing(bank: AsyncEngine) -> None:
    [short] = await make(
        bank, TransferOrder("k", "alice", (Payee("carol", "0.90"), Payee("bob", "0.2")), GOLD)
    )
    [done] = await make(bank, TransferOrder("k", "alice", (Payee("carol", "0.3"), Payee("bob", "0.2")), GOLD))

    assert str(short) == "alice has 1 gold, 1.1 needed."
    assert scenario.accepted(done).payees == (Share("bob", 20), Share("carol", 30))
    assert await gold(bank, "alice", "bob", "carol") == [50, 120, 130]
    assert [
        (kind, message["foreign_id"], message["to"], message["amount"])
        for kind, message in await events(bank)
    ] == [
        (
            "TRANSFER_SENT",
            "alice",
            [{"account": "bob", "amount": "0.2"}, {"account": "carol", "amount": "0.3"}],
            "0.5",
        ),
        ("TRANSFER_RECEIVED", "carol", "carol", "0.3"),
        ("TRANSFER_RECEIVED", "bob", "bob", "0.2"),
    ]


@pytest.mark.parametrize(
    ("bad_order", "refusal", "field"),
    [
        (order("alice", "alice"), SameAccount, "to"),
        (order("nobody", "bob"), NoSuchAccount, "from"),
        (order("alice", "nobody"), NoSuchAccount, "to"),
        (order("alice", "bob", asset="lead"), NoSuchAsset, "asset"),
        (order("alice", "bob", "0.001"), BadAmount, "amount"),
        (order("alice", "bob", 0), BadAmount, "amount"),
        (order("alice", "bob", -1), BadAmount, "amount"),
        (order("alice", "bob", 2**63), BadAmount, "amount"),
        (order("alice", "bob", "1.01"), LacksFunds, "amount"),
        (order("alice", "closed"), AccountClosed, "to"),
        (
            TransferOrder("k", "alice", (Payee("bob", 1), Payee("bob", 1, ("to.1.account", "", ""))), GOLD),
            PayeeTwice,
            "to.1.account",
        ),
        (
            TransferOrder("k", "alice", (Payee("bob", 2**56), Payee("carol", 2**56)), GOLD),
            TotalTooLarge,
            "amount",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_refused_order_says_why_and_disturbs_nobody(
    engine: AsyncEngine, bad_order: TransferOrder, refusal: type[Refusal], field: str
) -> None:
    await opened(engine, "alice", "bob", "carol", "closed")
    async with engine.begin() as db:
        await db.execute(sa.update(accounts).where(accounts.c.foreign_id == "closed").values(state="closed"))

    before, refused, after = await make(engine, order("bob", "carol"), bad_order, order("closed", "carol"))

    assert isinstance(refused, refusal)
    assert refused.field == field
    assert (scenario.accepted(before).payer, scenario.accepted(after).payer) == ("bob", "closed")
    assert await gold(engine, "alice", "carol") == [100, 300]
    assert len(await events(engine)) == 4


async def test_a_key_that_was_used_long_ago_moves_nothing(bank: AsyncEngine) -> None:
    await make(bank, order("alice", "bob", "0.5", "key"))

    [again] = await make(bank, order("alice", "bob", "0.5", "key"))

    assert isinstance(again, KeyAlreadyUsed)
    assert await gold(bank, "alice", "bob") == [50, 150]


async def test_what_other_orders_of_the_batch_brought_can_be_spent(bank: AsyncEngine) -> None:
    early, brought, late = await make(
        bank, order("bob", "carol", "1.5", "a"), order("alice", "bob", "1"), order("bob", "carol", "1.5", "b")
    )

    assert isinstance(early, LacksFunds)
    assert [scenario.accepted(outcome).amount for outcome in (brought, late)] == [100, 150]


async def test_two_that_race_for_the_same_money_do_not_both_get_it(bank: AsyncEngine) -> None:
    outcomes = await asyncio.gather(*(make(bank, order("alice", "bob", "0.3", f"k{n}")) for n in range(10)))

    assert sum(isinstance(outcome, LacksFunds) for [outcome] in outcomes) == 7
    assert await gold(bank, "alice", "bob") == [10, 190]
    async with bank.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).where(entries.c.kind == "TRANSFER")) == 3
