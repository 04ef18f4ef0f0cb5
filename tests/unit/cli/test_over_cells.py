"""Commands that work on all cells of an installation at once."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.chain.sent_marker import SentMarker, sent_file
from app.cli import maintenance, rename
from app.cli.books import export, report, verify
from app.cli.books.verify import BadFile
from app.cli.command import CannotBeDone
from app.config import sources
from app.db.all_cells import AllCells
from app.db.tables import CLAWBACK, account_names, audit_log, balances
from app.domain import accounts, installation, ledger
from app.domain.dogecoin import REGTEST
from app.domain.ledger import hash_chain
from app.domain.payments import pause
from tests import chain_harness, funding
from tests import divided_books as books
from tests.cells import MakeCells
from tests.divided_books import Lying
from tests.scenario import INSTALLATION, doge


def no_progress(_stage: str, _done: int, _all: int) -> None:
    pass


@pytest.fixture
async def four(cells: MakeCells) -> AllCells:
    return books.together(await cells(4))


@pytest.fixture
async def shops(four: AllCells) -> dict[str, Lying]:
    """An account in each of the four cells, with 10 DOGE each."""
    names = books.in_different_cells(four, 4)
    shops = await books.opened(four, *names)
    await books.followed(four, dict.fromkeys(names, doge(10)))
    return shops


async def sealed(four: AllCells) -> None:
    """Seal all entries of all cells."""
    for engine in four.engines:
        async with engine.begin() as db:
            last = await ledger.last_entry(db)
        async with engine.begin() as db:
            await hash_chain.seal(db, last)


# ---------------------------------------------------------------- export and verify


@pytest.mark.parametrize("name", ["books.jsonl", "books.jsonl.gz"])
async def test_an_export_of_all_cells_is_proved_without_a_database(
    four: AllCells, shops: dict[str, Lying], tmp_path: Path, name: str
) -> None:
    one, two, *_ = shops.values()
    await books.cross(four, "sealed", one, two, doge(3))
    await sealed(four)
    await books.cross(four, "young", two, one, doge(1))

    written = await export.write_file(four, tmp_path / name, no_progress)
    again = await export.write_file(four, tmp_path / f"again-{name}", no_progress)

    assert verify.verify_file(tmp_path / name, no_progress) == written == again
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()
    assert (written.cells, written.seals, written.unsealed, written.sealed) == (4, 4, 2, 10)
    assert "The last seals of the 4 cells make" in str(written)


def without(key: str) -> Callable[[list[str]], list[str]]:
    """Leave out the last line with this key, whose cell it is the last of."""

    def leave_out(lines: list[str]) -> list[str]:
        at = max(number for number, line in enumerate(lines) if f'"{key}"' in line)
        return lines[:at] + lines[at + 1 :]

    return leave_out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without("young"), "What cells owe one another in DOGE does not cancel"),
        (lambda lines: lines[: lines.index('{"cell": 3}')], "The file has 3 of 4 cells"),
        (
            lambda lines: [line for line in lines if line != '{"cell": 2}'],
            "has entry|is a seal that does not",
        ),
        (lambda lines: [lines[0], *lines[2:]], "belongs to no cell"),
        (lambda lines: [line.replace('{"cell": 1}', '{"cell": 2}') for line in lines], "next cell"),
        (lambda lines: [lines[0].replace("4", "65"), *lines[1:]], "is not the header"),
    ],
)
async def test_a_changed_export_of_cells_is_refused(
    four: AllCells,
    shops: dict[str, Lying],
    tmp_path: Path,
    change: Callable[[list[str]], list[str]],
    sentence: str,
) -> None:
    one, two, *_ = shops.values()
    await sealed(four)
    await books.cross(four, "young", one, two, doge(1))
    path = tmp_path / "books.jsonl"
    await export.write_file(four, path, no_progress)
    path.write_text("\n".join([*change(path.read_text().splitlines()), ""]))

    with pytest.raises(BadFile, match=sentence):
        verify.verify_file(path, no_progress)


# ---------------------------------------------------------------- after a restore


async def test_all_cells_begin_another_history_together_each_with_numbers_of_its_own(
    four: AllCells, shops: dict[str, Lying], tmp_path: Path
) -> None:
    files = [tmp_path / sent_file(cell) for cell in four.map]
    SentMarker(files[2]).raise_to(4 * 5 + 2)

    with pytest.raises(CannotBeDone, match="add --anyway"):
        await maintenance.restored(four, tmp_path / "empty", REGTEST)
    await maintenance.restored(four, tmp_path, REGTEST)

    states = []
    for cell, engine in enumerate(four.engines):
        async with engine.begin() as db:
            states.append(await installation.read(db))
            assert await pause.reason(db) == pause.RESTORED
            numbers = [
                await db.scalar(sa.text(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id'))"))
                for table in ("entries", "transactions", "holds")
            ]
        assert {number % 4 for number in numbers} == {cell}
        assert min(numbers) > pause.SKIPPED_NUMBERS
    assert {(state.restores, state.behind, state.compared) for state in states} == {(1, None, True)}
    assert states[2].highest == 22
    assert [SentMarker(file).knows(state) for file, state in zip(files, states, strict=True)] == [True] * 4
    assert len(shops) == 4


async def test_payments_of_all_cells_go_on_together_or_not_at_all(
    four: AllCells, shops: dict[str, Lying], tmp_path: Path
) -> None:
    one, two, *_ = shops.values()
    for account, reason in ((one, "a block differs"), (two, "a coin is gone")):
        async with four.engines[account.cell].begin() as db:
            await pause.pause(db, reason)
            await db.execute(sa.insert(balances).values(account_id=CLAWBACK, asset="DOGE", available=-3))
    async with chain_harness.opened(four.engines[0], tmp_path) as harness:
        with pytest.raises(CannotBeDone, match=r"Balances show 0\.00000006 DOGE more"):
            await maintenance.resume(four, harness.node)
        async with four.engines[one.cell].connect() as db:
            assert await pause.reason(db) == "a block differs"

        answer = await maintenance.resume(four, harness.node, owing=maintenance.amount("0.00000006"))

    reasons = [reason for _, reason in sorted([(one.cell, "a block differs"), (two.cell, "a coin is gone")])]
    assert answer == f"Payments go on. They were paused because {'; '.join(reasons)}."
    for engine in four.engines:
        async with engine.connect() as db:
            assert await pause.reason(db) is None
    assert await logged(four) == ["payments.resume"]


async def logged(four: AllCells) -> list[str]:
    async with four.engines[3].connect() as db:
        return list(await db.scalars(sa.select(audit_log.c.action).order_by(audit_log.c.id)))


async def lacking(four: AllCells, *amounts: int) -> None:
    """Have the cells lack so much; below zero that much was borne, and repaid since."""
    for engine, amount in zip(four.engines, amounts, strict=True):
        async with engine.begin() as db:
            row = insert(balances).values(account_id=CLAWBACK, asset="DOGE", available=-amount)
            values = {"available": balances.c.available - amount}
            await db.execute(row.on_conflict_do_update(index_elements=["account_id", "asset"], set_=values))


async def platform_has(four: AllCells, *amounts: int) -> None:
    """Open the platform's account in each cell, with so much."""
    for cell, (engine, amount) in enumerate(zip(four.engines, amounts, strict=True)):
        await books.ready(four, cell)
        await funding.fund(engine, {"platform": amount})


