"""The database: its engine; beside it set-based statements (`bulk`), COPY, the tables and the migrations."""

from app.db.engine import (
    FAILURES,
    LOCK_NOT_AVAILABLE,
    QUERY_CANCELED,
    RETRIED,
    Db,
    ReadDb,
    is_outage,
    observe_timed,
    readers,
    reads,
    serialization_failure,
    sqlstate,
    timed,
)
from app.db.prepared import Prepared, Row
from app.db.reading import Reader, Readers
