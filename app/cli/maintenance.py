"""The commands that change the database beside a running Kennel: resume, restored, cover, cold return, consolidate."""

import secrets
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import Cell
from app.chain import sent_marker
from app.chain.node import Node
from app.chain.rpc import NodeError, NodeTrouble
from app.chain.seed_file import SeedFile
from app.chain.sent_marker import SentMarker
from app.cli import operator
from app.cli.command import CannotBeDone
from app.db import Db
from app.db.all_cells import AllCells
from app.domain import blocks, cold, crossings, installation
from app.domain.crossings import Crossing
from app.domain.dogecoin import Network
from app.domain.installation import Installation, InstallationState, NewHistory
from app.domain.payments import consolidation, pause, payouts
from app.domain.refusals import Refusal
from app.money import NOTHING, BadAmount, Koinu, parse, show


async def resume(
    cells: AllCells, node: Node, *, with_payouts: bool = False, owing: Koinu | None = None
) -> str:
    """Let payments go on, after a restore only once the ledger is at the node's tip; returns what to print.

    A restore stops payouts as well; `with_payouts` starts them. Where balances show more than there are
    coins, whoever pays out first takes the coins of the others. So `owing` must be that amount, of all cells
    together; raises CannotBeDone otherwise.
    """
    for cell, engine in enumerate(cells.engines):
        async with engine.connect() as db:
            restored = await pause.reason(db) == pause.RESTORED
        if restored:
            await _check_tip(cells, cell, node)
    reasons, lacking = list[str](), NOTHING
    async with cells.crossing.begin() as db:
        for cell in range(len(cells)):
            await cells.enter(db, cell)
            reasons += filter(None, [await pause.resume(db)])
            lacking = Koinu(lacking + await blocks.shortfall(db))
            if with_payouts:
                await payouts.start_all(db)
        _check_owing(lacking, owing)
        reason = "; ".join(dict.fromkeys(reasons)) or None
        resumed = {"paused": None, "payouts": with_payouts, "owing": show(owing or 0)}
        await operator.log(db, "payments.resume", "", resumed, {"paused": reason})
    return f"Payments go on. They were paused because {reason}." if reason else "Payments were not paused."


async def restored(cells: AllCells, home: Path, network: Network, *, anyway: bool = False) -> str:
    """Go on with a database that is older than what was sent; returns what to print.

    `anyway`: also where the database knows all transactions, because it has forgotten addresses. The seed
    file in `home`, if there is one, notes first what is left out, so that a recovery searches beyond it. All cells
    begin another history together. If the command is killed, the database stays behind until the command has run to
    its end.
    """
    markers = [SentMarker(home / sent_marker.sent_file(cell)) for cell in cells.map]
    states = [await _state(engine) for engine in cells.engines]
    compared = list(zip(markers, states, strict=True))
    if not anyway and all(marker.behind(state) is None for marker, state in compared):
        raise CannotBeDone(
            "The database knows all that was sent; if it is an older one all the same, add --anyway."
        )
    restores = max(max(state.restores, marker.restores) for marker, state in compared)
    number = _count(SeedFile(home / "seed.json", network), restores)
    ended = await _begin_again(cells, markers, NewHistory(secrets.token_hex(16), 0, number), states)
    return (
        f"Ended {ended} payments that may have been sent since the backup, and left out {pause.SKIPPED} "
        "addresses of every account. Start Kennel again; payments stay paused. When it has caught up with "
        "the chain, compare the accounts with what was paid since the backup, then run `kennel resume`, and with "
        "--payouts once no account seems to have what it was paid out already."
    )


async def _state(engine: AsyncEngine) -> InstallationState:
    async with engine.connect() as db:
        return await installation.read(db)


async def _begin_again(
    cells: AllCells, markers: Sequence[SentMarker], history: NewHistory, before: Sequence[InstallationState]
) -> int:
    """Begin the history in all cells, and go on in each; returns how many payments were ended."""
    highest = []
    async with cells.crossing.begin() as db:
        for cell, marker in enumerate(markers):
            await cells.enter(db, cell)
            highest.append(await pause.begin_history(db, history._replace(sent=marker.highest)))
        begun = {"restores": history.restores, "highest_transaction": max(highest)}
        await operator.log(
            db, "database.restored", "", begun, {"restores": max(state.restores for state in before)}
        )
    ended = 0
    for engine, marker, sent in zip(cells.engines, markers, highest, strict=True):
        while batch := await _end_some(engine):
            ended += batch
        marker.raise_to(sent)
        marker.belong_to(history.epoch, history.restores)
        async with engine.begin() as db:
            await installation.end_restore(db, history.epoch)
    return ended


