"""What a statement may not do, so that a cell can lie on another server than the one that is asked.

A distributed engine (Citus) hands a statement whole to the server of its cell. It refuses what could give another result
there: docs/scaling.md says which rules follow, and this file judges by them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import asyncpg

from tests.parse_trees import Catalogue, Node, Parser
from tests.statements import MIGRATIONS

SELECT, UPDATE, INSERT, DELETE = "1", "2", "3", "4"
TRANSACTION_NUMBERS: Final = re.compile(
    r"txid_\w+|pg_snapshot_\w+|pg_current_snapshot|pg_current_xact_id\w*|pg_xact_\w+|pg_visible_in_snapshot|mxid_age"
)
HIDDEN_COLUMNS: Final = {-1: "ctid", -2: "xmin", -3: "cmin", -4: "xmax", -5: "cmax"}
SESSIONS: Final = ("pg_stat_activity", "pg_locks")
EXCEPTIONS: Final = {
    ("app/domain/ledger/balance_locks.py", "ctid"): (
        "names rows that its transaction holds locked, of one table of one cell; it is never stored"
    ),
    ("app/domain/webhooks/retention.py", "ctid"): "the same, within one statement",
    ("app/domain/monitoring/section.py", "pg_stat_activity"): (
        "a figure for operators, of the server that is asked; nothing is decided by it"
    ),
    ("app/domain/monitoring/section.py", "pg_locks"): "the same",
}
"""By the file of a statement and what it does against the rules: why it may."""
SESSION_WORDS: Final = re.compile(
    r"(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|UNLISTEN|LISTEN)\b", re.IGNORECASE
)
_SET: Final = re.compile(r"\s*SET\s+(?!LOCAL\b)(?:SESSION\s+)?lock_timeout\b", re.IGNORECASE)
_ALTER: Final = re.compile(r"\s*ALTER\s+TABLE\b", re.IGNORECASE)

Rule = Callable[[Node, Catalogue], Iterator[str]]


def changes(query: Node, catalogue: Catalogue) -> Iterator[str]:
    """What an UPDATE or a DELETE calls must give the same wherever the row is."""
    if query.fields["commandType"][0] not in (UPDATE, DELETE):
        return
    where = ("targetList", "jointree")
    if any(catalogue.volatility(node) == "v" for node in query.part(*where)):
        yield "a VOLATILE function in UPDATE or DELETE: take the time as a parameter, or statement_timestamp()"
    here = list(query.part(*where, subqueries=False))
    if any(node.tag in ("CASEEXPR", "COALESCEEXPR") and _mutable(node, catalogue) for node in here):
        yield "a function that is not IMMUTABLE within CASE or COALESCE"
    if any(catalogue.volatility(node) == "s" and _has_column(node) for node in here):
        yield "a STABLE function of a column in UPDATE or DELETE"


def answers(query: Node, catalogue: Catalogue) -> Iterator[str]:
    """RETURNING shows what was written, and nothing that is computed anew."""
    if any(catalogue.volatility(node) != "i" for node in query.part("returningList")):
        yield "a function that is not IMMUTABLE in RETURNING"


def conflicts(query: Node, catalogue: Catalogue) -> Iterator[str]:
    """What ON CONFLICT does may depend on the two rows alone."""
    for node in query.part("onConflict"):
        if node.tag == "ONCONFLICTEXPR" and node.number("constraint"):
            yield "ON CONFLICT ON CONSTRAINT: a shard's constraints have other names"
    if any(catalogue.volatility(node) != "i" for node in query.part("onConflict")):
        yield "a function that is not IMMUTABLE in ON CONFLICT: compare with excluded, or read the time before"


def copies(query: Node, catalogue: Catalogue) -> Iterator[str]:
    """The engine writes what an INSERT selects anew where that reads a table, and leaves out what it does not know."""
    selects = [
        entry for entry in query.part("rtable", subqueries=False) if entry.fields.get("rtekind") == ["1"]
    ]
    if query.fields["commandType"] != [INSERT] or not selects:
        return
    if any(_is_parameter(node) for node in query.part("onConflict", "returningList")):
        yield "INSERT ... SELECT with a parameter in ON CONFLICT or RETURNING: write the constant"
    selects += [part for part in query.part("cteList", subqueries=False) if _is_inlined(part)]
    nodes = [node for entry in selects if not _unites(entry) for node in entry.all(without=["cteList"])]
    if any(catalogue.relation(node) for node in nodes) and any(
        _is_parameter(node) or catalogue.volatility(node) == "s" for node in query.all()
    ):
        yield "INSERT ... SELECT of a table, with a parameter or STABLE function: read it in WITH ... AS MATERIALIZED"


def snapshots(query: Node, catalogue: Catalogue) -> Iterator[str]:
    """The engine carries out the parts of WITH one after the other: what follows one that writes may see that or not."""
    parts = [part for part in query.part("cteList", subqueries=False) if part.tag == "COMMONTABLEEXPR"]
    queries = [*(part.fields["ctequery"][0] for part in parts), query]
    for number, writing in enumerate(queries[:-1]):
        written = catalogue.relation(target) if (target := _target(writing)) else ""
        after = {name for reading in queries[number + 1 :] for name in _read(reading, catalogue)}
        if written and written in after:
            yield f"{written} is written in WITH, and read after that: two statements"


def _target(query: Node) -> Node | None:
    """Return what a query changes; None where it only reads."""
    if not (number := query.number("resultRelation")):
        return None
    entries = [node for node in query.part("rtable", subqueries=False) if node.tag == "RANGETBLENTRY"]
    return entries[number - 1]


def _read(query: Node, catalogue: Catalogue) -> set[str]:
    """Return the tables that a query reads, but for what it changes, and what its own WITH reads."""
    target = _target(query)
    return {catalogue.relation(node) for node in query.all(without=("cteList",)) if node is not target}


def servers(query: Node, catalogue: Catalogue) -> Iterator[str]:
    """What belongs to one server says nothing of another: numbers of transactions, sessions, places of rows."""
    for node in query.all():
        if TRANSACTION_NUMBERS.fullmatch(name := catalogue.function(node)):
            yield f"{name}: transactions are numbered by the server that is asked"
        if name == "set_config":
            yield "set_config: a setting is made by SET LOCAL, before the statement"
        if (relation := catalogue.relation(node)) in SESSIONS:
            yield f"{relation}: the sessions of the server that is asked"
        if node.tag == "VAR" and (column := HIDDEN_COLUMNS.get(node.number("varattno"))):
            yield f"{column}: a place in one server's files"


RULES: Final[tuple[Rule, ...]] = (changes, answers, conflicts, copies, snapshots)


def _mutable(node: Node, catalogue: Catalogue) -> bool:
    return any(catalogue.volatility(below) != "i" for below in node.all())


def _is_inlined(part: Node) -> bool:
    """Whether a WITH part may be planned as if its text stood where it is named."""
    if part.tag != "COMMONTABLEEXPR" or part.fields["ctematerialized"] == ["1"]:
        return False
    if part.number("cterefcount") > 1 and part.fields["ctematerialized"] != ["2"]:
        return False
    return bool(part.fields["ctequery"][0].fields["commandType"] == [SELECT])


def _unites(entry: Node) -> bool:
    """Whether a SELECT unites others: the engine carries out such a one by itself, before the INSERT."""
    return any(
        query.fields.get("setOperations", ["<>"]) != ["<>"] for query in entry.fields.get("subquery", ())
    )


def _has_column(node: Node) -> bool:
    return any(below.tag == "VAR" for below in node.all(subqueries=False))


def _is_parameter(node: Node) -> bool:
    return node.tag == "PARAM" and node.number("paramkind") == 0


def faults(tree: Node, catalogue: Catalogue) -> set[str]:
    """Return what a statement does against the rules."""
    of_parts = (rule(query, catalogue) for query in tree.all() if query.tag == "QUERY" for rule in RULES)
    return {fault for part in of_parts for fault in part} | set(servers(tree, catalogue))


def faults_of_text(statement: str) -> set[str]:
    """Return what the words of a statement tell, which no tree shows."""
    faults = set()
    if _SET.match(statement):
        faults.add("SET lock_timeout without LOCAL")
    if _ALTER.match(statement) and len(_subcommands(statement)) > 1:
        faults.add("ALTER TABLE with several subcommands: one statement each")
    return faults


def _subcommands(statement: str) -> list[str]:
    """Split at the commas that are in no brackets."""
    parts, depth = [""], 0
    for character in statement:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


async def judged(url: str, statements: Mapping[str, str]) -> list[str]:
    """Return a line for each statement that breaks a rule, with its site; `url` has the schema of them all."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        parser = await Parser.on(connection)
        return [
            line for text, site in sorted(statements.items()) for line in await _judged(parser, text, site)
        ]
    finally:
        await connection.close()


async def _judged(parser: Parser, text: str, site: str) -> list[str]:
    broken = faults_of_text(text)
    if site != MIGRATIONS and not SESSION_WORDS.match(text):
        try:
            broken |= faults(await parser.tree(text), parser.catalogue)
        except asyncpg.PostgresError as error:
            broken.add(f"it cannot be judged: {error}")
    file = site.partition(":")[0]
    return [
        f"{site}: {fault}\n{text}" for fault in sorted(broken) if (file, _subject(fault)) not in EXCEPTIONS
    ]


def _subject(fault: str) -> str:
    return fault.partition(":")[0]
