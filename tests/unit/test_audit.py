"""The audit finds nothing wrong with a right ledger, and names each row that was changed by hand."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.audit import Sample
from app.chain.keys import Keyring
from app.cli.books import audit as audit_table
from app.db.tables import TREASURY, coins
from app.domain import blocks, ledger, payments
from app.domain.audit import Totals
from app.domain.audit import ledger as audit_of_ledger
from app.domain.dogecoin import REGTEST, Outpoint
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.payments import requesting
from tests import chain_harness, funding, scenario
from tests.funding import GOLD
from tests.scenario import Chain, doge

AVAILABLE = Bucket.AVAILABLE
WITHOUT_TRIGGERS = "SET session_replication_role = replica"
"""A change of history by hand has to switch its triggers off first."""


async def paid(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10)
    chain = await Chain(engine).start()
    await chain.mine((invoice.address, doge(4)))
    await chain.deepen(5)
    await chain.mine((invoice.address, doge(7)))


async def test_books_that_are_right_are_found_right(engine: AsyncEngine) -> None:
    await paid(engine)

    report = await audit.run(engine)

    assert report.ok
    assert [(finding.name, finding.checked) for finding in report.findings] == [
        ("entries balance", 3),
        ("balances equal their postings", 2),
        ("invoices equal their deposits", 1),
        ("invoices equal their sightings", 1),
        ("invoices equal their entries", 1),
        ("payments equal their entries", 0),
        ("outgoing is what payments reserve", 1),
        ("held is what holds and escrows keep", 1),
        ("holds equal their entries", 0),
        ("escrows equal their entries", 0),
        ("clawback is what is owed", 0),
        ("cold storage equals its payments", 0),
        ("blocks move what they post", 1),
        ("entries are as they were sealed", 0),
        ("addresses are of their accounts' keys", 2),
        ("customers, coins and world agree", 1),
    ]
    [total] = report.totals
    assert (total.customers, total.coins, total.difference, report.height) == (doge(11), doge(11), 0, 7)


@pytest.mark.parametrize(
    ("statement", "detail"),
    [
        (
            "UPDATE postings SET amount = amount + 1 WHERE account_id = 0 AND seq = 1",
            "entry 1 sums to 1 in DOGE",
        ),
        (
            "UPDATE postings SET amount = amount + 10000 WHERE account_id = 0 AND seq = 1",
            "entry 1 sums to 10000 in DOGE",
        ),
        (
            """INSERT INTO entries (id, kind, cause_type, cause_id, key) OVERRIDING SYSTEM VALUE
               VALUES (-1, 'X', '', '', 'x')""",
            "entry -1 sums to nothing",
        ),
        ("DELETE FROM balances WHERE account_id = 0", "balance of account 0 in DOGE is not there"),
        ("DELETE FROM postings WHERE entry_id = 2", "entry 2 sums to nothing"),
        ("DELETE FROM entries WHERE id = 2", "entry 2 is not there, and postings of it are"),
        (
            "UPDATE balances SET available = available + 1 WHERE account_id = 0",
            "balance of account 0 in DOGE",
        ),
        (
            "UPDATE postings SET held = 1 WHERE account_id = 0 AND seq = 2",
            "posting 2 of account 0 in DOGE does not follow",
        ),
        (
            "UPDATE postings SET seq = 9 WHERE account_id = 0 AND seq = 1",
            "posting 2 of account 0 in DOGE does not follow",
        ),
        (
            "UPDATE postings SET created = created - interval '1 day' WHERE account_id = 0 AND seq = 3",
            "posting 3 of account 0 in DOGE does not follow",
        ),
        ("UPDATE invoices SET received = received + 1", "differs from its deposits"),
        ("UPDATE invoices SET seen = seen + 1", "differs from its sightings"),
        ("UPDATE invoices SET refunded_in_ledger = 5", "differs from what was posted for it"),
        (
            "UPDATE invoices SET confirmed_in_ledger = 4, received = received + 4, confirmed = confirmed + 4",
            "differs from what was posted for it",
        ),
        (
            "UPDATE balances SET outgoing = 1 WHERE account_id = 0",
            "outgoing of account 0 differs from its payments",
        ),
        (
            "UPDATE addresses SET index = 7 WHERE branch = 0",
            "address 0/7 of account 0 is not of the account's key",
        ),
        (
            "UPDATE addresses SET script = script || '1' WHERE branch = 2",
            "address 2/0 of account 0 is not of the account's key",
        ),
        ("UPDATE deposits SET clawback_debt = 5", "10 koinu are owed and clawback was charged 0"),
        ("UPDATE chain_state SET assets = assets + 1", "blocks posted 1100000000 koinu and moved 1100000001"),
        (
            "UPDATE coins SET amount = amount - 5 WHERE height = 1",
            "DOGE: ownership differs from custody by 5",
        ),
    ],
)
async def test_a_row_that_was_changed_by_hand_is_named(
    engine: AsyncEngine, statement: str, detail: str
) -> None:
    await paid(engine)
    async with engine.begin() as db:
        await db.execute(sa.text(WITHOUT_TRIGGERS))
        await db.execute(sa.text(statement))

    report = await audit.run(engine)

    assert not report.ok
    assert detail in "; ".join(finding.detail for finding in report.findings)


@pytest.mark.parametrize(
    ("statement", "number"), [("UPDATE accounts SET xpub = ", 0), ("UPDATE ready_keys SET xpub = ", 1)]
)
async def test_a_key_that_is_not_of_the_seed_is_named(
    engine: AsyncEngine, statement: str, number: int
) -> None:
    await paid(engine)
    keys = Keyring(REGTEST, scenario.WORDS).xpubs
    before = await audit.run(engine, derive_xpubs=keys)
    foreign = Keyring(REGTEST, "zoo " * 11 + "wrong").xpubs([number])[number]
    async with engine.begin() as db:
        condition = f" WHERE {'id' if number == 0 else 'number'} = {number}"
        await db.execute(sa.text(f"{statement}'{foreign}'{condition}"))

    report = await audit.run(engine, derive_xpubs=keys)

    assert before.ok
    [finding] = [finding for finding in report.findings if finding.name == audit.SEED.name]
    assert (finding.checked, finding.fault) == (20, f"the key of account {number} is not of the seed")


@pytest.mark.parametrize("change", ["reserved = reserved + 1", "paid = 5, fee = 5, transaction_id = 1"])
async def test_a_payment_that_differs_from_its_entries_is_named(engine: AsyncEngine, change: str) -> None:
    await paid(engine)
    async with engine.begin() as db:
        [payment] = await requesting.request(db, [chain_harness.order(chain_harness.NOWHERE, 2)])
    assert isinstance(payment, payments.Payment)
    assert (await audit.run(engine)).ok
    async with engine.begin() as db:
        await db.execute(sa.text(f"UPDATE payments SET {change}"))

    report = await audit.run(engine)

    assert f"payment {payment.id} differs" in "; ".join(finding.detail for finding in report.findings)


@pytest.mark.parametrize(
    ("tip", "lacking", "checked", "ok", "detail"),
    [
        ("ours", 0, 2, True, ""),
        ("ours", 1, 2, False, " is not at the node"),
        ("another", 1, 0, True, "the node and the ledger are at different blocks: coins were not looked for"),
        ("none", 0, 0, True, "the node did not answer, or its tip moved: coins were not looked for there"),
    ],
)
async def test_coins_are_looked_for_at_a_node_with_our_tip(
    engine: AsyncEngine, tip: str, lacking: int, checked: int, detail: str, *, ok: bool
) -> None:
    await paid(engine)
    async with engine.connect() as db:
        amounts = {
            Outpoint(bytes(row.txid), row.vout): row.amount for row in await db.execute(sa.select(coins))
        }
        ledger_tip = await blocks.tip(db)
    assert ledger_tip is not None

    async def fetch_coins(outpoints: Sequence[Outpoint]) -> tuple[bytes, Sequence[int | None]] | None:
        at_node = [None if n < lacking else amounts[outpoint] for n, outpoint in enumerate(outpoints)]
        return None if tip == "none" else (ledger_tip.hash if tip == "ours" else bytes(32), at_node)

    finding = (await audit.run(engine, fetch_coins)).findings[-2]

    assert (finding.name, finding.checked, finding.ok) == ("coins are at the node", checked, ok)
    assert finding.detail.endswith(detail)
    assert bool(finding.detail) == bool(detail)


@pytest.mark.parametrize("size", [1, 2, 20_000])
async def test_a_balance_that_is_not_there_any_more_is_named_also_where_it_was_empty(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    await funding.fund(engine, {"alice": 10, "bob": 10, "carol": 10}, GOLD)
    async with engine.begin() as db:
        postings = (Posting(1, AVAILABLE, -10, GOLD), Posting(TREASURY, AVAILABLE, 10, GOLD))
        await ledger.post(db, [Entry("SPEND", ("test", ""), "x", postings)])
    monkeypatch.setattr(audit_of_ledger, "SLICE", size)
    before = await audit.run(engine)

    async with engine.begin() as db:
        await db.execute(sa.text("DELETE FROM balances WHERE account_id = 1"))
    after = await audit.run(engine)

    assert before.ok, before.findings
    assert [(finding.name, finding.fault) for finding in after.findings if not finding.ok] == [
        ("balances equal their postings", "balance of account 1 in gold is not there, and postings of it are")
    ]


@pytest.mark.parametrize(("percent", "in_sample"), [(80, True), (20, False)])
async def test_a_part_of_large_books_is_looked_at_where_it_was_asked_for(
    engine: AsyncEngine, percent: int, *, in_sample: bool
) -> None:
    insert = """
        INSERT INTO balances (account_id, asset, available)
        SELECT n, 'DOGE', (n = 45000)::int FROM generate_series(1, 50000) n
    """
    async with engine.begin() as db:
        await db.execute(sa.text(insert))

    balances = (await audit.run(engine, sample=Sample(percent))).findings[1]

    assert balances.checked == (30_001 if in_sample else 40_000)
    assert balances.ok is not in_sample
    assert balances.detail == (
        "balance of account 45000 in DOGE differs from its postings"
        if in_sample
        else "only a part was looked at: `kennel audit` looks at all"
    )


async def test_an_audit_whose_time_is_over_says_so_and_finds_nothing_wrong(engine: AsyncEngine) -> None:
    await paid(engine)

    async with engine.begin() as locking:
        await locking.execute(sa.text("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE"))
        report = await audit.run(engine, sample=Sample(0, seconds=1))

    assert report.ok
    assert "the time was over" in report.findings[0].detail


def test_the_table_names_the_row_that_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = audit.Finding(
        "payments equal their entries", 1_200, "payment 12 differs from what was posted for it"
    )
    total = Totals("DOGE", 8, doge(3), 0, doge(2), 0, 0, 0)

    audit_table.show(audit.AuditReport((wrong, audit.Finding("entries balance", 7, "")), (total,), 9))

    table = capsys.readouterr().out
    assert "1,200 │ WRONG │ payment 12 differs from what was posted for it" in table
    assert "entries balance" in table


@pytest.mark.parametrize(
    ("fault", "shortfall", "code"),
    [("", 0, 0), ("", 5, 2), ("entry 1 sums to 1 in DOGE", 0, 1), ("wrong", 5, 1)],
)
def test_what_the_audit_came_to_is_its_exit_code(
    capsys: pytest.CaptureFixture[str], fault: str, shortfall: int, code: int
) -> None:
    report = audit.AuditReport((audit.Finding("entries balance", 7, fault),), (), 9, doge(shortfall))

    audit_table.show(report)

    warned = "NOT SOLVENT: balances show 5 DOGE more than there are coins." in capsys.readouterr().out
    assert (audit_table.exit_code(report), warned) == (code, bool(shortfall))
