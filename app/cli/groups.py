"""The lines of commands that have a group: `seed`, `key`, `cold` and `cells`. What they do is loaded when it runs."""

from typing import Annotated, Final

import typer

cells = typer.Typer(invoke_without_command=True, help="Where the cells lie and how full they are.")
cold = typer.Typer(no_args_is_help=True, help="What lies in cold storage.")
keys = typer.Typer(no_args_is_help=True, help="The keys that open the merchant's API.")
seed = typer.Typer(no_args_is_help=True, help="The seed that all keys come from.")

SCOPES: Final = (
    "accounts:read", "accounts:write", "invoices:read", "invoices:write", "payments:read", "payments:write",
    "payments:approve", "ledger:read", "ledger:write", "ledger:issue", "events:read", "webhooks:read",
    "webhooks:write", "reports:read", "operations:read", "admin",
)  # fmt: skip
"""Those of `app.domain.access`, for the help: a test compares them."""


@seed.command("show")
def show_seed(
    again: Annotated[
        bool, typer.Option("--again", help="Show the words although they were shown before.")
    ] = False,
) -> None:
    """Print the 24 words, once: write them down, they restore every coin."""
    from app.cli import seed

    seed.show(again=again)


@keys.command("create")
def create_key(
    scope: Annotated[
        list[str], typer.Option(help=f"What it may do; as often as needed: {', '.join(SCOPES)}.")
    ],
    account: Annotated[
        list[str] | None, typer.Option(help="An account that it reaches; all without.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="Or: how the names of its accounts begin.")] = "",
    expires: Annotated[str, typer.Option(help="When it ends: 90d, 12h, or a time with its zone.")] = "",
    description: Annotated[str, typer.Option(help="Whose it is, for your own list.")] = "",
) -> None:
    """Make a key and print it, once: only its hash is stored."""
    from app.cli import keys

    keys.create(scope, (account or (), prefix), expires, description)


@keys.command("authorize")
def authorize_page(
    address: Annotated[
        str, typer.Argument(help="Where your shop has led you: http://.../authorize?name=...")
    ],
) -> None:
    """Print a link to the page on which you grant a shop's plugin its key, without a token or another key."""
    from app.cli import keys

    keys.authorize(address)


@keys.command("list")
def list_keys() -> None:
    """Show the keys, without their secrets."""
    from app.cli import keys

    keys.show()


@keys.command("revoke")
def revoke_key(number: Annotated[int, typer.Argument(help="The key's number, as in the list.")]) -> None:
    """End a key for good."""
    from app.cli import keys

    keys.revoke(number)


@cold.command("return")
def give_return_address() -> None:
    """Print an address: what is paid to it is money from cold storage, and no account's deposit."""
    from app.cli import operations

    operations.give_return_address()


@cells.callback()
def show_cells(context: typer.Context) -> None:
    """Show each cell: its schema, the server that it lies on, its accounts and size, and its last block."""
    if context.invoked_subcommand is None:
        from app.cli import cells

        cells.show()


@cells.command("move")
def move_cell(
    number: Annotated[int, typer.Argument(help="The number of the cell.", min=0)],
    node: Annotated[str, typer.Argument(help="The server, as host:port.")],
) -> None:
    """Move a cell to another server of the same Citus. Kennel goes on meanwhile."""
    from app.cli import cells

    cells.move(number, node)
