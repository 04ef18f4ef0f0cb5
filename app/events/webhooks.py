"""Webhooks: what is due is claimed, posted outside any transaction, and what came of it recorded."""

import asyncio
import logging
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import reads
from app.domain import webhooks
from app.domain.webhooks import Delivery, Outcome
from app.events import signatures
from app.events.address_limit import LIMIT, AddressLimited, LimitedHosts
from app.events.http_connection import HttpAnswer, Unanswered
from app.events.http_post import Poster
from app.runtime.loop import WakeUp

TIMEOUT_SECONDS: Final = 15
CLAIM_SECONDS: Final = 20
"""Longer than an attempt takes, so that nobody posts what is being posted; what a killed process held waits for it."""
EACH: Final = 32
"""Posts to one endpoint at a time; one that fails gets a single new one until another succeeds."""
OF_HOST: Final = 128
"""Posts to one host at a time, whichever endpoints they are of: five thousand may lie behind one that hangs."""
OF_FAILING: Final = 64
"""Posts at a time to all endpoints that fail."""
LEFT: Final = 4
"""One part in so many of what is free is left for who comes next, and is what an endpoint may have at the most: however
many hang at once, there is room for the others."""
RESPONSE_CHARACTERS: Final = 1_000
GRACE_SECONDS: Final = 2

Counted = TypeVar("Counted")
Attempt = asyncio.Task[Outcome | Delivery]
"""What came of a delivery, or the delivery itself where its address had no room."""

_log = logging.getLogger(__name__)

assert CLAIM_SECONDS > TIMEOUT_SECONDS  # noqa: S101  limits that depend on each other say so
assert OF_HOST + OF_FAILING <= LIMIT // 2  # noqa: S101  half is left when one host hangs and others fail
LONGEST_RETRY_AFTER_SECONDS: Final = 86_400
"""More is not granted: a receiver that is wrong about the date shall not silence its endpoint for years."""
_RETRY_AFTER_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WebhookTerms:
    """How webhooks are tried: seconds after each failure, the time limit, and chance in [0, 1) that spreads retries."""

    retries: tuple[int, ...]
    timeout_seconds: float = TIMEOUT_SECONDS
    claim_seconds: float = CLAIM_SECONDS
    chance: Callable[[], float] = random.random


