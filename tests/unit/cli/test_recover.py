"""How far a recovery looks, and what is said after it."""

from pathlib import Path

import pytest

from app.chain.recovery import SearchScope, Stopped
from app.chain.seed_file import SeedFile
from app.chain.seed_record import Cost
from app.chain.sent_marker import SENT_FILE
from app.cli import recover
from app.domain.dogecoin import REGTEST


def test_whoever_recovers_hears_of_what_the_chain_cannot_know(tmp_path: Path) -> None:
    assert f"There is no {SENT_FILE}" in recover.next_command(tmp_path)

    (tmp_path / SENT_FILE).write_text('{"highest_transaction": 7}')

    assert "run `kennel restored` before `kennel serve`" in recover.next_command(tmp_path)


def test_a_recovery_looks_beyond_what_was_left_out_after_restores_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    file = SeedFile(tmp_path / "seed.json", REGTEST, Cost(1 << 14, 1))
    file.create("", birth_height=7)
    assert recover.scope_of(file.read(), (None, None, None)) == SearchScope(1_000, 1_000, 7)
    file.raise_highest(3_000)
    file.skip(10_000)

    assert recover.scope_of(file.read(), (None, None, None)) == SearchScope(3_001, 11_000, 7)
    assert recover.scope_of(file.read(), (5, 20, 0)) == SearchScope(5, 20, 0)
    file.raise_highest(9_999)
    with pytest.raises(Stopped, match="lower --accounts or --gap"):
        recover.scope_of(file.read(), (None, None, None))
