"""A command loads what it needs, and the lines of the commands say what the rules say."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from app.chain import recovery
from app.cli import commands, groups
from app.cli.books import report
from app.domain import access, payments
from app.domain.reports import REPORTS

RUN: Final = """
import atexit, sys
atexit.register(lambda: print(*sys.modules))
from app.__main__ import main
main()
"""
HELPS: Final = """
import sys
import typer
from app.cli import commands
group = typer.main.get_command(commands.together())
for words in sys.argv[1:]:
    group.main([*words.split(), "--help"], "kennel", standalone_mode=False)
print(*sys.modules)
"""
FROZEN: Final = """
import atexit, gc
atexit.register(lambda: print(len(gc.get_objects())))
from app.__main__ import main
main()
"""
LINES: Final = frozenset(["app.cli", "app.cli.commands", "app.cli.groups"])
WORK: Final = """
import app.cli.backup, app.cli.books.audit, app.cli.books.export, app.cli.books.verify, app.cli.cells, app.cli.keys
import app.cli.operations, app.cli.recover, app.cli.rename, app.cli.seed, sys
print(*sys.modules)
"""
OF_THE_SERVER: Final = {
    "PIL", "aiomqtt", "alembic", "amqtt", "bip_utils", "cryptography", "devnet", "fastapi", "httpx", "jinja2",
    "prometheus_client", "segno", "starlette", "uvicorn", "zmq",
}  # fmt: skip
"""Libraries that serve HTTP, open the seed, tell events or speak with the node."""


def modules(program: str, *words: str, **variables: str) -> set[str]:
    """Run Python, and return which modules it had loaded at its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KENNEL_")}
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True, text=True, check=True, env=kept | variables,
    )  # fmt: skip
    return set(done.stdout.splitlines()[-1].split())


def lines_of(group: Any, before: str = "") -> list[str]:
    """The words of a group and of all its commands."""
    nested = (
        lines_of(command, f"{before}{name} ") for name, command in getattr(group, "commands", {}).items()
    )
    return [before, *(words for lines in nested for words in lines)]


def test_no_help_loads_what_a_command_does() -> None:
    lines = lines_of(typer.main.get_command(commands.together()))

    loaded = modules(HELPS, *lines)

    assert len(lines) > 25
    assert {name for name in loaded if name.startswith("app.")} == LINES
    assert not {"sqlalchemy", "uvloop"} & loaded


def test_a_command_of_the_database_loads_nothing_that_serves(database: str, tmp_path: Path) -> None:
    variables = {"KENNEL_DATABASE_URL": database, "KENNEL_HOME": str(tmp_path)}

    loaded = modules(RUN, "key", "list", **variables)

    assert {"sqlalchemy", "rich"} <= loaded
    assert OF_THE_SERVER & loaded == set()
    assert not {name for name in loaded if name.startswith(("app.api", "app.chain", "app.domain.payments"))}


def test_no_command_but_a_report_loads_a_server() -> None:
    assert OF_THE_SERVER & modules(WORK) == {"cryptography"}


def test_a_report_by_a_word_that_there_is_not_is_refused_in_a_sentence() -> None:
    with pytest.raises(SystemExit, match="kennel: A report is not divided by 'shop'; it takes from, to"):
        report.report("ledger", ["shop=1"], rows=False)


def test_a_command_ends_without_a_last_look_for_garbage() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FROZEN, "--version"], capture_output=True, text=True, check=True
    )

    assert int(ended.stdout.splitlines()[-1]) < 100


def test_the_lines_name_the_limits_and_words_of_the_rules() -> None:
    assert payments.LARGEST == commands.MOST_COINS
    assert (recovery.ACCOUNTS, recovery.GAP) == (commands.ACCOUNTS, commands.GAP)
    assert tuple(access.SCOPES) == groups.SCOPES
    assert {name.value for name in commands.ReportName} == REPORTS.keys()
