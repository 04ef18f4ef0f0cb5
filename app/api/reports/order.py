"""What the caller of a report asks for: accounts, asset, times, and how the sums are divided."""

import re
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import Query, Request
from pydantic import AfterValidator

from app.api import fields, parameters
from app.api.reports import csv_file
from app.db import Db
from app.domain import accounts, ledger, reports
from app.domain.access import EVERYTHING, Reach
from app.domain.refusals import Invalid
from app.domain.reports import Grouping, ReportFilter, Selection

_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}", re.ASCII)


def zone_of(name: str) -> tzinfo:
    """Return the time zone of a name; ValueError where there is none."""
    if name in ("", "UTC"):
        return UTC
    try:
        if _ZONE.fullmatch(name):
            return ZoneInfo(name)
    except (OSError, LookupError):  # a folder of zones; no such file
        pass
    raise ValueError("it is a time zone such as Europe/Berlin")


def _zone(name: str) -> str:
    zone_of(name)
    return name


def _kind(name: str) -> str:
    if name and name not in ledger.ENTRY_KINDS:
        raise ValueError("it is a kind of entries such as TRANSFER")
    return name


Zone = Annotated[
    str,
    Query(alias="timezone", max_length=64, description="Whose days and months: `Europe/Berlin`; UTC without"),
    AfterValidator(_zone),
]
GroupBy = Annotated[
    Literal["", "day", "month", "account", "account,day", "account,month"],
    Query(description="A row for each day or month, for each account, or for both; without it one for all"),
]
Account = Annotated[
    str,
    Query(max_length=fields.MAX_LABEL, description="Only this account's"),
    AfterValidator(fields.decoded),
]
Prefix = Annotated[
    str,
    Query(max_length=fields.MAX_LABEL, description="Only those of accounts whose names begin so"),
    AfterValidator(fields.decoded),
]
Asset = Annotated[str, Query(max_length=32, description="Only this asset's"), AfterValidator(fields.decoded)]
Kind = Annotated[
    str, Query(max_length=64, description="Only entries of this kind: `TRANSFER`"), AfterValidator(_kind)
]
Bucket = Annotated[
    Literal["", "available", "incoming", "held", "outgoing"], Query(description="Only what this bucket did")
]


Format = Annotated[
    Literal["", "json", "csv"],
    Query(alias="format", description="`csv`: all of it as a file, as with `Accept: text/csv`"),
]


class Filters(NamedTuple):
    """Which postings are asked for; an empty text is any, None no bound."""

    account: str = ""
    prefix: str = ""
    asset: str = ""
    start: datetime | None = None
    end: datetime | None = None


async def filters(
    account: Account = "",
    prefix: Prefix = "",
    asset: Asset = "",
    start: parameters.Start = None,
    end: parameters.End = None,
) -> Filters:
    """Read which postings a report is about."""
    return Filters(account, prefix, asset, start, end)


async def grouping(group_by: GroupBy = "", zone: Zone = "") -> Grouping:
    """Read how a report is divided."""
    return grouping_of(group_by, zone)


async def listed(kind: Kind = "", bucket: Bucket = "") -> ReportFilter:
    """Read which of the postings behind a report are listed."""
    return ReportFilter(kind, bucket)


async def is_csv(request: Request, kind: Format = "") -> bool:
    """Whether the answer is to be CSV: `format` says so, or else `Accept`."""
    return kind == "csv" or (not kind and csv_file.MEDIA_TYPE in request.headers.get("accept", ""))


def grouping_of(group_by: str, zone: str) -> Grouping:
    """Return how a report is divided by `account,day`."""
    parts = set(group_by.split(","))
    return Grouping(next(iter(parts & {"day", "month"}), ""), "account" in parts, zone_of(zone))


async def selection(db: Db, wanted: Filters, reach: Reach = EVERYTHING) -> Selection:
    """Return what the report is about; refuses what does not exist, or is beyond the caller's reach."""
    if wanted.account and wanted.prefix:
        raise Invalid(reason="A report is of an account or of a prefix, not of both.", field="prefix")
    if wanted.account:
        reach.require(wanted.account, "account")
        await accounts.fetch(db, wanted.account)
    if wanted.asset:
        await ledger.fetch_asset(db, wanted.asset)
    now = await reports.as_of(db)
    names = frozenset([wanted.account]) if wanted.account else frozenset[str]()
    return Selection(
        end=min(wanted.end or now, now),
        start=wanted.start,
        asset=wanted.asset or None,
        reach=reach,
        wanted=Reach(names, wanted.prefix),
        currency=await reports.main_currency(db),
    )
