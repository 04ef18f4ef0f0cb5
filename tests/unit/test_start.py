"""What a start loads, and what it leaves to those who use it."""

import subprocess
import sys
from typing import Final

SERVING: Final = "import app.__main__, app.cli.serve, app.run, sys; print(*sys.modules)"
BUILT: Final = """
import sys
from fastapi import APIRouter
from app.api import application, context, invoices, layers, origins
app = application.build("Kennel", [invoices.busy, invoices.public], str, layers.Face(callers=origins.Callers(frozenset())))
members = [member for name in [*sys.modules] if name.startswith("app.api") for member in vars(sys.modules[name]).values()]
routers = {id(router): router for router in members if isinstance(router, APIRouter)}.values()
assert len(routers) > 40
print([route for router in routers for route in router.routes if "path" in vars(route)])
"""
ONLY_WHERE_USED: Final = {
    "PIL": "codes that are painted",
    "aiomqtt": "a broker",
    "alembic": "a schema of an older version",
    "amqtt": "the demo's broker",
    "bip_utils": "a seed that is opened",
    "devnet": "a test network",
    "jinja2": "a page",
    "httpx": "TLS to a receiver or the node, and the demo",
    "rich": "tables and progress bars",
    "segno": "codes that are painted",
    "typer": "a command line",
    "zmq": "a node that announces",
}


def test_what_serves_http_loads_no_library_before_it_is_used() -> None:
    loaded = subprocess.run([sys.executable, "-c", SERVING], capture_output=True, text=True, check=True)

    modules = loaded.stdout.split()
    assert "app.api.application" in modules
    assert [name for name in modules if name.partition(".")[0] in ONLY_WHERE_USED] == []


def test_no_route_is_built_before_it_is_asked_for() -> None:
    built = subprocess.run([sys.executable, "-c", BUILT], capture_output=True, text=True, check=True)

    assert built.stdout == "[]\n"
