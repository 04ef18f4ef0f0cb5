"""The wallet of the demo's customer: it pays from the test network's faucet, each invoice once."""

import asyncio
import logging
from typing import Final

import httpx

_log = logging.getLogger(__name__)
_LONGEST_SECONDS: Final = 60.0


class Wallet:
    """Pays by the JSON-RPC of the node at `url`, with user and password in `login`."""

    def __init__(self, client: httpx.AsyncClient, url: str, login: tuple[str, str]) -> None:
        self._client = client
        self._url = url
        self._login = login
        self._paid: set[str] = set()

    async def pay(self, address: str, amount: str, after_seconds: float = 0) -> str | None:
        """Pay after so many seconds and return the txid; None where it was paid before, or the node refuses."""
        await asyncio.sleep(min(after_seconds, _LONGEST_SECONDS))
        if address in self._paid:
            return None
        self._paid.add(address)
        txid = await self._send(address, amount)
        if txid is None:
            self._paid.discard(address)
        return txid

    async def _send(self, address: str, amount: str) -> str | None:
        # The amount is written into the text as it is: a float would round it.
        call = f'{{"method":"sendtoaddress","params":["{address}",{amount}]}}'
        try:
            answer = await self._client.post(self._url, content=call, auth=self._login)
            txid: str | None = answer.json()["result"]
        except (httpx.HTTPError, ValueError) as error:
            _log.warning("the demo's wallet could not pay %s: %s", address, type(error).__name__)
            return None
        return txid
