"""JSON-RPC as Dogecoin Core 1.14 speaks it over HTTP, and everything that can go wrong between it and us."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple, Never, Self
from urllib.parse import unquote, urlsplit

import httpx

CALLS_AT_ONCE = 4  # Core: -rpcthreads; its queue holds 16 and refuses the rest
CALLS_PER_BATCH = 2_000
MAX_REPLY_BYTES = 16 << 20
MAX_COOKIE_CHARACTERS = 1_000
MAX_MESSAGE_CHARACTERS = 500  # Core puts the whole help text of a method into an error
TIMEOUT_SECONDS = 60.0
CONNECT_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 20.0  # Core: -rpcservertimeout is 30 s, then it resets the connection
PAUSES_SECONDS = (0.05, 0.2, 0.8, 2.0)
WARMING_UP = -28
QUEUE_OVERFLOW = b"Work queue depth exceeded"

# What may be asked again when it is not known whether it arrived. Core answers the same to the same raw transaction.
IDEMPOTENT = frozenset(
    {
        "decoderawtransaction", "getbestblockhash", "getblock", "getblockchaininfo", "getblockcount", "getblockhash", "getblockheader",
        "getmempoolentry", "getnetworkinfo", "getrawmempool", "getrawtransaction", "gettxout", "sendrawtransaction", "validateaddress",
    }
)  # fmt: skip


class Slots(NamedTuple):
    """How many calls are made at once, and how many may wait; one more is NodeAway."""

    at_once: int
    waiting: int


OWN_SLOTS: Final = Slots(CALLS_AT_ONCE, 1_000)
CALLERS_SLOTS: Final = Slots(2, 50)
"""Of those who ask by HTTP: Core's threads are not all theirs, however many they are."""

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
    """No answer was to be had; asking later may help."""


class NodeAway(NodeTrouble):
    """Nobody answers, or not in time, or too many ask."""


class NodeWarmingUp(NodeTrouble):
    """The node has started but answers no question yet."""


class NodeRefused(NodeTrouble):
    """The node does not accept our name, password, cookie or address."""


class NodeNonsense(NodeTrouble):
    """What came back is not what Dogecoin Core answers."""


class NodeOversize(NodeNonsense):
    """The reply was cut off at our limit: ask for less at once."""


class _Lost(Exception):
    """The connection ended before the reply did: nobody knows whether the call was made."""


class _Full(Exception):
    """The node's queue was full: the call was not made."""


