"""Processes of one program tell each other their figures, and whichever is asked answers for all."""

import asyncio
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from app.metrics.process import ProcessMetrics
from app.metrics.scrape import Scrape, no_node
from app.metrics.siblings import Siblings
from app.runtime.loop import LoopHealth
from tests.exposition import figures

HELP = "# HELP kennel_loop_running"


def process_with(loop: str, commits: int) -> ProcessMetrics:
    process = ProcessMetrics()
    process.health.loops[loop] = LoopHealth("running")
    for _ in range(commits):
        process.observers.committed("account", 2, 0.25)
    return process


async def test_whoever_is_asked_tells_the_figures_of_all_by_the_names_of_the_processes(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    one, two = Siblings(tmp_path, "worker-1"), Siblings(tmp_path, "worker-2")
    asked = Scrape(process_with("streams", 1), engine, no_node, one)
    other = Scrape(process_with("waiters", 3), engine, no_node, two)

    async with one.answering(asked.packed), two.answering(other.packed):
        text = (await asked.text()).decode()
    figure = figures(text)

    count = 'kennel_commit_requests_count{command="account",process="worker-'
    assert (figure[f'{count}1"}}'], figure[f'{count}2"}}']) == (1, 3)
    assert figure['kennel_commit_seconds_bucket{command="account",le="+Inf",process="worker-2"}'] == 3
    assert figure['kennel_loop_running{loop="waiters",process="worker-2"}'] == 1
    assert figure['process_resident_memory_bytes{process="worker-1"}'] > 0
    assert figure['kennel_section_read{section="payments"}'] == 1
    assert text.count(HELP) == 1


async def test_a_process_that_is_dead_or_stands_still_delays_the_others_by_a_second_and_has_no_figures(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    one, over = Siblings(tmp_path, "worker-1"), asyncio.Event()
    asked = Scrape(process_with("streams", 1), engine, no_node, one)
    (tmp_path / "worker-2").touch()

    async def stand_still(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_unix_server(stand_still, tmp_path / "worker-3"):
        figure = figures((await asked.text()).decode())
        over.set()

    assert figure['kennel_loop_running{loop="streams",process="worker-1"}'] == 1
    assert [name for name in figure if "worker-2" in name or "worker-3" in name] == []


async def test_a_process_that_is_killed_while_it_answers_has_no_figures_and_the_others_have_theirs(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    one, whole = Siblings(tmp_path, "worker-1"), Siblings(tmp_path / "apart", "worker-2")
    whole.folder.mkdir()
    asked = Scrape(process_with("streams", 1), engine, no_node, one)
    async with whole.answering(asked.packed):
        reader, writer = await asyncio.open_unix_connection(whole.folder / whole.name)
        answer = await reader.read()
        writer.close()

    def break_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer[:-1])
        writer.close()

    (whole.folder / whole.name).unlink(missing_ok=True)
    whole.folder.rmdir()
    async with await asyncio.start_unix_server(break_off, tmp_path / "worker-2"):
        figure = figures((await asked.text()).decode())

    assert figure['kennel_loop_running{loop="streams",process="worker-1"}'] == 1
    assert [name for name in figure if "worker-2" in name] == []


async def test_a_process_that_starts_again_takes_the_place_of_the_one_that_was_killed(tmp_path: Path) -> None:
    killed, again, other = (Siblings(tmp_path, name) for name in ("loops", "loops", "worker-1"))

    async with killed.answering(lambda: b"before"), again.answering(lambda: b"after"):
        assert await other.others() == {"loops": b"after"}


async def test_where_no_socket_can_be_made_the_process_goes_on_without(tmp_path: Path) -> None:
    nowhere = Siblings(tmp_path / "nowhere", "loops")

    async with nowhere.answering(lambda: b""):
        assert not nowhere.folder.exists()
