"""Every kind of entry that the code makes has a type in the statement."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain import ledger
from app.domain.ledger import statement
from app.domain.ledger.statement import Leg

DOMAIN = Path(statement.__file__).parents[1]
MAKERS = ("Entry", "InvoiceTransfer", "EntryGroup", "replace")
KIND = re.compile(r"[A-Z]+(_[A-Z]+)*")


def strings(node: ast.AST) -> Iterator[str]:
    yield from (
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def kinds() -> set[str]:
    """The kinds that stand as a word where an entry is made, and the steps of payments."""
    kinds_made: set[str] = set()
    for path in DOMAIN.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and called(node) in MAKERS:
                arguments = [
                    *node.args[:1],
                    *(keyword.value for keyword in node.keywords if keyword.arg == "kind"),
                ]
                kinds_made |= {
                    text for value in arguments if isinstance(value, ast.Constant) for text in strings(value)
                }
            if isinstance(node, ast.Call) and called(node) == "give_back":
                kinds_made |= {f"PAYMENT_{text.upper()}" for text in strings(node.args[0])}
    return {kind for kind in kinds_made if KIND.fullmatch(kind)}


def test_every_kind_that_is_written_where_an_entry_is_made_is_known() -> None:
    assert {"PAYFROM", "REFUND", "SPENT_BEFORE_RECOVERY", "PAYMENT_VOIDED"} <= kinds()
    assert kinds() - ledger.ENTRY_KINDS == set()


@pytest.mark.parametrize(
    ("leg", "type_"),
    [
        (Leg("ESCROW_RELEASE", "held", -5), "ESCROW_RELEASE"),
        (Leg("ESCROW_RELEASE", "available", 5), "SALE_CREDIT"),
        (Leg("ESCROW_RELEASE", "available", -1), "FEE_DEBIT"),
        (Leg("ESCROW_RELEASE", "available", 1, "platform"), "FEE_CREDIT"),
        (Leg("ESCROW_RESOLVE", "available", 5, "seller"), "SALE_CREDIT"),
        (Leg("ESCROW_RESOLVE", "available", 5, "buyer"), "REFUND"),
        (Leg("ESCROW_LOCK", "available", -5), "ESCROW_LOCK"),
        (Leg("ESCROW_LOCK", "available", 5), "RELEASE"),
        (Leg("HOLD_EXPIRED", "held", -5), "RELEASE"),
        (Leg("NEWS", "held", -5), "NEWS"),
    ],
)
def test_a_line_has_the_type_of_its_side(leg: Leg, type_: str) -> None:
    assert statement.type_of(leg) == type_
