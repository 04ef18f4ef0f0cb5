"""What each process has of the settings where there are several: roles, connections, limits."""

from typing import Any, Final

from app.config.settings import Settings

DIVIDED: Final = ("admin_connections", "public_connections", "public_requests", "public_streams")
"""What the installation has in all; what one address may take is the same at each worker."""


def of_worker(settings: Settings, node_url: str) -> Settings:
    """Return the settings of a worker, which asks this node."""
    limits = {name: -(-getattr(settings, name) // settings.workers) for name in DIVIDED}
    return _process(settings, roles=frozenset({"http"}), node_url=node_url, **limits)


def of_loops(settings: Settings) -> Settings:
    """Return the settings of the process that does everything but HTTP."""
    return _process(settings, roles=settings.roles - {"http"})


def _process(settings: Settings, **others: Any) -> Settings:
    """Give the process its part of the connections."""
    connections = settings.database_connections // (settings.workers + 1)
    return settings.model_copy(update={"database_connections": connections, **others})
