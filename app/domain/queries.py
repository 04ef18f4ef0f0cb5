"""A query answers many callers in one statement, each with what its key names."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.db import ReadDb
from app.domain.installation import Installation
from app.domain.refusals import Refusal

Key = TypeVar("Key", bound=Hashable)
Resource = TypeVar("Resource")


@dataclass(frozen=True, slots=True, eq=False)
class Query(Generic[Key, Resource]):
    """`fetch_many` returns for each key, in order, what it names now, or a refusal; no key comes twice."""

    kind: str
    fetch_many: Callable[[ReadDb, Sequence[Key], Installation], Awaitable[Sequence[Resource | Refusal]]]
