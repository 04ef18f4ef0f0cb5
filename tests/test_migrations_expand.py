"""A migration only adds to the schema, so that the program before it works beside it; what takes away comes later.

From `FIRST` on. A migration that takes away says in `CONTRACTS` since which version nothing uses it, and raises
`installation.usable_since`: older programs refuse to start on that schema.
"""

import re
from pathlib import Path

import pytest

VERSIONS = Path(__file__).resolve().parents[1] / "migrations" / "versions"
FIRST = "0042"
"""The last migration before the rule."""
CONTRACTING = {
    r"\bDROP (COLUMN|TABLE|TYPE|FUNCTION|TRIGGER|VIEW)\b": "the program before may use it",
    r"\bRENAME\b": "the program before knows the old name",
    r"\bALTER COLUMN \S+ (SET DATA )?TYPE\b": "the program before reads and writes the old type",
    r"\bSET NOT NULL\b": "the program before may write nothing there",
    r"\bADD COLUMN\b(?!.*\bDEFAULT\b).*\bNOT NULL\b": "the program before writes no value there",
    r"\bCREATE UNIQUE INDEX\b(?!.*\bWHERE\b)": "the program before may write the same twice",
    r"\bop\.(drop_column|drop_table|alter_column|rename_table|drop_constraint)\b": "write SQL, as all migrations do",
}
CHECK = re.compile(r"ALTER TABLE \S+ ADD CONSTRAINT (\S+) (?:CHECK|FOREIGN KEY|UNIQUE)")
MARKED = re.compile(r'^CONTRACTS = "\d+\.\d+\.\d+: .+"$', re.MULTILINE)
JOINED = re.compile(r'"\s*\n?\s*f?"')


def chain() -> list[Path]:
    """The migrations newer than `FIRST`, in order."""
    files = {path: path.read_text() for path in VERSIONS.glob("*.py")}
    before = {
        match[1]: path
        for path, text in files.items()
        if (match := re.search(r'^down_revision = "(\w+)"', text, re.MULTILINE))
    }
    newer = []
    at = FIRST
    while at in before:
        newer.append(before[at])
        at = re.search(r'^revision = "(\w+)"', files[before[at]], re.MULTILINE)[1]  # type: ignore[index]
    return newer


def taken_away(text: str) -> list[str]:
    """What of a migration the program before it would miss, with the reason."""
    lines = [JOINED.sub("", statement) for statement in text.split("op.execute(")]
    found = [
        f"{match[0]}: {why}"
        for statement in lines
        for pattern, why in CONTRACTING.items()
        if (match := re.search(pattern, statement))
    ]
    again = [
        name for name in CHECK.findall("\n".join(lines)) if f"DROP CONSTRAINT IF EXISTS {name}" not in text
    ]
    return found + [f"{name}: the program before may write what it refuses" for name in again]


def test_a_migration_takes_nothing_away_that_the_program_before_uses() -> None:
    contracting = {
        path.name: taken for path in chain() if (taken := taken_away(path.read_text())) and not _marked(path)
    }

    assert contracting == {}


def _marked(path: Path) -> bool:
    text = path.read_text()
    return bool(MARKED.search(text)) and "SET usable_since" in text


@pytest.mark.parametrize(
    "statement",
    [
        'op.execute("ALTER TABLE a DROP COLUMN b")',
        'op.execute("ALTER TABLE a RENAME COLUMN b TO c")',
        'op.execute("ALTER TABLE a ALTER COLUMN b TYPE bigint")',
        'op.execute("ALTER TABLE a ADD COLUMN b text NOT NULL")',
        'op.execute(\n    "ALTER TABLE a "\n    "DROP COLUMN b"\n)',
        'op.execute("CREATE UNIQUE INDEX i ON a (b)")',
        'op.execute("ALTER TABLE a ADD CONSTRAINT a_b_check CHECK (b > 0)")',
        'op.drop_column("a", "b")',
    ],
)
def test_what_takes_away_is_recognised(statement: str) -> None:
    assert len(taken_away(statement)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "op.execute(\"ALTER TABLE a ADD COLUMN IF NOT EXISTS b text DEFAULT '' NOT NULL\")",
        'op.execute("ALTER TABLE a ADD COLUMN b text")',
        'op.execute("CREATE TABLE IF NOT EXISTS a (b bigint NOT NULL, CONSTRAINT a_check CHECK (b > 0))")',
        (
            'op.execute("ALTER TABLE a DROP CONSTRAINT IF EXISTS a_b_check")\n'
            'op.execute("ALTER TABLE a ADD CONSTRAINT a_b_check CHECK (b IN (1, 2, 3))")'
        ),
        'op.execute("CREATE INDEX IF NOT EXISTS i ON a (b)")',
    ],
)
def test_what_only_adds_is_let_pass(statement: str) -> None:
    assert taken_away(statement) == []
