"""docs/design.md is true: its tree, its tables, its kinds of entries and its flows are those of the code."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from app.db.tables import metadata
from app.domain import ledger

ROOT = Path(__file__).resolve().parent.parent
DESIGN = (ROOT / "docs" / "design.md").read_text()
SQL = {"execute", "scalar", "scalars", "fetch_all", "copy_to_table"}
WITHOUT_SQL = {
    "app.chain.rpc": "a socket to the node",
    "app.chain.sent_marker": "a file",
    "app.chain.signer": "the keys",
    "app.domain.blocks.deposits": "a plain rule",
    "app.domain.ledger.journal": "a plain rule",
    "app.runtime.http_client": "a socket to a receiver or the node",
}
"""The modules where a chain may end without a statement."""
FLOWS = {
    "Create an invoice",
    "Read a balance",
    "Connect a block",
    "Send a payment",
    "Deliver an event",
    "Post a transfer",
}


# ---------------------------------------------------------------- reading the document


def section(title: str) -> str:
    """The text under a heading of the second or third level, up to the next one of its level or above."""
    match = re.search(rf"^(##+) {re.escape(title)}$", DESIGN, re.MULTILINE)
    assert match, f"docs/design.md has no section {title}"
    return re.split(rf"^#{{1,{len(match[1])}}} ", DESIGN[match.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def fences(text: str, language: str) -> list[list[str]]:
    return [
        block.splitlines()
        for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]


def first_cells(table: str) -> list[str]:
    return re.findall(r"^\| (`[^|]*) \| ", table, re.MULTILINE)


def tree() -> dict[str, str]:
    """The paths of the tree, packages with a slash at their ends, and what it says of each."""
    [lines] = fences(section("Rooms"), "tree")
    entries: dict[str, str] = {}
    above: list[str] = []
    for line in lines:
        spaces, name, meaning = re.fullmatch(r"( *)(\S+) *(.*)", line).groups()  # type: ignore[union-attr]
        above[len(spaces) // 2 :] = [name]
        entries["".join(above)] = meaning
    assert len(entries) == len(lines)
    return entries


# ---------------------------------------------------------------- the tree and the tables


def packages() -> set[str]:
    paths = (
        path.parent.relative_to(ROOT)
        for top in ("app", "devnet")
        for path in (ROOT / top).rglob("__init__.py")
    )
    return {f"{path.as_posix()}/" for path in paths}


def named_files() -> set[str]:
    """Every file of the domain, and those that lie beside the rooms."""
    paths = [*(ROOT / "app" / "domain").rglob("*.py"), *(ROOT / "app").glob("*.py")]
    return {path.relative_to(ROOT).as_posix() for path in paths if path.name != "__init__.py"}


def test_the_tree_has_every_package_and_no_other() -> None:
    assert {path for path in tree() if path.endswith("/")} == packages()


def test_the_tree_has_every_file_of_the_domain_and_no_other() -> None:
    assert {path for path in tree() if not path.endswith("/")} == named_files()


def test_the_tree_says_what_each_of_them_is() -> None:
    assert [path for path, meaning in tree().items() if not meaning] == []


def test_the_table_of_tables_has_every_table_once() -> None:
    assert sorted(cell.strip("`") for cell in first_cells(section("Tables"))) == sorted(metadata.tables)


def test_the_life_of_money_has_every_kind_of_entry_once() -> None:
    named = [
        kind for cell in first_cells(section("The life of money")) for kind in re.findall(r"`(\w+)`", cell)
    ]

    assert sorted(named) == sorted(ledger.ENTRY_KINDS)


# ---------------------------------------------------------------- the flows


class Step(NamedTuple):
    """A symbol in a chain: how it is reached from the one before, and the symbols between that name it.

    `->` is a call, `~>` a function or a statement that is handed on, `=>` a call under another name
    (`alias`): there the symbols of `by` name one another, and the last of them names this one. An
    endpoint names a command's constant, and that constant names the rule: then the rule is called as `run`.
    """

    arrow: str
    symbol: str
    alias: str = ""
    by: tuple[str, ...] = ()


def step(line: str) -> Step:
    match = re.fullmatch(r"(?:(->|~>|=>) )?([\w.]+:[\w.]+)(?:  \(as (\w+), by ([\w.: >]+)\))?", line)
    assert match, f"no step of a chain: {line}"
    arrow, symbol, alias, by = match.groups(default="")
    assert bool(alias) == (arrow == "=>"), line
    return Step(arrow, symbol, alias, tuple(by.split(" > ")) if by else ())


def chains(flow: str) -> list[list[Step]]:
    return [[step(line) for line in lines] for lines in fences(section(flow), "flow")]


def file_of(name: str) -> Path | None:
    path = ROOT / name.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


@cache
def module(name: str) -> ast.Module:
    file = file_of(name)
    assert file, f"there is no module {name}"
    return ast.parse(file.read_text())


def names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.AnnAssign):
        return {node.target.id} if isinstance(node.target, ast.Name) else set()
    return {node.name} if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else set()


def find(symbol: str) -> ast.stmt | None:
    module_name, _, path = symbol.partition(":")
    body: list[ast.stmt] = module(module_name).body
    statement: ast.stmt | None = None
    for name in path.split("."):
        statement = next((node for node in body if name in names(node)), None)
        body = statement.body if isinstance(statement, ast.ClassDef) else []
    return statement


def definition(symbol: str) -> ast.stmt:
    """Find what `module:name` or `module:Class.method` names."""
    node = find(symbol)
    assert node, f"there is no {symbol}"
    return node


@cache
def imports(module_name: str) -> dict[str, str]:
    """What the module imports of ours, by its names for it: modules, and symbols as they are defined."""
    lines = [node for node in module(module_name).body if isinstance(node, ast.ImportFrom) and node.module]
    pairs = [
        (line.module or "", alias) for line in lines for alias in line.names if file_of(line.module or "")
    ]
    return {alias.asname or alias.name: inside(source, alias.name) for source, alias in pairs}


def inside(module_name: str, name: str) -> str:
    """Return what a module or a package has under a name; nothing where that is not known."""
    if find(f"{module_name}:{name}"):
        return f"{module_name}:{name}"
    if file_of(f"{module_name}.{name}"):  # before all imports: a package may import modules of its own
        return f"{module_name}.{name}"
    return imports(module_name).get(name, "")


def origin(symbol: str, node: ast.AST) -> str:
    """Return the symbol, or the module, of an expression in the body of `symbol`; "" for an object's."""
    module_name, _, path = symbol.partition(":")
    if isinstance(node, ast.Name):
        return (
            f"{module_name}:{path.partition('.')[0]}"
            if node.id in ("self", "cls")
            else inside(module_name, node.id)
        )
    base = origin(symbol, node.value) if isinstance(node, ast.Attribute) else ""
    if not isinstance(node, ast.Attribute) or not base:
        return ""
    if ":" not in base:
        return inside(base, node.attr)
    return f"{base}.{node.attr}" if find(f"{base}.{node.attr}") else ""


