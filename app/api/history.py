"""An account's history over HTTP: a list that goes on from its cursor, or all of it as CSV."""

import csv
import io
import re
import unicodedata
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.responses import Response, StreamingResponse

from app.api import fields, parameters, responses
from app.api.context import Given, Program, Reading
from app.domain import accounts, ledger
from app.domain.ledger import StatementCursor, StatementFilter, StatementLine, statement

router = APIRouter()

PORTION: Final = 1_000
"""Rows of CSV that are read at once; between them no connection is held."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = timedelta(microseconds=1)
_KEY: Final = re.compile(r"([0-9]{1,17}) ([A-Za-z0-9_-]{1,32}) ([0-9]{1,18})", re.ASCII)
_FORMULA: Final = frozenset("=+-@")
_BEGINNINGS: Final = re.compile(r"['\s]")
"""A cell that begins so is escaped: with an apostrophe, so that an escaped cell looks like no other, and with white space,
because spreadsheets calculate what stands behind it."""


class HistoryView(responses.View):
    """A posting: what a bucket of the account gave or gained, and held after it."""

    id: str
    entry: int
    type: str
    asset: str
    bucket: str
    debit: str
    credit: str
    balance_after: str
    reference_type: str
    reference_id: str
    created: responses.Time

    @classmethod
    def of(cls, line: StatementLine) -> "HistoryView":
        """Show a line; its id is its asset and its number there."""
        plain: dict[str, Any] = {
            name: getattr(line, name)
            for name in ("entry", "type", "bucket", "debit", "credit", "balance_after")
        }
        place = line.place
        return cls(
            id=f"{place.asset}:{place.seq}",
            asset=place.asset,
            created=place.created,
            reference_type=line.reference_type,
            reference_id=line.reference,
            **plain,
        )


class HistoryPage(responses.View):
    """A page of postings, newest first; where one type is asked for it may be short, and still go on."""

    items: list[HistoryView]
    cursor: str

    @classmethod
    def of(cls, page: ledger.Page) -> "HistoryPage":
        """Show a page."""
        rest = parameters.opaque(_key(page.rest)) if page.rest else ""
        return cls(items=[HistoryView.of(line) for line in page.lines], cursor=rest)


def _key(place: StatementCursor) -> str:
    return f"{(place.created - _EPOCH) // _INSTANT} {place.asset} {place.seq}"


def _place(key: str) -> StatementCursor | None:
    """Read a cursor's key; ForeignCursor for one of another list."""
    if not key:
        return None
    if not (found := _KEY.fullmatch(key)):
        raise parameters.ForeignCursor
    return StatementCursor(_EPOCH + int(found[1]) * _INSTANT, found[2], int(found[3]))


def _type(given: str | None) -> str | None:
    if given and given not in ledger.TYPES:
        raise ValueError(f"it is one of {', '.join(sorted(ledger.TYPES))}")
    return given or None


Type = Annotated[
    str | None,
    Query(alias="type", description="Only postings of this type, such as DEPOSIT"),
    AfterValidator(_type),
]
Asset = Annotated[str, Query(max_length=32, description="Only this asset's"), AfterValidator(fields.decoded)]
Format = Annotated[
    Literal["", "json", "csv"], Query(alias="format", description="`csv`: all that is wanted, as a file")
]


class HistoryQuery(NamedTuple):
    """How much of it is wanted: a page behind a place, or all as CSV."""

    after: StatementCursor | None
    limit: int
    csv: bool


async def _asked(
    cursor: parameters.After = "", limit: parameters.Limit = parameters.DEFAULT_PAGE, shape: Format = ""
) -> HistoryQuery:
    return HistoryQuery(_place(cursor), limit, shape == "csv")


async def _filter(
    asset: Asset = "", kind: Type = None, start: parameters.Start = None, end: parameters.End = None
) -> StatementFilter:
    return StatementFilter(asset or None, kind, start, end)


@router.get(
    "/account/{foreign_id}/history",
    response_model=HistoryPage,
    responses={200: {"content": {"text/csv": {}}}},
    summary="An account's history",
)
async def get_history(
    foreign_id: parameters.ForeignId,
    given: Given,
    db: Reading,
    wanted: Annotated[StatementFilter, Depends(_filter)],
    page: Annotated[HistoryQuery, Depends(_asked)],
) -> Response:
    """Postings, newest first; with `format=csv` all of them, whatever `cursor` and `limit` say."""
    account = await accounts.fetch(db, foreign_id)
    if page.csv:
        await ledger.check_export(db, account.id, wanted)
        return _file(foreign_id, _rows(given, account.id, wanted))
    return responses.show(
        HistoryPage.of(await statement.page(db, account.id, wanted, page.after, page.limit))
    )


def _file(foreign_id: str, content: AsyncIterator[bytes]) -> Response:
    """Send CSV under a name that is safe in a header and in a folder."""
    name = f"history-{quote(foreign_id, safe='')}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(content, media_type="text/csv; charset=utf-8; header=present", headers=headers)


async def _rows(given: Program, account: int, wanted: StatementFilter) -> AsyncIterator[bytes]:
    """Read portion by portion: somebody slow holds no connection."""
    yield _csv([list(HistoryView.model_fields)])
    page = ledger.Page((), None)
    first = True
    while first or page.rest:
        async with given.reads.connect() as db:
            page = await statement.page(db, account, wanted, page.rest, PORTION)
        first = False
        yield _csv(map(_cells, page.lines))


def _cells(line: StatementLine) -> Sequence[str]:
    shown = HistoryView.of(line).model_dump(mode="json")
    return [_safe(str(value)) for value in shown.values()]


def _safe(cell: str) -> str:
    """Keep what a caller wrote from being calculated: whoever takes one apostrophe from a cell's begin has it back.

    Spreadsheets take `=` and its like in any width (their compatibility form is the same).
    """
    formula = unicodedata.normalize("NFKC", cell[:1]) in _FORMULA
    return f"'{cell}" if formula or _BEGINNINGS.match(cell) else cell


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    """Write rows as RFC 4180 has them."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()
