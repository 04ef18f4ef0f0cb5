"""How many requests a second each key and each address may send to the merchant's API."""

from typing import Final

from starlette.responses import Response
from starlette.types import Scope

from app.api.client_limits import Rate, too_many
from app.domain.access import ApiKey

PER_KEY: Final = 1_000
PER_ADDRESS: Final = 10_000
FAILURES: Final = 10
"""Wrong tokens and keys of one address in a second; after a quiet time those of four seconds at once."""


class RequestRates:
    """Counts requests, in this process: by key, by address, and those whose token or key is wrong by address."""

    def __init__(self, per_key: int = PER_KEY, per_address: int = PER_ADDRESS) -> None:
        self._per_key = per_key
        self._per_address = per_address
        self._of_addresses = Rate(per_address)
        self._of_failures = Rate(FAILURES)
        self._of_keys: dict[int, Rate] = {}

    def of_address(self, scope: Scope) -> Response | None:
        """Count a request of an address; return the answer to one that is too many."""
        seconds = self._of_addresses.take(scope["client"][0])
        return too_many("one address", f"{self._per_address} requests a second", seconds) if seconds else None

    def of_key(self, key: ApiKey) -> Response | None:
        """Count a request with a key; return the answer to one that is too many."""
        limit = key.requests_per_second or self._per_key
        seconds = self._of_keys.setdefault(limit, Rate(limit)).take(str(key.id))
        return too_many("this key", f"{limit} requests a second", seconds) if seconds else None

    def of_failure(self, scope: Scope) -> Response | None:
        """Count a wrong token or key; return the answer to one that is too many."""
        return _too_many_failures(self._of_failures.take(scope["client"][0]))

    def of_guess(self, scope: Scope) -> Response | None:
        """Return the answer to a key that is not known yet, from an address that has sent too many wrong ones."""
        return _too_many_failures(self._of_failures.wait(scope["client"][0]))


def _too_many_failures(seconds: float) -> Response | None:
    limit = f"{FAILURES} wrong tokens or keys a second"
    return too_many("one address", limit, seconds) if seconds else None
