"""Lengths of time as settings: a number of minutes, hours or days."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator

_WRITTEN: Final = re.compile(r"0|([1-9][0-9]{0,3})([mhd])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def parse(written: str) -> timedelta:
    """Read `30m`, `12h`, `1d`, or `0`; raises ValueError."""
    match = _WRITTEN.fullmatch(written)
    if match is None:
        raise ValueError
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match[2] else timedelta(0)


Period = Annotated[timedelta, BeforeValidator(parse), "0, or a time such as 30m, 12h or 1d"]
