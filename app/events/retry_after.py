"""The header Retry-After: a number of seconds, or a date."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_SECONDS: Final = 86_400
"""A receiver whose clock is wrong must not stop its endpoint for years."""
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def seconds(header: str, now: datetime) -> int:
    """Return the wait that the header asks for, at most LONGEST_SECONDS; 0 for other text."""
    text = header.strip()
    if _DIGITS.fullmatch(text):
        return min(int(text), LONGEST_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    wait = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return int(min(max(0, wait), LONGEST_SECONDS))
