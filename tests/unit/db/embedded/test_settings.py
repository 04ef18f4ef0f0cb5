from pathlib import Path

import pytest

from app.db.embedded import settings
from app.db.embedded.settings import of_memory

GB = 1024**3


@pytest.mark.parametrize(
    ("memory_bytes", "buffers"), [(GB // 4, "128MB"), (GB, "128MB"), (4 * GB, "512MB"), (64 * GB, "4096MB")]
)
def test_postgresql_gets_an_eighth_of_the_memory_within_bounds(memory_bytes: int, buffers: str) -> None:
    assert of_memory(memory_bytes)["shared_buffers"] == buffers


def test_what_may_lie_in_memory_is_at_least_what_is_kept_there() -> None:
    assert of_memory(GB // 4)["effective_cache_size"] == "256MB"


@pytest.mark.parametrize(
    ("limit", "expected"), [("536870912\n", 512 * 1024**2), ("max\n", None), (f"{2**62}\n", None)]
)
def test_a_containers_limit_counts_where_it_is_less(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, expected: int | None
) -> None:
    monkeypatch.setattr(settings, "LIMITS", (tmp_path / "nowhere",))
    machine = settings.memory_bytes()
    (tmp_path / "limit").write_text(limit)
    monkeypatch.setattr(settings, "LIMITS", (tmp_path / "nowhere", tmp_path / "limit"))

    memory = settings.memory_bytes()

    assert memory == (expected or machine)
