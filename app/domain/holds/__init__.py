"""Holds: money of an account set aside, released or captured."""

from app.domain.holds.hold import (
    AVAILABLE,
    FETCH,
    HELD,
    LONGEST_SECONDS,
    PLACE,
    Hold,
    NewHold,
    NoSuchHold,
    by_ids,
    captured,
    clock,
    created,
    expired,
    lock,
    page,
    place,
    released,
    shown,
    within,
    write,
)
from app.domain.holds.release import ANY_LATE, CAPTURE, RELEASE, Capture, Release, capture, expire
