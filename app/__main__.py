"""Starts the command that the command line names. What each does is in `app.cli`, and is loaded when it runs."""

import gc
import sys
from typing import Annotated

import typer

from app import VERSION
from app.runtime import interrupts

COLLECTED_AT = 50_000
"""How many objects are made before Python looks for garbage: what is imported stays, and looking takes a fifth of a start."""

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
    """Return all commands."""
    from app.cli import commands as others

    others.add_to(commands)
    return commands


def main() -> None:
    """Carry out the command line."""
    serves = sys.argv[1:2] == ["serve"]
    gc.set_threshold(COLLECTED_AT)
    if serves:
        gc.disable()  # until all is loaded
    with interrupts.interrupted_by_signals():
        (commands if serves else with_all())(prog_name="kennel")


if __name__ == "__main__":
    main()