async def what_platform_has(four: AllCells) -> list[int]:
    amounts = []
    for engine in four.engines:
        async with engine.connect() as db:
            account = await accounts.fetch(db, "platform")
            amounts.append((await ledger.balance(db, account.id)).available)
    return amounts


async def owed(four: AllCells) -> int:
    """What all cells owe one another together; each owes or is owed something of it."""
    sums = []
    for engine in four.engines:
        async with engine.connect() as db:
            sums.append((await ledger.clearing_balances(db)).get("DOGE", 0))
    assert any(sums)
    return sum(sums)


async def test_the_platform_bears_what_lacks_in_any_cell_with_what_it_has_in_any(four: AllCells) -> None:
    await platform_has(four, doge(1), doge(5), doge(3), 0)
    await lacking(four, doge(2), doge(1), 0, doge(4))

    answer = await maintenance.cover(four, "platform")
    again = await maintenance.cover(four, "platform")

    assert answer == "platform has borne 7 DOGE: every balance has its coins."
    assert again == "Every balance has its coins: there is nothing to bear."
    assert sum(await what_platform_has(four)) == doge(2)
    assert await logged(four) == ["clawback.cover"]
    assert await owed(four) == 0


async def test_nothing_is_borne_where_all_cells_together_have_too_little(four: AllCells) -> None:
    await platform_has(four, doge(1), doge(5), doge(3), 0)
    await lacking(four, doge(6), 0, 0, doge(4))

    with pytest.raises(CannotBeDone, match=r"^platform has 9 DOGE, and accounts are owed 10 DOGE more"):
        await maintenance.cover(four, "platform")

    assert await what_platform_has(four) == [doge(1), doge(5), doge(3), 0]
    assert await logged(four) == []


async def test_what_was_repaid_in_one_cell_is_borne_with_in_another(four: AllCells) -> None:
    await platform_has(four, 0, 0, doge(1), 0)
    await lacking(four, -doge(3), doge(4), 0, 0)

    answer = await maintenance.cover(four, "platform")

    assert answer == (
        "platform has borne 4 DOGE: every balance has its coins. "
        "platform has 3 DOGE back, which it had borne and which were repaid since."
    )
    assert await what_platform_has(four) == [0, 0, 0, 0]


