"""The database: its engine; beside it set-based statements (`bulk`), COPY, the tables and the migrations."""

from app.db.engine import (
    LOCK_NOT_AVAILABLE,
    QUERY_CANCELED,
    RETRIED,
    Db,
    Row,
    observe_timed,
    reads,
    serialization_failure,
    sqlstate,
    timed,
)
