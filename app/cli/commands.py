"""The lines of all commands: their words and helps. What a command does is loaded when it runs."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from app import VERSION
from app.cli import groups

MOST_COINS: Final = 700
ACCOUNTS: Final = 1_000
GAP: Final = 1_000
"""Limits that helps name, as `payments.LARGEST` and `app.chain.recovery` have them: a test compares them."""
REPORT_WORDS: Final = ("from", "to", "account", "prefix", "asset", "group_by", "timezone", "format")

Line = Callable[..., None]
NewExport = Annotated[Path, typer.Argument(help="A new file; with .gz at its end it is compressed.")]
Exported = Annotated[
    Path, typer.Argument(help="What `kennel export` has written.", exists=True, dir_okay=False)
]
NewBackup = Annotated[Path, typer.Argument(help="A new file.")]
Backup = Annotated[
    Path, typer.Argument(help="What `kennel backup` has written.", exists=True, dir_okay=False)
]
From = Annotated[int, typer.Option("--from", help="The height of the first block to be read again.", min=0)]
Birth = Annotated[
    int | None,
    typer.Option("--from", help="The first block that can hold a payment; else the seed's birth.", min=0),
]
Accounts = Annotated[
    int | None,
    typer.Option(
        "--accounts", help=f"How many accounts to look at; else all of the seed file, {ACCOUNTS:,} at least."
    ),
]
Gap = Annotated[
    int | None,
    typer.Option(
        help="How many unpaid addresses may follow one another before the next paid one; "
        f"else {GAP:,}, and what `kennel restored` has left out."
    ),
]
Words = Annotated[
    bool,
    typer.Option("--words", help="Ask for the 24 words, and make the seed file from them: it is lost too."),
]


class ReportName(StrEnum):
    """The reports."""

    INVOICES = "invoices"
    PAYMENTS = "payments"
    LEDGER = "ledger"
    FEES = "fees"
    BALANCES = "balances"


def together() -> typer.Typer:
    """Return all commands, in the order of the help."""
    commands = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # a traceback with local variables could show a passphrase
    )
    commands.callback()(kennel)
    before: Sequence[Line] = (serve, demo, devnet, migrate, audit, resume, cover, restored, consolidate)
    after: Sequence[Line] = (rescan, recover, rename, export, verify, report, backup, restore)
    for line in before:
        commands.command()(line)
    for name, group in (
        ("seed", groups.seed),
        ("key", groups.keys),
        ("cold", groups.cold),
        ("cells", groups.cells),
    ):
        commands.add_typer(group, name=name)
    for line in after:
        commands.command()(line)
    return commands


def _print_version(requested: bool) -> None:
    if requested:
        print(f"kennel {VERSION}")
        raise typer.Exit


def kennel(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Kennel takes, holds and sends Dogecoin for shops, platforms and exchanges."""


def serve(
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="How many processes answer HTTP; else as KENNEL_WORKERS says."),
    ] = None,
) -> None:
    """Run Kennel until it is told to stop (Ctrl-C, SIGTERM, or a terminal that is closed)."""
    from app.cli import serve

    serve.serve(workers)


def demo() -> None:
    """Run Kennel with all it needs, and show an invoice from its issue to its payment."""
    from app.cli.demo import running

    running.demo()


def devnet() -> None:
    """Run the regtest node alone, as a merchant's tests may want it."""
    from app.cli import serve

    serve.devnet()


def migrate() -> None:
    """Bring the database to the schema of this version; every start does so too."""
    from app.cli import operations

    operations.migrate()


def audit() -> None:
    """Check the books against each other; exit with 1 if they are wrong, with 2 if only coins lack."""
    from app.cli.books import audit

    audit.audit()


def resume(
    payouts: Annotated[bool, typer.Option("--payouts", help="After a restore: payouts too.")] = False,
    owing: Annotated[
        str, typer.Option("--owing", help="What balances show beyond the coins, where they do.")
    ] = "0",
) -> None:
    """Let payments go on after something has paused them."""
    from app.cli import operations

    operations.resume(payouts=payouts, owing=owing)


def cover() -> None:
    """Let KENNEL_PLATFORM_ACCOUNT bear what balances show beyond the coins that there are."""
    from app.cli import operations

    operations.cover()


def restored(
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Although nothing that was sent is missing.")
    ] = False,
) -> None:
    """Go on with a database that was restored from a backup, so that nothing is paid or given out twice."""
    from app.cli import operations

    operations.restored(anyway=anyway)


def consolidate(
    at_most: Annotated[int, typer.Option("--at-most", min=2, max=MOST_COINS, help="How many coins.")] = 500,
) -> None:
    """Merge the smallest coins into one, at the cost of KENNEL_PLATFORM_ACCOUNT."""
    from app.cli import operations

    operations.consolidate(at_most)


def rescan(height: From) -> None:
    """Read the blocks from a height on again, beside a running Kennel or without one."""
    from app.cli import recover

    recover.rescan(height)


def recover(number: Accounts = None, gap: Gap = None, height: Birth = None, *, words: Words = False) -> None:
    """Make a lost database again from the seed and the chain; the database must be empty."""
    from app.cli import recover

    recover.recover((number, gap, height), words=words)


def rename(old: str, new: str) -> None:
    """Give an account another foreign_id."""
    from app.cli import rename

    rename.rename(old, new)


def export(file: NewExport) -> None:
    """Write every entry with its seals to a file, beside a running Kennel or without one."""
    from app.cli.books import export

    export.export(file)


def verify(file: Exported) -> None:
    """Prove a file of `kennel export`: its seals hold, its entries balance; exit with 1 if not."""
    from app.cli.books import verify

    verify.verify(file)


def report(
    name: Annotated[ReportName, typer.Argument(help="Which report.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(help=f"What it is about, as account=shop-1: {', '.join(REPORT_WORDS)}."),
    ] = None,
    *,
    rows: Annotated[bool, typer.Option("--rows", help="The postings that its sums are made of.")] = False,
) -> None:
    """Write a report to standard output, as CSV or with format=json."""
    from app.cli.books import report

    report.report(name.value, words or (), rows=rows)


def backup(file: NewBackup) -> None:
    """Write database, seed file, marker and relay key into one encrypted file, beside a running Kennel or without one."""
    from app.cli import backup

    backup.backup(file)


def restore(file: Backup) -> None:
    """Make a home and a database of a backup. The database must be empty; files that are in the home stay."""
    from app.cli import backup

    backup.restore(file)
