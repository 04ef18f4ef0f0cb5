"""Starts the command that the command line names; `serve` loads nothing of the others, which are in `app.cli`."""

import gc
import sys
from typing import Annotated

import typer

from app import VERSION
from app.runtime import stopping

commands = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a passphrase
)


def _print_version(requested: bool) -> None:
    if requested:
        print(f"kennel {VERSION}")
        raise typer.Exit


@commands.callback()
def kennel(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Kennel takes, holds and sends Dogecoin for shops, platforms and exchanges."""


@commands.command()
def serve(
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="How many processes answer HTTP; else as KENNEL_WORKERS says."),
    ] = None,
) -> None:
    """Run Kennel until it is told to stop (Ctrl-C, SIGTERM, or a terminal that is closed)."""
    from app.cli import serve

    serve.serve(workers)


def with_all() -> typer.Typer:
    """Return all commands: the others load tables, progress bars and the demo as well."""
    from app.cli import commands as others

    others.add_to(commands)
    return commands


def main() -> None:
    """Carry out the command line."""
    gc.disable()  # what is imported stays; looking for garbage in it takes a fifth of a start
    with stopping.interrupted_by_signals():
        (commands if sys.argv[1:2] == ["serve"] else with_all())(prog_name="kennel")


if __name__ == "__main__":
    main()
