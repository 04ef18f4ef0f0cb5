"""The commands that write the ledger to a file and prove it, and that write reports."""

import json
from pathlib import Path

from tests.end_to_end.program import Program, command
from tests.end_to_end.shop import Shop


def test_the_books_of_a_running_program_are_written_to_a_file_and_proved(
    program: Program, shop: Shop, tmp_path: Path
) -> None:
    program.pay(shop.invoice()["id"], "10")
    program.mine()
    file = tmp_path / "books.jsonl"

    written = command(program, "export", str(file))
    again = command(program, "export", str(file))
    proved = command(program, "verify", str(file))
    file.write_text(file.read_text().replace('"available", ', '"held", ', 1))
    refused = command(program, "verify", str(file))

    assert (written.returncode, again.returncode, proved.returncode, refused.returncode) == (0, 1, 0, 1)
    assert "is there already" in again.stdout
    assert "All is as it was sealed" in proved.stdout
    assert "kennel: Line " in refused.stdout


def test_a_report_says_on_the_command_line_what_it_says_over_http(program: Program, shop: Shop) -> None:
    program.pay(shop.invoice()["id"], "10")
    program.mine(6)
    end = program.admin.get("/reports/ledger").json()["end"]
    query = {"group_by": "account", "prefix": shop.foreign_id, "to": end}

    written = command(program, "report", "ledger", *(f"{name}={text}" for name, text in query.items()))
    as_json = command(program, "report", "invoices", f"account={shop.foreign_id}", f"to={end}", "format=json")
    rows = command(program, "report", "invoices", f"account={shop.foreign_id}", f"to={end}", "--rows")
    refused = command(program, "report", "ledger", "group_by=day")

    asked = program.admin.get("/reports/ledger", params={**query, "format": "csv"})
    assert written.stdout.splitlines() == asked.text.splitlines()
    assert json.loads(as_json.stdout)["items"][0]["net"] == "10"
    assert len(rows.stdout.splitlines()) == 2
    assert (refused.returncode, refused.stdout) == (1, "kennel: Grouping by day needs from.\n")
