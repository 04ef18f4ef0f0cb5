"""What a process says of itself: answers by route, commits, locks, connections, loops and its event loop."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app import run
from app.api import application, context
from app.batching.group_commit import GroupCommit
from app.config import sources
from app.db.database import Database
from app.metrics.process import ProcessMetrics
from app.metrics.scrape import Scrape
from app.runtime.loop import LoopHealth
from tests import scenario
from tests.exposition import figures, named
from tests.unit.test_run import ANYWHERE

ROOT = Path(__file__).parents[3]
NOT_WITHOUT_A_NODE = ("kennel_node_height", "kennel_chain_lag_blocks")
SHOP = 'listener="admin",method="POST",route="/account/{foreign_id}"'


@pytest.fixture
async def process() -> ProcessMetrics:
    return ProcessMetrics()


@pytest.fixture
async def admin(engine: AsyncEngine, process: ProcessMetrics) -> AsyncIterator[httpx.AsyncClient]:
    await scenario.make_ready(engine)
    process.watch_pool("admin", engine, 40)
    commits = GroupCommit(engine, scenario.INSTALLATION, lambda _: None, observe=process.observers.committed)
    api = replace(context.of(engine, commits), scrape=Scrape(process, engine))
    ids = map(str, itertools.count())
    transport = httpx.ASGITransport(application.admin(api, lambda: next(ids)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def asked(admin: httpx.AsyncClient) -> Mapping[str, float]:
    answer = await admin.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=1.0.0")
    return figures(answer.text)


async def test_answers_are_counted_by_the_route_and_never_by_the_path(admin: httpx.AsyncClient) -> None:
    for name in ("one", "two", "three"):
        await admin.post(f"/account/{name}", json={})
    await admin.post("/account/four", content="nonsense")
    await admin.get("/nowhere/7")
    await admin.request("BREW", "/account/one")

    figure = await asked(admin)

    count = "kennel_http_answer_seconds_count"
    assert figure[f'{count}{{{SHOP},status="200"}}'] == 3
    assert figure[f'{count}{{{SHOP},status="400"}}'] == 1
    assert figure[f'{count}{{listener="admin",method="GET",route="other",status="404"}}'] == 1
    assert [name for name in figure if "nowhere" in name or "BREW" in name or "three" in name] == []


async def test_a_commit_is_observed_with_its_size_and_its_locks(admin: httpx.AsyncClient) -> None:
    await asyncio.gather(*(admin.post(f"/account/shop{n}", json={}) for n in range(5)))
    await admin.post("/assets", json={"code": "gold", "name": "Gold", "decimals": 2})
    topup = {"type": "TOPUP", "asset": "gold", "amount": "1"}
    await admin.post("/account/shop1/transact", json=topup, headers={"Idempotency-Key": "1"})

    figure = await asked(admin)

    accounts = 'command="account"'
    assert figure[f"kennel_commit_requests_sum{{{accounts}}}"] == 5
    assert 1 <= figure[f"kennel_commit_requests_count{{{accounts}}}"] <= 5
    assert figure[f"kennel_commit_seconds_sum{{{accounts}}}"] > 0
    assert figure["kennel_ledger_lock_seconds_count"] >= 1


async def test_what_an_audit_found_shows_once_there_was_one(admin: httpx.AsyncClient) -> None:
    before = await asked(admin)
    await admin.get("/audit")
    after = await asked(admin)

    assert "kennel_audit_sample_ok" not in before
    assert after["kennel_audit_sample_ok"] == 1
    assert after["kennel_audit_sample_timestamp_seconds"] > before["process_start_time_seconds"]


async def test_connections_and_loops_are_as_they_are(
    admin: httpx.AsyncClient, process: ProcessMetrics
) -> None:
    process.health.loops["follow"] = LoopHealth("running")
    process.health.loops["send"] = LoopHealth("stopped", "there is no seed")

    figure = await asked(admin)

    assert figure['kennel_loop_running{loop="follow"}'] == 1
    assert figure['kennel_loop_running{loop="send"}'] == 0
    assert figure['kennel_pool_limit_connections{pool="admin"}'] == 40
    assert figure['kennel_pool_used_connections{pool="admin"}'] == 0


async def test_the_event_loop_says_how_late_it_was(process: ProcessMetrics) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(process.observers.watch_event_loop(0.001), 0.5)

    figure = process.registry.get_sample_value("kennel_event_loop_lag_seconds_count")
    assert figure is not None
    assert 0 < figure < 500


async def test_a_process_has_a_listener_for_machines_that_asks_for_no_token(
    database: str, tmp_path: Path
) -> None:
    settings = {
        **ANYWHERE,
        "KENNEL_HOME": str(tmp_path),
        "KENNEL_ROLES": "follow",
        "KENNEL_METRICS_BIND": "127.0.0.1:0",
        "KENNEL_ADMIN_TOKEN": "such-token-of-many-characters",
    }
    async with (
        run.running(sources.read(settings), Database(database)) as running,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.metrics}") as client,
    ):
        answers = {path: await client.get(path) for path in ("/health", "/ready", "/metrics", "/accounts")}
        others = await client.get("/metrics", headers={"Host": "evil.example"})

    assert [answer.status_code for answer in answers.values()] == [200, 200, 200, 404]
    assert 'kennel_loop_running{loop="follow"} 1.0' in answers["/metrics"].text
    assert 'kennel_pool_limit_connections{pool="loops"} 12.0' in answers["/metrics"].text
    assert others.status_code == 403


async def test_the_document_names_each_figure_that_there_is(admin: httpx.AsyncClient) -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text()
    cells = re.findall(r"^\| `(kennel_[^|]*)\|", text, re.MULTILINE)
    documented = set()
    for cell in cells:
        first, *others = re.findall(r"`?(k?[a-z_]+)(?:\{[a-z,]*\})?`", f"`{cell}")
        documented |= {
            first,
            *(name if name.startswith("kennel") else "kennel_mempool" + name for name in others),
        }

    exposed = named((await admin.get("/metrics")).text)

    of_kennel = {name for name in exposed if name.startswith("kennel_")}
    assert {*of_kennel, *NOT_WITHOUT_A_NODE} == documented
