"""The commands that write the ledger to a file and prove it."""

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
    assert "kennel: Line 2" in refused.stdout