def last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def symbols(symbol: str, nodes: Iterable[ast.AST]) -> set[str]:
    """Return the symbols of expressions; of an object's attribute, whose class is unknown here, the name."""
    return {origin(symbol, node) or last_name(node) for node in nodes}


def called(symbol: str) -> set[str]:
    return symbols(symbol, [node.func for node in ast.walk(definition(symbol)) if isinstance(node, ast.Call)])


def mentioned(symbol: str) -> set[str]:
    return symbols(symbol, ast.walk(definition(symbol)))


def name_of(symbol: str) -> str:
    return re.split(r"[:.]", symbol)[-1]


def breaks(before: str, after: Step) -> Iterator[str]:
    """Say where the code does not go from one step of a chain to the next."""
    reached = mentioned(before) if after.arrow == "~>" else called(before)
    if after.alias not in map(name_of, reached) and not reached & {after.symbol, name_of(after.symbol)}:
        yield f"{before} {after.arrow} {after.alias or after.symbol}"
    for naming, named in pairwise((*after.by, after.symbol)):
        if not mentioned(naming) & {named, name_of(named)}:
            yield f"{naming} > {named}"


def ends(symbol: str) -> bool:
    """Whether a chain may end here: at a statement, at what executes one, or WITHOUT_SQL."""
    statement = isinstance(definition(symbol), ast.Assign | ast.AnnAssign)
    return (
        statement
        or bool({name_of(callee) for callee in called(symbol)} & SQL)
        or symbol.partition(":")[0] in WITHOUT_SQL
    )


def test_the_document_has_the_flows() -> None:
    assert set(re.findall(r"^### (.*)$", section("The flows"), re.MULTILINE)) == FLOWS


@pytest.mark.parametrize("flow", sorted(FLOWS))
def test_each_function_of_a_flow_calls_the_next(flow: str) -> None:
    pairs = [(before.symbol, after) for chain in chains(flow) for before, after in pairwise(chain)]

    assert pairs
    assert [fault for before, after in pairs for fault in breaks(before, after)] == []


@pytest.mark.parametrize("flow", sorted(FLOWS))
def test_a_flow_begins_at_the_edge_and_each_chain_ends_where_something_is_done(flow: str) -> None:
    seen: set[str] = set()
    for first, *rest in chains(flow):
        edge = first.symbol.startswith("app.api.") or first.symbol == "app.runtime.loop:Loop.run"
        assert edge or first.symbol in seen, f"{first.symbol} is no edge, and no chain before it has it"
        assert ends(rest[-1].symbol), f"{rest[-1].symbol} does nothing itself"
        seen |= {later.symbol for later in (first, *rest)}
