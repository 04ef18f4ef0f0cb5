"""JSON-RPC as Dogecoin Core 1.14 speaks it over HTTP, and everything that can go wrong between it and us."""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple, Never, Self
from urllib.parse import unquote, urlsplit

from app.runtime import http_client
from app.runtime.http_client import Connection, HttpAnswer, Idle, Unanswered
from app.urls import Origin

DEFAULT_PORT = 22555  # Core: of mainnet
CALLS_AT_ONCE = 4  # Core: -rpcthreads; its queue holds 16 and refuses the rest
CALLS_PER_BATCH = 2_000
MAX_REPLY_BYTES = 16 << 20
MAX_COOKIE_CHARACTERS = 1_000
MAX_MESSAGE_CHARACTERS = 500  # Core puts the whole help text of a method into an error
TIMEOUT_SECONDS = 60.0
CONNECT_SECONDS = 5.0
PAUSES_SECONDS = (0.05, 0.2, 0.8, 2.0)
WARMING_UP = -28
QUEUE_OVERFLOW = b"Work queue depth exceeded"

IDEMPOTENT = frozenset(
    {
        "decoderawtransaction", "getblock", "getblockchaininfo", "getblockhash", "getmempoolentry",
        "getnetworkinfo", "getrawmempool", "getrawtransaction", "gettxout", "sendrawtransaction",
    }
)  # fmt: skip
"""What may be called again when nobody knows whether the first call arrived.

Core gives the same answer to the same raw transaction.
"""


class Slots(NamedTuple):
    """How many calls are made at once, and how many may wait; the next one raises NodeAway."""

    at_once: int
    waiting: int


OWN_SLOTS: Final = Slots(CALLS_AT_ONCE, 1_000)
CALLERS_SLOTS: Final = Slots(2, 50)
"""For callers of the HTTP API: however many they are, they do not take all of Core's threads."""

