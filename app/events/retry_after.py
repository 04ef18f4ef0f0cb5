"""How long a receiver asks to be left alone: the answer's `Retry-After`, in seconds or as an HTTP date (RFC 9110, 10.2.3)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_SECONDS: Final = 86_400
"""More is not granted: a receiver that is wrong about the date shall not silence its endpoint for years."""
_SECONDS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def seconds(header: str, now: datetime) -> int:
    """Return what the header asks for, 0 to LONGEST_SECONDS; 0 where it says nothing that can be understood."""
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return min(int(text), LONGEST_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    wait = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return int(min(max(0, wait), LONGEST_SECONDS))
