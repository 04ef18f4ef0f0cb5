"""Statements as PostgreSQL itself has parsed them: every function, operator and column is resolved."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import asyncpg

_TOKEN = re.compile(r"[{}()]|(?:\\.|[^\s{}()\\])+", re.DOTALL)
_PRINTING = "SET debug_print_parse = on; SET debug_pretty_print = off; SET client_min_messages = log"
_TAGS_OF_15 = {"CASE": "CASEEXPR", "COALESCE": "COALESCEEXPR", "RTE": "RANGETBLENTRY"}
"""How PostgreSQL 15 calls nodes, and how later versions do."""
_RANK = "isv"
"""IMMUTABLE, STABLE, VOLATILE."""


@dataclass(slots=True)
class Node:
    """A node of a parse tree: what PostgreSQL prints as `{TAG :field value ...}`."""

    tag: str
    fields: dict[str, list[Any]] = field(default_factory=dict)

    def number(self, *names: str) -> int:
        """Return the first of these fields that is there; 0 for none."""
        return next((int(self.fields[name][0]) for name in names if name in self.fields), 0)

    def all(self, *, without: Collection[str] = (), subqueries: bool = True) -> Iterator["Node"]:
        """Yield the node and all below it, but for those of the fields `without`, and of queries below."""
        yield self
        for name, values in self.fields.items():
            if name not in without:
                yield from _within(values, without, subqueries=subqueries)

    def part(self, *names: str, subqueries: bool = True) -> Iterator["Node"]:
        """Yield all nodes of these fields."""
        for name in names:
            yield from _within(self.fields.get(name, ()), (), subqueries=subqueries)


def _within(values: Any, without: Collection[str], *, subqueries: bool) -> Iterator[Node]:
    for value in values:
        if isinstance(value, Node):
            if subqueries or value.tag != "QUERY":
                yield from value.all(without=without, subqueries=subqueries)
        elif isinstance(value, list):
            yield from _within(value, without, subqueries=subqueries)


def parsed(text: str) -> Node:
    """Read a tree as PostgreSQL has printed it."""
    root: list[Any] = []
    stack: list[tuple[Node | None, list[Any]]] = [(None, root)]
    tokens = iter(_TOKEN.findall(text))
    for token in tokens:
        node, values = stack[-1]
        if token == "{":
            tag = next(tokens)
            below = Node(_TAGS_OF_15.get(tag, tag))
            values.append(below)
            stack.append((below, []))
        elif token == "(":
            inner: list[Any] = []
            values.append(inner)
            stack.append((None, inner))
        elif token in "})":
            stack.pop()
        elif token.startswith(":") and node is not None:
            stack[-1] = (node, node.fields.setdefault(token[1:], []))
        else:
            values.append(token)
    tree = root[0]
    return tree if isinstance(tree, Node) else tree[0]


class Catalogue(NamedTuple):
    """What a database says of its functions, operators, types and relations, by their OIDs."""

    functions: Mapping[int, tuple[str, str]]  # the name, and how volatile
    types: Mapping[int, tuple[int, int]]  # the functions that read and write its text
    relations: Mapping[int, str]

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> Self:
        """Read it."""
        functions = await connection.fetch(
            "SELECT oid, proname::text, provolatile::text AS volatility FROM pg_proc"
        )
        types = await connection.fetch("SELECT oid, typinput::oid, typoutput::oid FROM pg_type")
        relations = await connection.fetch("SELECT oid, relname::text FROM pg_class")
        return cls(
            {row["oid"]: (row["proname"], row["volatility"]) for row in functions},
            {row["oid"]: (row["typinput"], row["typoutput"]) for row in types},
            {row["oid"]: row["relname"] for row in relations},
        )

    def function(self, node: Node) -> str:
        """Return the name of the function that a node calls; "" where it calls none."""
        return self.functions.get(_called(node), ("", ""))[0]

    def relation(self, node: Node) -> str:
        """Return the name of the table or view that a node of the range table reads; "" for any other."""
        table = node.tag == "RANGETBLENTRY" and node.fields["rtekind"] == ["0"]
        return self.relations[node.number("relid")] if table else ""

    def volatility(self, node: Node) -> str:
        """Return how volatile what the node itself does is: `i`, `s` or `v`."""
        if node.tag == "SQLVALUEFUNCTION":
            return "s"
        if node.tag == "NEXTVALUEEXPR":
            return "v"
        called = [_called(node)]
        if node.tag == "COERCEVIAIO":
            _, output = self.types.get(_type_of(node.fields["arg"][0]), (0, 0))
            called = [self.types[node.number("resulttype")][0], output]
        return max((self.functions.get(oid, ("", "i"))[1] for oid in called), key=_RANK.index)


def _called(node: Node) -> int:
    return node.number("funcid", "opfuncid", "aggfnoid", "winfnoid")


def _type_of(node: Node) -> int:
    return node.number(
        "vartype", "paramtype", "consttype", "funcresulttype", "opresulttype", "resulttype", "aggtype"
    )


class Parser:
    """A connection that prints how PostgreSQL parses a statement."""

    def __init__(self, connection: asyncpg.Connection, catalogue: Catalogue) -> None:
        self.connection = connection
        self.catalogue = catalogue
        self._printed: list[str] = []
        connection.add_log_listener(self._hear)

    @classmethod
    async def on(cls, connection: asyncpg.Connection) -> Self:
        """Begin to print on this connection, which nobody else uses."""
        parser = cls(connection, await Catalogue.read(connection))
        await connection.execute(_PRINTING)
        return parser

    async def tree(self, statement: str) -> Node:
        """Return the tree of a statement, which is not run."""
        self._printed.clear()
        await self.connection.prepare(statement)
        return parsed(self._printed[0])

    def _hear(self, _: object, notice: Any) -> None:
        if notice.message == "parse tree:":
            self._printed.append(notice.detail)
