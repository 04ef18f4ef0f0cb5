"""What an operator does with commands beside a running program, and what they answer."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from tests import scenario
from tests.end_to_end.program import Program, command, until
from tests.end_to_end.shop import Shop, answered


def test_small_coins_are_merged_beside_the_program_and_the_books_are_shown_to_agree(program: Program) -> None:
    platform = Shop(program, "platform").open()
    for amount in ("1", "1.5"):
        program.pay(platform.invoice(amount, required_confirmations=1)["id"], amount)
    program.mine()

    merging = command(program, "consolidate", "--at-most", "2")
    merged = until(lambda: answered(program.admin.get(f"{platform.path}/payments"))["items"])[0]
    until(
        lambda: answered(program.admin.get(f"{platform.path}/payment/{merged['id']}"))["state"] == "BROADCAST"
    )
    program.mine(6)
    audit = command(program, "audit")

    sentence = f"Payment {merged['id']} of platform merges 2 coins as soon as the sender comes to it.\n"
    assert (merging.returncode, merging.stdout[: len(sentence)]) == (0, sentence)
    assert answered(program.admin.get(f"{platform.path}/payment/{merged['id']}"))["state"] == "CONFIRMED"
    assert audit.returncode == 0, audit.stdout
    assert "customers, coins and world agree" in audit.stdout
    assert "accounts' keys are of the seed" in audit.stdout
    assert "WRONG" not in audit.stdout


def test_payments_that_do_not_stand_still_are_left_alone(program: Program) -> None:
    resumed = command(program, "resume")
    restored = command(program, "restored")
    covered = command(program, "cover")
    owing = command(program, "resume", "--owing", "1")

    assert (resumed.returncode, resumed.stdout) == (0, "Payments were not paused.\n")
    assert (covered.returncode, covered.stdout) == (
        0,
        "Every balance has its coins: there is nothing to bear.\n",
    )
    assert (owing.returncode, owing.stdout) == (
        1,
        "kennel: Every balance has its coins: run `kennel resume` without --owing.\n",
    )
    assert restored.returncode == 1
    assert restored.stdout == (
        "kennel: The database knows all that was sent; if it is an older one all the same, add --anyway.\n"
    )


async def test_an_audit_that_finds_something_names_the_row_and_fails(
    engine: AsyncEngine, database: str, tmp_path: Path
) -> None:
    await scenario.open_account(engine)
    chain = await scenario.Chain(engine).start()
    await chain.mine(((await scenario.invoice(engine)).address, scenario.doge(10)))
    async with engine.begin() as db:
        await db.execute(sa.text("UPDATE balances SET available = available + 1 WHERE account_id = 0"))
    nowhere = "http://kennel:kennel@127.0.0.1:1"
    program = Program(tmp_path, KENNEL_DATABASE_URL=database, KENNEL_NODE_URL=nowhere)

    audit = command(program, "audit")
    program.close()

    assert audit.returncode == 1
    assert "WRONG" in audit.stdout
    assert "balance of account 0 in DOGE" in audit.stdout