class Webhooks:
    """Any number of processes may run one; a delivery is claimed by one at a time."""

    def __init__(self, engine: AsyncEngine, poster: Poster, terms: WebhookTerms, wake_up: WakeUp) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._poster = poster
        self._terms = terms
        self._wake_up = wake_up
        self._posting: dict[Attempt, Delivery] = {}
        self._ended: list[Attempt] = []
        self._busy: Counter[int] = Counter()
        self._hosts: Counter[str] = Counter()
        self._limited = LimitedHosts()
        self._knocking: dict[int, Attempt] = {}

    async def step(self) -> bool:
        """Record what has ended, fan out, claim and start posting; say whether there was any of it.

        One transaction, and a handful of statements whatever the number of deliveries.
        """
        ended = self._ended[:]
        outcomes, unsent = _results(ended)
        if not ended and not await self._anybody():
            return False
        async with self._engine.begin() as db:
            await webhooks.record(db, outcomes, unsent, self._terms.retries, self._terms.chance)
            made = await webhooks.step(db)
            free = LIMIT - len(self._posting)
            each = max(1, min(EACH, free // LEFT))
            limit = free - free // LEFT
            claimed = await webhooks.claim(db, self._load(each), limit, self._terms.claim_seconds)
        del self._ended[
            : len(ended)
        ]  # only now: what a failed transaction did not record is recorded by the next
        for delivery in claimed:
            self._start(delivery)
        return bool(outcomes or made or claimed)

    async def close(self) -> None:
        """Wait a little for what is being posted, record what ended, and give the rest back."""
        if self._posting:
            await asyncio.wait(list(self._posting), timeout=GRACE_SECONDS)
        left = dict(self._posting)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._poster.close()
        outcomes, unsent = _results(task for task in self._ended if not task.cancelled())
        async with self._engine.begin() as db:
            unsent += left.values()
            await webhooks.record(db, outcomes, unsent, self._terms.retries, self._terms.chance)
        self._ended.clear()

    async def _anybody(self) -> bool:
        async with self._reads.connect() as db:
            return await webhooks.any_active_endpoint(db)

    def _load(self, each: int) -> webhooks.Load:
        """What is being posted. An endpoint that fails is knocked at by one beside what was posted before: that may hang."""
        knocking = len(self._knocking)
        return webhooks.Load(
            each,
            EACH,
            OF_HOST,
            OF_FAILING,
            LEFT,
            self._busy,
            self._posts_of_hosts(),
            self._knocking,
            knocking,
        )

    def _posts_of_hosts(self) -> dict[str, int]:
        """Return the posts of each host; a host that waits for its address counts as full but for its share."""
        posts = dict(self._hosts)
        for host, share in self._limited.share_out(self._poster.room).items():
            posts[host] = max(posts.get(host, 0), OF_HOST - share)
        return posts

    def _start(self, delivery: Delivery) -> None:
        task = asyncio.create_task(self._attempt(delivery))
        self._posting[task] = delivery
        self._busy[delivery.key.endpoint_id] += 1
        self._hosts[delivery.host] += 1
        if delivery.failing:
            self._knocking[delivery.key.endpoint_id] = task
        task.add_done_callback(self._end)

    def _end(self, task: Attempt) -> None:
        delivery = self._posting.pop(task)
        endpoint = delivery.key.endpoint_id
        _take_one(self._busy, endpoint)
        _take_one(self._hosts, delivery.host)
        if self._knocking.get(endpoint) is task:
            del self._knocking[endpoint]
        self._ended.append(task)
        self._wake_up.wake()

    async def _attempt(self, delivery: Delivery) -> Outcome | Delivery:
        loop = asyncio.get_running_loop()
        at, started, later = datetime.now(UTC), loop.time(), 0
        try:
            async with asyncio.timeout(self._terms.timeout_seconds):
                answer = await self._post(delivery, int(at.timestamp()))
        except TimeoutError:
            status, response = None, f"no answer within {self._terms.timeout_seconds:g} seconds"
        except AddressLimited as error:
            self._limited.add(delivery.host, error.address)
            return delivery
        except Unanswered as error:
            status, response = None, str(error)
        except Exception as error:  # noqa: BLE001  a fault of ours in one delivery stops neither the others nor the program
            _log.exception("a webhook could not be posted (endpoint %d, position %d)", *delivery.key)
            status, response = None, f"not posted ({type(error).__name__})"
        else:
            status, response = answer.status, _text(answer.body)
            later = seconds(answer.retry_after, at) if answer.retry_after else 0
        return Outcome(delivery, at, status, round((loop.time() - started) * 1000), response, later)

    async def _post(self, delivery: Delivery, timestamp: int) -> HttpAnswer:
        body = delivery.body
        headers = signatures.headers(delivery.secrets, delivery.event.event_id, timestamp, body)
        return await self._poster.post(delivery.url, headers, body)


def _results(
    tasks: Iterable[Attempt],
) -> tuple[list[Outcome], list[Delivery]]:
    """Part what was tried from what was not sent."""
    results = [task.result() for task in tasks]
    return (
        [result for result in results if isinstance(result, Outcome)],
        [result for result in results if isinstance(result, Delivery)],
    )


def _take_one(counted: Counter[Counted], one: Counted) -> None:
    counted[one] -= 1
    if not counted[one]:
        del counted[one]


def _text(body: bytes) -> str:
    """PostgreSQL's text holds no NUL."""
    return body.decode(errors="replace")[:RESPONSE_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}")


def seconds(header: str, now: datetime) -> int:
    """Return what the header asks for, 0 to LONGEST_SECONDS; 0 where it says nothing that can be understood."""
    text = header.strip()
    if _RETRY_AFTER_DIGITS.fullmatch(text):
        return min(int(text), LONGEST_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    wait = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return int(min(max(0, wait), LONGEST_RETRY_AFTER_SECONDS))