def amount(text: str) -> Koinu:
    """Read an amount of DOGE as the operator typed it."""
    try:
        return Koinu(parse(text))
    except BadAmount as error:
        raise CannotBeDone(f"{text!r}: {error}.") from None


async def cover(cells: AllCells, platform: str) -> str:
    """Let the account `platform` bear what is owed in all cells, with what it has there; returns what to print."""
    async with cells.crossing.begin() as db:
        amounts = await _cover(cells, db, platform)
        if isinstance(amounts, Refusal):
            raise CannotBeDone(str(amounts))
        for borne in (sum(each for each in amounts if each > 0), sum(each for each in amounts if each < 0)):
            if borne:
                about = {"foreign_id": platform, "amount": show(borne)}
                await operator.log(db, "clawback.cover", "", about)
    return " ".join(_borne(platform, amounts)) or "Every balance has its coins: there is nothing to bear."


async def _cover(cells: AllCells, db: Db, platform: str) -> list[Koinu] | Refusal:
    if len(cells) > 1:
        return await crossings.cover(Crossing(db, cells.map, ()), platform)
    covered = await blocks.cover(db, platform)
    return covered if isinstance(covered, Refusal) else [covered]


def _borne(platform: str, amounts: Sequence[int]) -> list[str]:
    borne, returned = sum(each for each in amounts if each > 0), sum(each for each in amounts if each < 0)
    sentences = []
    if borne:
        sentences.append(f"{platform} has borne {show(borne)} DOGE: every balance has its coins.")
    if returned:
        back = f"{platform} has {show(-returned)} DOGE back, which it had borne and which were repaid since."
        sentences.append(back)
    return sentences


def _where(cells: AllCells, cell: int) -> str:
    """Begin a sentence about one of several cells."""
    return f"{Cell(cell, len(cells)).schema}: " if len(cells) > 1 else ""


async def cold_return(cells: AllCells, terms: Installation) -> str:
    """Give out an address for money from cold storage, in the cell that has most there; returns what to print."""
    async with cells.engines[await _coldest(cells)].begin() as db:
        [address] = await cold.give(db, [None], terms)
        if not isinstance(address, Refusal):
            await operator.log(db, "cold.return", address, {"address": address})
    if isinstance(address, Refusal):
        raise CannotBeDone(str(address))
    return address


async def _coldest(cells: AllCells) -> int:
    """Return the cell that has most in cold storage."""
    if len(cells) == 1:
        return 0
    stored = []
    for engine in cells.engines:
        async with engine.connect() as db:
            stored.append(await cold.stored(db))
    return stored.index(max(stored))


async def consolidate(cells: AllCells, network: Network, payer: str, at_most: int) -> str:
    """Have the sender of each cell merge small coins at the cost of the account `payer`; returns what to print.

    Raises CannotBeDone where there is nothing to merge in any cell.
    """
    done, refused = list[str](), list[str]()
    for cell, engine in enumerate(cells.engines):
        try:
            done.append(await _consolidate(engine, network, payer, at_most))
        except CannotBeDone as reason:
            refused.append(f"{_where(cells, cell)}{reason}")
    if not done:
        raise CannotBeDone("\n".join(refused))
    return "\n".join([*done, *refused])


async def _consolidate(engine: AsyncEngine, network: Network, payer: str, at_most: int) -> str:
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


async def _check_tip(cells: AllCells, cell: int, node: Node) -> None:
    try:
        theirs = await node.chain_state()
    except (NodeTrouble, NodeError) as error:
        raise CannotBeDone(f"The node must be asked first, and does not answer: {error}") from error
    async with cells.engines[cell].connect() as db:
        ours = await blocks.tip(db)
    if ours is None or ours.hash != theirs.hash:
        height = "no block" if ours is None else f"block {ours.height}"
        raise CannotBeDone(
            f"{_where(cells, cell)}The ledger is at {height} and the node at block {theirs.height}: "
            "wait until they agree."
        )
