"""What a start loads, and what it leaves to those who use it."""

import subprocess
import sys
from typing import Final

SERVING: Final = "import app.cli.serve, app.run, sys; print(*sys.modules)"
ONLY_WHERE_USED: Final = {
    "PIL": "codes that are painted",
    "aiomqtt": "a broker",
    "alembic": "a schema of an older version",
    "amqtt": "the demo's broker",
    "bip_utils": "a seed that is opened",
    "devnet": "a test network",
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
