"""The log as JSON: a line an event, each with the request that it belongs to."""

import asyncio
import itertools
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.batching.group_commit import GroupCommit
from app.db import Db
from app.db.engine import open_engine
from app.domain.commands import Command
from app.domain.installation import Installation
from app.domain.refusals import Refusal
from app.runtime import logs
from tests import scenario

LOG = logging.getLogger("app.test")


class Lines(logging.Handler):
    """Keeps the lines that the formatter writes where the record is made."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logs.JsonLines())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_a_line_is_an_object_with_a_time_a_level_and_a_message() -> None:
    words = (7, 'late\n"\udc80"')  # not logged: what runs tests in parallel sends logged lines as UTF-8
    record = LOG.makeRecord(LOG.name, logging.WARNING, __file__, 1, "block %d is %s", words, None)

    line = logs.JsonLines().format(record)

    members = json.loads(line)
    assert "\n" not in line
    assert members["message"] == 'block 7 is late\n"?"'
    assert (members["level"], members["logger"]) == ("warning", "app.test")
    assert members["time"].endswith("+00:00")
    assert "request_id" not in members


def test_a_traceback_is_in_its_line(lines: Lines) -> None:
    LOG.error("it failed", exc_info=ZeroDivisionError("nothing is divided"))

    [line] = lines.lines
    assert "nothing is divided" in json.loads(line)["traceback"]


async def test_a_line_of_a_request_has_the_id_of_its_answer(lines: Lines, tmp_path: Path) -> None:
    engine = open_engine(f"postgresql+asyncpg://kennel@/kennel?host={tmp_path}")
    ids = map(str, itertools.count(41))
    transport = httpx.ASGITransport(
        application.admin(context.of(engine, scenario.commits(engine)), lambda: next(ids))
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answers = await asyncio.gather(*(client.get("/assets") for _ in range(3)))

    await engine.dispose()
    logged = {json.loads(line)["request_id"] for line in lines.lines}
    assert logged == {answer.headers["x-request-id"] for answer in answers}
    assert len(logged) == 3


async def test_a_commit_of_many_requests_has_the_id_of_none(engine: AsyncEngine, lines: Lines) -> None:
    async def run(db: Db, requests: object, installation: Installation) -> list[Refusal]:
        LOG.warning("together")
        return [Refusal()]

    async def load(db: Db, ids: object, installation: Installation) -> dict[str, str]:
        return {}

    logs.request_id.set("of the first")
    with pytest.raises(Refusal):
        await GroupCommit(engine, scenario.INSTALLATION, lambda _: None).submit(
            Command("test", run, load, str), "request"
        )

    [line] = lines.lines
    assert "request_id" not in json.loads(line)
