from datetime import UTC, datetime

import pytest

from app.events import retry_after

NOW = datetime(2026, 11, 21, 7, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("0", 0),
        ("999999999", 86_400),
        ("9" * 30, 0),
        ("Sat, 21 Nov 2026 07:02:00 GMT", 120),
        ("Saturday, 21-Nov-26 07:00:30 GMT", 30),
        ("Sat Nov 21 07:00:10 2026", 10),
        ("Sat, 21 Nov 2026 06:00:00 GMT", 0),
        ("Mon, 21 Nov 2044 07:00:00 GMT", 86_400),
        ("Sat, 99 Nov 2026 07:02:00 GMT", 0),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_a_wait_is_read_as_seconds_or_a_date_and_never_longer_than_a_day(header: str, seconds: int) -> None:
    assert retry_after.seconds(header, NOW) == seconds
