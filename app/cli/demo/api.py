"""The merchant's API, as the demo's tour and its shop ask it."""

import asyncio
from typing import Any, Final

import httpx

from app.cli.command import CannotBeDone

READY_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 0.25
ACCOUNT: Final = "demo-shop"
ORDER: Final = {
    "items": [
        {"type": "item", "name": "Doge plush", "sku": "PLUSH-1", "value": "24.89", "quantity": 1},
        {"type": "shipping", "name": "To the moon", "value": "5", "quantity": 1},
    ],
    "required_confirmations": 2,
}


class TourEnds(CannotBeDone):
    """The tour cannot go on; one sentence says why."""


class DemoApi:
    """Asks the merchant's API at `url`; `token` opens it, where there is one."""

    def __init__(self, client: httpx.AsyncClient, url: str, token: str = "") -> None:
        self._client = client
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, accepted: int = httpx.codes.OK
    ) -> dict[str, Any]:
        """Return the answer; where the program is starting again, ask for READY_SECONDS at most.

        Raises TourEnds for any status but a success and `accepted`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_SECONDS
        while True:
            try:
                answer = await self._client.request(
                    method, self._url + path, json=body, headers=self._headers
                )
            except httpx.TransportError as error:
                trouble = f"no answer ({type(error).__name__})"
            else:
                if answer.is_success or answer.status_code == accepted:
                    return dict(answer.json())
                trouble = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    raise TourEnds(f"The demo stops: {method} {path} was answered with {trouble}")
            if loop.time() > deadline:
                raise TourEnds(
                    f"The demo stops: {method} {path} got {trouble} for {READY_SECONDS:.0f} seconds."
                )
            await asyncio.sleep(RETRY_SECONDS)
