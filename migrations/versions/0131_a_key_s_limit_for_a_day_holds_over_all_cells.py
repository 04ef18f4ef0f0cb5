"""What a key's payments come to is summed up over all cells: its limit for a day holds for all of them together."""

from collections.abc import Iterator

from alembic import op

from app.cells import Cell
from app.db import cell_ddl

revision = "0131"
down_revision = "0130"


def upgrade() -> None:
    cell = cell_ddl.cell()
    cell_ddl.shared(_make_sum)
    if cell.number:
        first = Cell(0, cell.cells)
        op.execute(f"GRANT USAGE ON SCHEMA {cell.schema} TO {first.schema}")
        op.execute(f"GRANT SELECT ON payments TO {first.schema}")


def _make_sum() -> None:
    """Make a function that a cell calls with the rights of the first one: it reads a cell after the other.

    The cells behind the first are migrated later; what it names need not exist yet.
    """
    cell = cell_ddl.cell()
    rights = "SECURITY DEFINER SET search_path = pg_catalog" if cell.cells > 1 else ""
    op.execute(
        f"""CREATE OR REPLACE FUNCTION spent_by_keys(callers text[], since timestamptz)
            RETURNS TABLE (caller text, spent numeric) LANGUAGE plpgsql STABLE {rights} AS $$
            BEGIN {" ".join(_sums(cell.cells))} END
        $$"""
    )


def _sums(cells: int) -> Iterator[str]:
    schemas = [f"{Cell(number, cells).schema}." for number in range(cells)] if cells > 1 else [""]
    for schema in schemas:
        yield f"""RETURN QUERY
            SELECT asked_by, sum(amount + explicit_fee) FROM {schema}payments
            WHERE asked_by = ANY (callers) AND created > since
                AND state NOT IN ('FAILED', 'VOIDED') AND kind <> 'cold'
            GROUP BY asked_by;"""  # noqa: S608  names of schemas
