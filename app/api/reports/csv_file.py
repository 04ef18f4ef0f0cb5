"""CSV as files: rows as RFC 4180 has them, and no cell that a spreadsheet calculates."""

import csv
import io
import re
import unicodedata
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from starlette.responses import Response, StreamingResponse

MEDIA_TYPE: Final = "text/csv"
_FORMULA: Final = frozenset("=+-@")
_BEGINNINGS: Final = re.compile(r"['\s]")
"""Cells that begin so are escaped too: with an apostrophe, so that no cell looks like an escaped one; with
white space, because spreadsheets calculate what stands behind it."""
_AMOUNT: Final = re.compile(r"-[0-9]{1,40}(\.[0-9]{1,18})?", re.ASCII)


def response(name: str, content: AsyncIterator[bytes]) -> Response:
    """Answer with a file; its name is safe in a header and in a folder."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(
        content, media_type=f"{MEDIA_TYPE}; charset=utf-8; header=present", headers=headers
    )


def text(rows: Iterable[Sequence[str]]) -> bytes:
    """Write rows."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def safe(cell: str) -> str:
    """Put an apostrophe before a cell that a spreadsheet would calculate; without it the cell is as it was.

    Spreadsheets read `=` and the like in any width; their compatibility form (NFKC) is the same.
    """
    formula = unicodedata.normalize("NFKC", cell[:1]) in _FORMULA
    return f"'{cell}" if formula or _BEGINNINGS.match(cell) else cell


def safe_or_amount(cell: str) -> str:
    """Do the same, but let a plain number below zero be one."""
    return cell if _AMOUNT.fullmatch(cell) else safe(cell)