_HEAD: Final = (
    "POST / HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {login}\r\nAccept-Encoding: identity\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)

Call = tuple[str, tuple[Any, ...]]
Sleep = Callable[[float], Awaitable[object]]


class NodeError(Exception):
    """The node's own answer to one call: an error with Core's `code` and `message`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


class NodeTrouble(Exception):
    """There is no answer now; a later call may get one."""


class NodeAway(NodeTrouble):
    """Nobody answers, or not in time, or too many calls wait."""


class NodeWarmingUp(NodeTrouble):
    """The node has started but answers no calls yet."""


class NodeRefused(NodeTrouble):
    """The node does not accept our name, password, cookie or address."""


class NodeNonsense(NodeTrouble):
    """The reply is not what Dogecoin Core replies."""


class NodeOversize(NodeNonsense):
    """The reply was cut off at our limit, so less must be called for at once."""


class _ConnectionLost(Exception):
    """The connection ended before the reply: nobody knows whether the call was made."""


class _QueueFull(Exception):
    """The node's queue was full: the call was not made."""


class Rpc:
    """One node, by its URL `http://user:password@host:port`; or without a login, by its cookie file."""

    def __init__(
        self,
        url: str,
        cookie: Path | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        sleep: Sleep = asyncio.sleep,
        slots: Slots = OWN_SLOTS,
    ) -> None:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self._origin = Origin(parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORT)
        self.address = f"{parts.scheme}://{host}:{self._origin.port}"
        self._cookie = cookie
        self._login = (
            f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if cookie is None else None
        )
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._url = url
        self._slots = slots
        self._semaphore = asyncio.Semaphore(slots.at_once)
        self._waiting = 0
        self._last_id = 0
        self._idle = Idle[Connection](time.monotonic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address})"

    def with_slots(self, slots: Slots) -> Self:
        """Return the same node with connections and slots of its own, so that it takes none of these."""
        return type(self)(
            self._url, self._cookie, timeout_seconds=self._timeout_seconds, sleep=self._sleep, slots=slots
        )

    async def close(self) -> None:
        """Close the connections."""
        self._idle.close()

    async def call(self, method: str, *params: Any) -> Any:
        """Return the result of one call, its amounts as Decimal; raise NodeError or a NodeTrouble."""
        request = self._request((method, params))
        reply = await self._send(request, repeat=method in IDEMPOTENT)
        outcome = self._outcome(request, reply)
        if isinstance(outcome, NodeError):
            raise outcome
        return outcome

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Return the outcome of each call in order: a result, or a NodeError.

        It is no snapshot: the tip can move between two calls.
        """
        outcomes: list[Any] = []
        for start in range(0, len(calls), CALLS_PER_BATCH):
            requests = [self._request(call) for call in calls[start : start + CALLS_PER_BATCH]]
            repeat = all(request["method"] in IDEMPOTENT for request in requests)
            replies = await self._send(requests, repeat=repeat)
            if not isinstance(replies, list) or len(replies) != len(requests):
                self._nonsense("as many replies as calls")
            outcomes += map(self._outcome, requests, replies)
        return outcomes

    def _request(self, call: Call) -> dict[str, Any]:
        self._last_id += 1
        return {"id": self._last_id, "method": call[0], "params": call[1]}

    def _outcome(self, request: dict[str, Any], reply: Any) -> Any:
        if (
            not isinstance(reply, dict)
            or not reply.keys() >= {"result", "error", "id"}
            or reply["id"] != request["id"]
        ):
            self._nonsense("a result, an error and our id")
        error = reply["error"]
        if error is None:
            return reply["result"]
        if (
            not isinstance(error, dict)
            or type(error.get("code")) is not int
            or not isinstance(error.get("message"), str)
        ):
            self._nonsense("a code and a message in the error")
        message = error["message"][:MAX_MESSAGE_CHARACTERS]
        if error["code"] == WARMING_UP:
            raise NodeWarmingUp(f"The node at {self.address} is starting: {message}")
        return NodeError(error["code"], message)

    async def _send(self, request: Any, *, repeat: bool) -> Any:
        """Post until there is a reply: again after a full queue, and after a lost connection if `repeat`."""
        body = json.dumps(request).encode()
        pauses = list(PAUSES_SECONDS)
        while True:
            try:
                return await self._post_in_slot(body)
            except _QueueFull:
                if not pauses:
                    self._away("has too much to do")
            except _ConnectionLost:
                if not pauses or not repeat:
                    self._away("lost the connection")
            await self._sleep(pauses.pop(0))

    async def _post_in_slot(self, body: bytes) -> Any:
        if self._waiting >= self._slots.waiting:
            self._away("is asked for too much at once")
        self._waiting += 1
        try:
            await self._semaphore.acquire()
        finally:
            self._waiting -= 1
        try:
            status, reply = await self._post(body)
            if status == 401 and self._cookie is not None:  # Core makes a new cookie at each start
                self._login = None
                status, reply = await self._post(body)
        finally:
            self._semaphore.release()
        if status in (401, 403):
            raise NodeRefused(
                f"The node at {self.address} refuses us: check the user and password, or the cookie."
            )
        return self._parse(status, reply)

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        login = b64encode(self._credentials().encode()).decode()
        head = _HEAD.format(host=self.address.partition("//")[2], login=login, length=len(body))
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._exchange(head.encode() + body)
        except (TimeoutError, OSError) as error:
            self._away(f"does not answer ({type(error).__name__})")
        except Unanswered:
            raise _ConnectionLost from None
        if len(answer.body) > MAX_REPLY_BYTES:
            raise NodeOversize(f"The node at {self.address} sent more than {MAX_REPLY_BYTES} bytes.")
        if not answer.whole:
            raise _ConnectionLost
        return answer.status, answer.body

    async def _exchange(self, request: bytes) -> HttpAnswer:
        """Post on a connection that is open, if there is one: Core closes it after 30 s (-rpcservertimeout)."""
        connection = self._idle.take(self._origin) or await self._connect()
        answer = await connection.post(request)
        self._idle.put(self._origin, connection)
        return answer

    async def _connect(self) -> Connection:
        scheme, host, port = self._origin
        tls = http_client.certificates() if scheme == "https" else None
        async with asyncio.timeout(CONNECT_SECONDS):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(MAX_REPLY_BYTES + 1), host, port, ssl=tls
            )
        return connection

    def _credentials(self) -> str:
        """Return the login; with a cookie, the content of its file as last read."""
        if self._login is None and self._cookie is not None:
            try:
                with self._cookie.open() as file:
                    self._login = file.read(MAX_COOKIE_CHARACTERS).strip()
            except (OSError, UnicodeDecodeError):
                raise NodeAway(
                    f"The node's cookie {self._cookie} cannot be read: is the node running?"
                ) from None
        return self._login or ":"

    def _parse(self, status: int, body: bytes) -> Any:
        """Core sends errors as JSON with HTTP 500, 404 and 400, so the body decides and not the status."""
        try:
            return json.loads(body, parse_float=Decimal, parse_constant=lambda _: self._nonsense("numbers"))
        except (ValueError, RecursionError):
            if QUEUE_OVERFLOW in body:
                raise _QueueFull from None
        if status == 503:  # from Core itself, while it does not take requests yet or no longer
            self._away("is starting or stopping (HTTP 503)")
        if status in (502, 504):
            self._away(f"is behind a gateway that says {status}")
        return self._nonsense(f"JSON with HTTP {status}")

    def _away(self, reason: str) -> Never:
        raise NodeAway(f"The node at {self.address} {reason}.") from None

    def _nonsense(self, expected: str) -> Never:
        raise NodeNonsense(f"The node at {self.address} did not answer with {expected}.") from None