async def test_two_who_cover_at_once_bear_it_once(four: AllCells) -> None:
    await platform_has(four, doge(1), doge(5), doge(3), 0)
    await lacking(four, doge(2), 0, 0, doge(2))

    answers = await asyncio.gather(*(maintenance.cover(four, "platform") for _ in range(3)))

    assert sorted(answers)[2:] == ["platform has borne 4 DOGE: every balance has its coins."]
    assert sum(await what_platform_has(four)) == doge(5)


async def test_a_cell_without_an_account_of_the_platform_is_named(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    name, lying = next(iter(shops.items()))
    await lacking(four, *(doge(cell != lying.cell) for cell in range(4)))

    with pytest.raises(CannotBeDone, match=f"{name} has no account in cell .*POST /account/{name}"):
        await maintenance.cover(four, name)


async def test_money_from_cold_storage_comes_back_to_the_cell_that_sent_most(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    del shops
    async with four.engines[2].begin() as db:
        await db.execute(sa.insert(balances).values(account_id=-5, asset="DOGE", available=-7))
    for cell in range(4):
        await books.ready(four, cell)

    address = await maintenance.cold_return(four, INSTALLATION)

    async with four.engines[2].connect() as db:
        script = await db.scalar(sa.text("SELECT script FROM addresses WHERE purpose = 'cold'"))
    assert script is not None
    assert address


async def test_each_cell_merges_its_own_coins_and_says_what_it_cannot(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    payer = next(iter(shops))

    with pytest.raises(CannotBeDone) as refused:
        await maintenance.consolidate(four, REGTEST, payer, 2)

    assert [line[:9] for line in str(refused.value).splitlines()] == [f"cell_00{cell}:" for cell in range(4)]


# ---------------------------------------------------------------- names


async def test_a_renamed_account_stays_in_its_cell_and_is_known_to_lie_there(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    old, lying = next(iter(shops.items()))
    elsewhere = next(f"new-{n}" for n in range(99) if four.map.of_account(f"new-{n}") != lying.cell)
    back = next(f"back-{n}" for n in range(99) if four.map.of_account(f"back-{n}") == lying.cell)

    await rename.renamed(four, old, elsewhere, "platform")
    async with four.engines[0].connect() as db:
        moved = await accounts.cells_of_names(db, [elsewhere, old])
    await rename.renamed(four, elsewhere, back, "platform")

    assert moved == {elsewhere: lying.cell}
    async with four.engines[lying.cell].connect() as db:
        assert (await accounts.fetch(db, back)).id == lying.number
        assert await db.scalar(sa.select(sa.func.count()).select_from(account_names)) == 0


async def test_no_two_accounts_have_one_name_in_two_cells(four: AllCells, shops: dict[str, Lying]) -> None:
    (one, lying), (two, other), *_ = shops.items()
    name = next(f"new-{n}" for n in range(99) if four.map.of_account(f"new-{n}") == other.cell)

    with pytest.raises(accounts.NameTaken):
        await rename.renamed(four, one, two, "platform")
    await rename.renamed(four, one, name, "platform")
    with pytest.raises(accounts.NameTaken):
        await rename.renamed(four, two, name, "platform")
    await books.ready(four, other.cell)
    with pytest.raises(sa.exc.DBAPIError, match="lies in another cell"):
        await books.opened(four, name)

    assert await logged(four) == ["account.rename"]
    assert lying.cell != other.cell


def test_what_an_export_of_one_cell_says_has_not_changed(tmp_path: Path) -> None:
    assert json.dumps(export.HEADER) == '{"kennel": "entries and seals", "version": 1}'
    assert sources.read({"KENNEL_HOME": str(tmp_path)}).cells == 1


# ---------------------------------------------------------------- reports


async def test_a_report_has_the_accounts_of_all_cells_or_that_of_one(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    names = list(shops)
    await books.cross(four, "crossing", shops[names[0]], shops[names[1]], doge(3))

    every = await reported(four, "balances", {"group_by": "account", "format": "json"})
    given = await reported(four, "ledger", {"format": "json"})

    totals = {row["foreign_id"]: row["closing"] for row in every["items"]}
    assert totals == {names[0]: "7", names[1]: "13", names[2]: "10", names[3]: "10"}
    transfers = [row for row in given["items"] if row["kind"] == "TRANSFER"]
    assert [(row["debit"], row["credit"]) for row in transfers] == [("3", "3")]


async def reported(four: AllCells, name: str, pairs: dict[str, str]) -> Any:
    parts: list[bytes] = []
    await report.write(four, name, pairs, parts.append)
    return json.loads(b"".join(parts))
