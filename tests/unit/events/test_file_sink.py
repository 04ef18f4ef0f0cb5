import errno
import json
import os
import resource
import signal
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import outbox
from app.events import file_sink, sequencer
from app.events.file_sink import File
from app.events.sink_runner import Sink, SinkRunner
from app.runtime.lease import Lease
from tests.unit.events.steps import emit, until

MEGABYTE = 1_000_000


def of(folder: Path, limit_bytes: int = MEGABYTE, older: int = 3) -> Sink:
    return file_sink.sink("loggers.all", File(folder / "logs" / "events.log", limit_bytes, older))


def positions(file: Path) -> list[int]:
    return [json.loads(line)["position"] for line in file.read_text().splitlines()]


async def logged(engine: AsyncEngine, sink: Sink, count: int, batch: int = 10) -> None:
    """Let `count` events happen, in batches of their own, and have all of them logged."""
    await sequencer.prepare(engine, [], [sink])
    runner = SinkRunner(engine, sink, Lease(engine, sink.name, "one"), waits_seconds=(0,))
    for _ in range(0, count, batch):
        await emit(engine, min(batch, count))
        await runner.step()
    await until(runner.step, lambda: not runner.trouble())
    await runner.close()


async def test_every_event_is_a_line_as_webhooks_carry_it(engine: AsyncEngine, tmp_path: Path) -> None:
    await logged(engine, of(tmp_path), 30)

    file = tmp_path / "logs" / "events.log"
    assert positions(file) == list(range(1, 31))
    async with engine.connect() as db:
        page = await outbox.page(db, 0, 100)
    assert file.read_bytes() == b"".join(outbox.envelope(event) + b"\n" for event in page.events)
    assert file.stat().st_mode & 0o777 == 0o640


async def test_a_full_file_is_rotated_and_the_oldest_is_deleted(engine: AsyncEngine, tmp_path: Path) -> None:
    await logged(engine, of(tmp_path, limit_bytes=5_000, older=3), 200)

    folder = tmp_path / "logs"
    files = sorted(folder.iterdir(), key=lambda file: file.name, reverse=True)
    assert [file.name for file in files] == ["events.log.3", "events.log.2", "events.log.1", "events.log"][
        : len(files)
    ]
    assert len(files) == 4
    assert all(file.stat().st_size <= 5_000 for file in files)
    logged_positions = [position for file in files for position in positions(file)]
    assert logged_positions == list(range(logged_positions[0], 201))
    assert logged_positions[0] > 1


async def test_a_crash_while_files_are_rotated_loses_none_of_them(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    await logged(engine, of(tmp_path, limit_bytes=5_000, older=5), 80)
    folder = tmp_path / "logs"
    lines = sorted(line for file in folder.iterdir() for line in positions(file))
    (folder / "events.log.1").rename(folder / "events.log.3")  # it died between two moves

    await logged(engine, of(tmp_path, limit_bytes=5_000, older=5), 20)

    assert sorted(line for file in folder.iterdir() for line in positions(file)) == [*lines, *range(81, 101)]


@pytest.mark.parametrize("half", [b'{"event_type":"ACC_UPD', b'{"' + b"x" * 200_000, b"\0" * 5_000])
async def test_half_a_line_that_a_crash_left_is_cut_off_and_its_event_comes_whole(
    engine: AsyncEngine, tmp_path: Path, half: bytes
) -> None:
    await logged(engine, of(tmp_path), 10)
    file = tmp_path / "logs" / "events.log"
    with file.open("ab") as opened:
        opened.write(half)

    await logged(engine, of(tmp_path), 10)

    assert positions(file) == list(range(1, 21))


async def test_half_a_line_alone_is_cut_off_too_and_a_file_that_is_moved_away_is_begun_anew(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    file = tmp_path / "logs" / "events.log"
    file.parent.mkdir()
    file.write_bytes(b'{"event')
    await logged(engine, of(tmp_path), 10)
    file.rename(tmp_path / "elsewhere")
    await logged(engine, of(tmp_path), 10)

    assert positions(tmp_path / "elsewhere") == list(range(1, 11))
    assert positions(file) == list(range(11, 21))


async def test_a_file_that_cannot_be_written_is_tried_again_and_loses_nothing(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    sink = of(tmp_path)
    (tmp_path / "logs").write_text("a file, where a folder is needed")
    await sequencer.prepare(engine, [], [sink])
    runner = SinkRunner(engine, sink, Lease(engine, sink.name, "one"), waits_seconds=(0,))
    await emit(engine, 5)

    assert not await runner.step()
    assert runner.trouble() == "FileExistsError: File exists"
    (tmp_path / "logs").unlink()
    await until(runner.step, lambda: not runner.trouble())

    assert positions(tmp_path / "logs" / "events.log") == [1, 2, 3, 4, 5]
    await runner.close()


async def test_a_full_disk_leaves_no_half_line_behind(engine: AsyncEngine, tmp_path: Path) -> None:
    sink = of(tmp_path)
    await logged(engine, sink, 10)
    file = tmp_path / "logs" / "events.log"
    limit = file.stat().st_size + 300
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        await emit(engine, 10)
        runner = SinkRunner(engine, sink, Lease(engine, sink.name, "one"), waits_seconds=(0,))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
        moved = await runner.step()
        trouble = runner.trouble()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        signal.signal(signal.SIGXFSZ, handler)

    assert not moved
    assert os.strerror(errno.EFBIG) in trouble
    assert file.stat().st_size == limit
    await until(runner.step, lambda: not runner.trouble())
    assert list(dict.fromkeys(positions(file))) == list(range(1, 21))
    await runner.close()
