"""What is said after a recovery."""

from pathlib import Path

from app import recover_commands
from app.upkeep import SENT


def test_whoever_recovers_hears_of_what_the_chain_cannot_know(tmp_path: Path) -> None:
    assert f"There is no {SENT}" in recover_commands.unmined(tmp_path)

    (tmp_path / SENT).write_text('{"highest_transaction": 7}')

    assert "run `kennel restored` before `kennel serve`" in recover_commands.unmined(tmp_path)
