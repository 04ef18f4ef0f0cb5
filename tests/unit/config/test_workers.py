"""What each process of several has of the settings."""

import pytest

from app.config import sources, workers
from app.config.values import SettingsError


def test_workers_share_the_limits_and_the_loops_have_the_other_roles() -> None:
    read = sources.read(
        {"KENNEL_WORKERS": "3", "KENNEL_PUBLIC_STREAMS": "100", "KENNEL_METRICS_BIND": "127.0.0.1:9000"}
    )

    loops, worker = workers.of_loops(read), workers.of_worker(read, "http://user:password@127.0.0.1:1")

    assert (loops.roles, worker.roles) == (frozenset({"follow", "send", "relay"}), frozenset({"http"}))
    assert (loops.database_connections, worker.database_connections) == (10, 10)
    assert (worker.public_streams, worker.streams_per_address) == (34, 100)
    assert (str(loops.metrics_bind), str(worker.metrics_bind)) == ("127.0.0.1:9000", "127.0.0.1:9000")


def test_each_process_must_have_ten_connections() -> None:
    with pytest.raises(SettingsError, match="must be 50 or more with 4 workers"):
        sources.read({"KENNEL_WORKERS": "4"})


def test_each_cell_must_have_ten_connections_in_each_process_and_what_crosses_cells_too() -> None:
    four = {"KENNEL_CELLS": "4", "KENNEL_DATABASE_CONNECTIONS": "50"}

    assert sources.read(four).cells == 4
    with pytest.raises(SettingsError, match="must be 50 or more with 4 cells"):
        sources.read(four | {"KENNEL_DATABASE_CONNECTIONS": "49"})
    with pytest.raises(SettingsError, match="must be 150 or more with 2 workers and 4 cells"):
        sources.read(four | {"KENNEL_WORKERS": "2"})