class Rpc:
    """One node by its URL `http://user:password@host:port`, or without a login and with the path of Core's cookie file."""

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
        self.address = f"{parts.scheme}://{host}:{parts.port or 22555}"
        self._cookie = cookie
        self._login = (
            f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if cookie is None else None
        )
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._url = url
        self._slots = slots
        self._turns = asyncio.Semaphore(slots.at_once)
        self._waiting = 0
        self._asked = 0
        self._client = httpx.AsyncClient(
            trust_env=False,
            timeout=httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
            limits=httpx.Limits(max_connections=slots.at_once, keepalive_expiry=KEEP_ALIVE_SECONDS),
            headers={"Accept-Encoding": "identity", "Content-Type": "application/json"},
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address})"

    def apart(self, slots: Slots) -> Self:
        """The same node by connections of their own: whoever uses these up takes none of ours."""
        return type(self)(
            self._url, self._cookie, timeout_seconds=self._timeout_seconds, sleep=self._sleep, slots=slots
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def call(self, method: str, *params: Any) -> Any:
        """The result of one call, its amounts as Decimal; raises NodeError or a NodeTrouble."""
        question = self._question((method, params))
        reply = await self._ask(question, again=method in IDEMPOTENT)
        outcome = self._outcome(question, reply)
        if isinstance(outcome, NodeError):
            raise outcome
        return outcome

    async def batch(self, calls: Sequence[Call], size: int = CALLS_PER_BATCH) -> list[Any]:
        """The outcome of each call in order, a result or a NodeError, asked `size` at a time.

        It is no snapshot: the tip can move between two calls.
        """
        outcomes: list[Any] = []
        for start in range(0, len(calls), size):
            questions = [self._question(call) for call in calls[start : start + size]]
            replies = await self._ask(
                questions, again=all(question["method"] in IDEMPOTENT for question in questions)
            )
            if not isinstance(replies, list) or len(replies) != len(questions):
                self._nonsense("as many replies as calls")
            outcomes += [
                self._outcome(question, reply) for question, reply in zip(questions, replies, strict=True)
            ]
        return outcomes

    def _question(self, call: Call) -> dict[str, Any]:
        self._asked += 1
        return {"id": self._asked, "method": call[0], "params": call[1]}

    def _outcome(self, question: dict[str, Any], reply: Any) -> Any:
        if (
            not isinstance(reply, dict)
            or not reply.keys() >= {"result", "error", "id"}
            or reply["id"] != question["id"]
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
        if error["code"] == WARMING_UP:
            raise NodeWarmingUp(
                f"The node at {self.address} is starting: {error['message'][:MAX_MESSAGE_CHARACTERS]}"
            )
        return NodeError(error["code"], error["message"][:MAX_MESSAGE_CHARACTERS])

    async def _ask(self, question: Any, *, again: bool) -> Any:
        """Post until there is a reply: a full queue is always tried again, a lost connection if `again`."""
        body = json.dumps(question).encode()
        pauses = list(PAUSES_SECONDS)
        while True:
            try:
                return await self._ask_in_turn(body)
            except _Full:
                if not pauses:
                    self._away("has too much to do")
            except _Lost:
                if not pauses or not again:
                    self._away("lost the connection")
            await self._sleep(pauses.pop(0))

    async def _ask_in_turn(self, body: bytes) -> Any:
        if self._waiting >= self._slots.waiting:
            self._away("is asked for too much at once")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            status, reply = await self._post(body)
            if status == 401 and self._cookie is not None:  # Core makes a new cookie at each start
                self._login = None
                status, reply = await self._post(body)
        finally:
            self._turns.release()
        if status in (401, 403):
            raise NodeRefused(
                f"The node at {self.address} refuses us: check the user and password, or the cookie."
            )
        return self._parsed(status, reply)

    async def _post(self, body: bytes) -> tuple[int, bytearray]:
        headers = {"Authorization": "Basic " + b64encode(self._credentials().encode()).decode()}
        received = bytearray()
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._client.stream("POST", self.address, content=body, headers=headers) as reply,
            ):
                async for piece in reply.aiter_raw():
                    received += piece
                    if len(received) > MAX_REPLY_BYTES:
                        raise NodeOversize(
                            f"The node at {self.address} sent more than {MAX_REPLY_BYTES} bytes."
                        )
                return reply.status_code, received
        except (TimeoutError, httpx.TimeoutException, httpx.ConnectError) as wrong:
            self._away(f"does not answer ({type(wrong).__name__})")
        except httpx.TransportError:
            raise _Lost from None

    def _credentials(self) -> str:
        """The login; with a cookie, its file's content as last read."""
        if self._login is None and self._cookie is not None:
            try:
                with self._cookie.open() as file:
                    self._login = file.read(MAX_COOKIE_CHARACTERS).strip()
            except (OSError, UnicodeDecodeError):
                raise NodeAway(
                    f"The node's cookie {self._cookie} cannot be read: is the node running?"
                ) from None
        return self._login or ":"

    def _parsed(self, status: int, body: bytearray) -> Any:
        """Core answers errors as JSON with HTTP 500, 404 and 400, so the body decides and not the status."""
        try:
            return json.loads(body, parse_float=Decimal, parse_constant=lambda _: self._nonsense("numbers"))
        except (ValueError, RecursionError):
            if QUEUE_OVERFLOW in body:
                raise _Full from None
        if status == 503:  # what Core itself answers while it does not take requests yet, or no longer
            self._away("is starting or stopping (HTTP 503)")
        if status in (502, 504):
            self._away(f"is behind a gateway that says {status}")
        return self._nonsense(f"JSON with HTTP {status}")

    def _away(self, what: str) -> Never:
        raise NodeAway(f"The node at {self.address} {what}.") from None

    def _nonsense(self, wanted: str) -> Never:
        raise NodeNonsense(f"The node at {self.address} did not answer with {wanted}.") from None
