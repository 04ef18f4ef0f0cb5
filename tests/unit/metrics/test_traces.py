"""Traces: a collector hears of each answer and each commit, and of no path, header or body."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.batching.group_commit import GroupCommit
from app.metrics.process import ProcessMetrics
from app.metrics.scrape import Scrape
from app.metrics.traces import Traces
from tests import scenario

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """A collector of this test's own: its URL, and the spans that it has got."""
    spans: list[Span] = []

    class Collecting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collecting) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()
        thread.join()


async def call(engine: AsyncEngine, traces: Traces) -> httpx.Response:
    """Open an account through the API, as a caller with a trace of its own."""
    process = ProcessMetrics()
    process.observers.traces = traces
    commits = GroupCommit(engine, scenario.INSTALLATION, lambda _: None, observe=process.observers.committed)
    api = replace(context.of(engine, commits), scrape=Scrape(process, engine))
    ids = map(str, itertools.count())
    transport = httpx.ASGITransport(application.admin(api, lambda: next(ids)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "authorization": "Bearer hush"}
        return await client.post("/account/secretive", json={"name": "hush"}, headers=headers)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_collector_hears_of_answers_and_commits_and_of_nothing_else(engine: AsyncEngine) -> None:
    await scenario.make_ready(engine)
    with collector() as (url, spans):
        traces = Traces(url)
        opened = await call(engine, traces)
        await asyncio.to_thread(traces.close)

    assert opened.status_code == 200
    by_name = {span.name: span for span in spans}
    answer, commit = by_name["POST /account/{foreign_id}"], by_name["commit account"]
    assert (answer.trace_id.hex(), answer.parent_span_id.hex()) == (TRACE, PARENT)
    attributes = {pair.key: pair.value.string_value or pair.value.int_value for pair in answer.attributes}
    assert attributes["http.response.status_code"] == 200
    assert attributes["http.route"] == "/account/{foreign_id}"
    assert answer.start_time_unix_nano < commit.end_time_unix_nano <= answer.end_time_unix_nano
    assert all(word not in str(spans) for word in ("secretive", "hush"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_collector_that_is_not_there_delays_nothing(engine: AsyncEngine) -> None:
    await scenario.make_ready(engine)
    traces = Traces("http://127.0.0.1:1")

    async with asyncio.timeout(30):
        opened = await call(engine, traces)
        await asyncio.to_thread(traces.close)

    assert opened.status_code == 200
