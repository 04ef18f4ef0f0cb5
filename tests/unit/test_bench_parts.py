"""The document of the bench names its parts as they are."""

import re
from pathlib import Path

from bench.__main__ import PARTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "measuring.md"


def test_the_table_of_the_bench_has_each_part_once_and_in_order() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", DOCUMENT.read_text(), re.MULTILINE)

    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(PARTS)
