"""The commands that change the database beside a running Kennel: resume, restored, cover, cold return, consolidate."""

import secrets
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.node import Node
from app.chain.rpc import NodeError, NodeTrouble
from app.chain.seed_file import SeedFile
from app.chain.sent_marker import SENT_FILE, SentMarker
from app.cli import operator
from app.domain import blocks, cold, installation
from app.domain.dogecoin import Network
from app.domain.installation import Installation, NewHistory
from app.domain.payments import consolidation, pause, payouts
from app.domain.refusals import Refusal
from app.money import BadAmount, Koinu, parse, show


class CannotBeDone(Exception):
    """What the operator asked for cannot be done; the message says why."""


async def resume(
    engine: AsyncEngine, node: Node, *, with_payouts: bool = False, owing: Koinu | None = None
) -> str:
    """Let payments go on, after a restore only once the ledger is at the node's tip; returns what to print.

    A restore stops payouts as well; `with_payouts` starts them. Where balances show more than there are
    coins, whoever pays out first takes the coins of the others. So `owing` must be that amount; raises
    CannotBeDone otherwise.
    """
    async with engine.connect() as db:
        restored = await pause.reason(db) == pause.RESTORED
    if restored:
        await _check_tip(engine, node)
    async with engine.begin() as db:
        reason = await pause.resume(db)
        _check_owing(await blocks.shortfall(db), owing)
        if with_payouts:
            await payouts.start_all(db)
        resumed = {"paused": None, "payouts": with_payouts, "owing": show(owing or 0)}
        await operator.log(db, "payments.resume", "", resumed, {"paused": reason})
    return f"Payments go on. They were paused because {reason}." if reason else "Payments were not paused."


async def restored(engine: AsyncEngine, home: Path, network: Network, *, anyway: bool = False) -> str:
    """Go on with a database that is older than what was sent; returns what to print.

    `anyway`: also where the database knows all transactions, because it has forgotten addresses. The seed
    file in `home`, if there is one, notes first what is left out, so that a recovery searches beyond it. If
    the command is killed, the database stays behind until the command has run to its end.
    """
    marker = SentMarker(home / SENT_FILE)
    async with engine.connect() as db:
        database = await installation.read(db)
    if marker.behind(database) is None and not anyway:
        raise CannotBeDone(
            "The database knows all that was sent; if it is an older one all the same, add --anyway."
        )
    number = _count(SeedFile(home / "seed.json", network), max(database.restores, marker.restores))
    epoch = secrets.token_hex(16)
    async with engine.begin() as db:
        highest = await pause.begin_history(db, NewHistory(epoch, marker.highest, number))
        begun = {"restores": number, "highest_transaction": highest}
        await operator.log(db, "database.restored", "", begun, {"restores": database.restores})
    ended = 0
    while batch := await _end_some(engine):
        ended += batch
    marker.raise_to(highest)
    marker.belong_to(epoch, number)
    async with engine.begin() as db:
        await installation.end_restore(db, epoch)
    return (
        f"Ended {ended} payments that may have been sent since the backup, and left out {pause.SKIPPED} "
        "addresses of every account. Start Kennel again; payments stay paused. When it has caught up with "
        "the chain, compare the accounts with what was paid since the backup, then run `kennel resume`, and with "
        "--payouts once no account seems to have what it was paid out already."
    )


def amount(text: str) -> Koinu:
    """Read an amount of DOGE as the operator typed it."""
    try:
        return Koinu(parse(text))
    except BadAmount as error:
        raise CannotBeDone(f"{text!r}: {error}.") from None


async def cover(engine: AsyncEngine, platform: str) -> str:
    """Let the account `platform` bear what is owed; returns what to print."""
    async with engine.begin() as db:
        covered = await blocks.cover(db, platform)
        if not isinstance(covered, Refusal) and covered:
            await operator.log(db, "clawback.cover", "", {"foreign_id": platform, "amount": show(covered)})
    if isinstance(covered, Refusal):
        raise CannotBeDone(str(covered))
    if covered > 0:
        return f"{platform} has borne {show(covered)} DOGE: every balance has its coins."
    if covered < 0:
        return f"{platform} has {show(-covered)} DOGE back, which it had borne and which were repaid since."
    return "Every balance has its coins: there is nothing to bear."


async def cold_return(engine: AsyncEngine, terms: Installation) -> str:
    """Give out an address for money from cold storage; returns what to print."""
    async with engine.begin() as db:
        [address] = await cold.give(db, [None], terms)
        if not isinstance(address, Refusal):
            await operator.log(db, "cold.return", address, {"address": address})
    if isinstance(address, Refusal):
        raise CannotBeDone(str(address))
    return address


async def consolidate(engine: AsyncEngine, network: Network, payer: str, at_most: int) -> str:
    """Have the sender merge small coins at the cost of the account `payer`; returns what to print."""
    async with engine.begin() as db:
        requested = await consolidation.request(db, network, payer, at_most)
        if isinstance(requested, Refusal):
            raise CannotBeDone(f"{payer}: {requested}")
        payment, count = requested
        await operator.log(db, "coins.consolidate", str(payment.id), {"foreign_id": payer, "coins": count})
    return f"Payment {payment.id} of {payer} merges {count} coins as soon as the sender comes to it."


def _check_owing(owing: Koinu, named: Koinu | None) -> None:
    if owing and named != owing:
        raise CannotBeDone(
            f"Balances show {show(owing)} DOGE more than there are coins: whoever is paid first takes that "
            "from the others. Bear it with `kennel cover`, or go on as it is with "
            f"`kennel resume --owing {show(owing)}`."
        )
    if named and not owing:
        raise CannotBeDone("Every balance has its coins: run `kennel resume` without --owing.")


def _count(seed_file: SeedFile, known: int) -> int:
    """Return the number of this restore, above those that are `known` and those that the seed file counts."""
    if not seed_file.path.exists():
        return known + 1
    skipped = seed_file.read().skipped
    number = max(known, skipped // pause.SKIPPED) + 1
    seed_file.skip(number * pause.SKIPPED - skipped)
    return number


async def _end_some(engine: AsyncEngine) -> int:
    async with engine.begin() as db:
        return await pause.end_pending(db)


async def _check_tip(engine: AsyncEngine, node: Node) -> None:
    try:
        theirs = await node.chain_state()
    except (NodeTrouble, NodeError) as error:
        raise CannotBeDone(f"The node must be asked first, and does not answer: {error}") from error
    async with engine.connect() as db:
        ours = await blocks.tip(db)
    if ours is None or ours.hash != theirs.hash:
        height = "no block" if ours is None else f"block {ours.height}"
        raise CannotBeDone(
            f"The ledger is at {height} and the node at block {theirs.height}: wait until they agree."
        )
