"""The program's log on standard error: one line an event, as text or as JSON, without secrets and bodies."""

import logging
import os
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

import orjson

QUIET = ("httpx", "httpcore", "asyncio", "uvicorn.error", "alembic", "amqtt", "transitions", "opentelemetry")
"""Libraries that log too much below a warning: httpx logs whole URLs, and a URL may hold a token."""
TEXT: Final = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is answered here, as its answer has it in `x-request-id`; empty in loops."""


class JsonLines(logging.Formatter):
    """One JSON object a line: when, how grave, who says what, in which process, and for which request."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record; a traceback is a member too, so that each line is whole."""
        members = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _text(record.getMessage()),
            "process": os.getpid(),
        }
        if request := request_id.get():
            members["request_id"] = request
        if record.exc_info:
            members["traceback"] = _text(self.formatException(record.exc_info))
        return orjson.dumps(members).decode()


def _text(text: str) -> str:
    """Replace what is half a character, and so no text: JSON cannot hold it."""
    return text.encode(errors="replace").decode()


def configure(level: str, form: str = "text") -> None:
    """Log what is at `level` (debug, info, warning, error) or above, as `text` or `json`."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(JsonLines() if form == "json" else logging.Formatter(TEXT, "%Y-%m-%dT%H:%M:%S%z"))
    logging.basicConfig(level=level.upper(), handlers=[stream], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
