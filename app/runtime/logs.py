"""The program's log on standard error: one line an event, without secrets and bodies."""

import logging
import sys

QUIET = ("httpx", "httpcore", "asyncio", "uvicorn.error", "alembic", "amqtt", "transitions")
"""Libraries that log too much below a warning: httpx logs whole URLs, and a URL may hold a token."""


def configure(level: str) -> None:
    """Log what is at `level` (debug, info, warning, error) or above."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-8s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    )
    logging.basicConfig(level=level.upper(), handlers=[stream], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
