"""What each listener bears, and what its callers may take, as the settings have it."""

from typing import Final

from app.api.access.request_rates import RequestRates
from app.api.client_address import Proxies
from app.api.client_limits import ClientLimits
from app.config.settings import Settings
from app.runtime import open_files
from app.runtime.http.limits import Limits

PUBLIC_RECEIVE_BYTES: Final = 16 * 1024


def of_connections(settings: Settings) -> tuple[Limits, Limits]:
    """Return what the admin and the public listener bear; the public one has no large requests to receive."""
    wanted = (settings.admin_connections, settings.public_connections)
    admin, public = open_files.shares(wanted, open_files.raise_limit())
    per_address, shared = settings.connections_per_address, settings.workers > 1
    return (
        Limits(connections=admin, connections_per_address=per_address, shares_port=shared),
        Limits(
            connections=public,
            connections_per_address=per_address,
            receive_buffer_bytes=PUBLIC_RECEIVE_BYTES,
            shares_port=shared,
        ),
    )


def of_payers(settings: Settings, connections: int) -> ClientLimits:
    """Return what payers may take; a fourth of the connections stays free of answers that wait."""
    return ClientLimits(
        proxies=Proxies(settings.trusted_proxies or ()),
        requests=settings.public_requests,
        requests_per_address=settings.requests_per_address,
        streams=min(settings.public_streams, connections * 3 // 4),
        streams_per_address=settings.streams_per_address,
    )


def of_callers(settings: Settings) -> RequestRates:
    """Return how often callers of the merchant's API may ask."""
    return RequestRates(settings.requests_per_key, settings.admin_requests_per_address)
