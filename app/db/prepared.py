"""Statements that are made once, as the driver takes them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import asyncpg as driver

Row = Mapping[str, Any]
Statement = sa.Select[Any] | sa.CompoundSelect[Any] | sa.UpdateBase | sa.TextClause | sa.TextualSelect

_DIALECT: Final = driver.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no type for it


class Prepared:
    """A statement that is made once. Its text stays the same, so PostgreSQL plans it once for a connection.

    Making a statement and running it by SQLAlchemy takes five to ten times as long as the driver alone.
    """

    def __init__(self, statement: Statement) -> None:
        self.statement = statement

    @cached_property
    def driven(self) -> "Driven":
        """As the driver takes it; made when it is first used, so that a start does not wait for it."""
        compiled = self.statement.compile(dialect=_DIALECT)
        names: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        binds: Mapping[str, sa.BindParameter[Any]] = getattr(compiled, "binds", {})
        writers = [binds[name].type.dialect_impl(_DIALECT).bind_processor(_DIALECT) for name in names]
        return Driven(str(compiled), tuple(names), tuple(writers), dict(compiled.params))


class Driven(NamedTuple):
    """A statement's text, the order of its parameters, how each is written, and the values that some have."""

    text: str
    names: tuple[str, ...]
    writers: tuple[Any, ...]
    values: Mapping[str, Any]

    def arguments(self, parameters: Row) -> list[Any]:
        """Return the parameters in order."""
        values = {**self.values, **parameters}
        return [
            values[name] if write is None else write(values[name])
            for name, write in zip(self.names, self.writers, strict=True)
        ]
