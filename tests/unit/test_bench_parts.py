"""The document of the bench names its parts as they are."""

import re
from pathlib import Path

from bench.__main__ import GROUPS, PARTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "measuring.md"


def test_the_table_of_the_bench_has_each_part_once_and_in_order() -> None:
    _, _, rest = DOCUMENT.read_text().partition("| part | figures |")
    table, _, _ = rest.partition("\n\n")
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", table, re.MULTILINE)

    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(PARTS)


def test_each_part_is_measured_with_one_of_the_groups() -> None:
    assert sorted(part for group in GROUPS.values() for part in group) == sorted(PARTS)
