"""Webhooks: due deliveries are claimed, posted outside of any transaction, and their outcomes recorded."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import reads
from app.domain import webhooks
from app.domain.webhooks import OF_FAILING, OF_HOST, Delivery, Load, Outcome
from app.events import retry_after, signatures
from app.events.address_limit import LIMIT, AddressLimited, LimitedHosts
from app.events.http_post import Poster
from app.runtime.http_client import HttpAnswer, Unanswered
from app.runtime.loop import WakeUp

TIMEOUT_SECONDS: Final = 15
CLAIM_SECONDS: Final = 20
"""Longer than an attempt, so that no other process posts the same. Claims of a killed process last it out."""
RESPONSE_CHARACTERS: Final = 1_000
GRACE_SECONDS: Final = 2
RECORD_SECONDS: Final = 5
"""How long the end of the program waits until the database has what came of the last posts."""

Key = TypeVar("Key", int, str)
Attempt = asyncio.Task[Outcome | Delivery]
"""What came of a delivery, or the delivery itself where its address had no room."""

_log = logging.getLogger(__name__)

assert CLAIM_SECONDS > TIMEOUT_SECONDS  # noqa: S101  limits that depend on each other say so
assert OF_HOST + OF_FAILING <= LIMIT // 2  # noqa: S101  half stays free when one host hangs and others fail


@dataclass(frozen=True, slots=True)
class WebhookTerms:
    """How webhooks are tried: the seconds after each failure, and the time limits.

    `chance` returns a number in [0, 1), which spreads the retries. Positions of events go on by `stride`.
    """

    retries: tuple[int, ...]
    timeout_seconds: float = TIMEOUT_SECONDS
    claim_seconds: float = CLAIM_SECONDS
    chance: Callable[[], float] = random.random
    stride: int = 1


class Webhooks:
    """Posts webhooks. Any number of processes may run one; a delivery is claimed by one at a time."""

    def __init__(self, engine: AsyncEngine, poster: Poster, terms: WebhookTerms, wake_up: WakeUp) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._poster = poster
        self._terms = terms
        self._wake_up = wake_up
        self._posting: dict[Attempt, Delivery] = {}
        self._ended: list[Attempt] = []
        self._endpoints = Counter[int]()
        self._hosts = Counter[str]()
        self._limited = LimitedHosts()
        self._probes: dict[int, Attempt] = {}

    async def step(self) -> bool:
        """Record what has ended, fan out, claim and start posting; say whether there may be more to do.

        It is one transaction, with a few statements for any number of deliveries. Where it records nothing that was
        answered, it does not wait for the disk before it posts: if PostgreSQL dies and forgets it, it is done again.
        """
        ended = self._ended[:]
        outcomes, unsent = _results(ended)
        if not ended and not await self._any_active_endpoint():
            return False
        async with self._engine.begin() as db:
            if ended:
                await webhooks.record(db, outcomes, unsent, self._terms.retries, self._terms.chance)
            else:
                await webhooks.skip_flush(db)
            fanned_out = await webhooks.step(db, self._terms.stride)
            free = LIMIT - len(self._posting)
            claimed = await webhooks.claim(db, self._load(), free, self._terms.claim_seconds)
        del self._ended[: len(ended)]  # after the commit: what was not recorded is recorded by the next step
        for delivery in claimed:
            self._start(delivery)
        return bool(fanned_out or claimed)

    async def close(self) -> None:
        """Wait a little for the posts under way, record what ended, and end the other claims.

        Without a database the claims run out by themselves, and what ended is posted again.
        """
        if self._posting:
            await asyncio.wait(list(self._posting), timeout=GRACE_SECONDS)
        cancelled = dict(self._posting)
        for task in cancelled:
            task.cancel()
        await asyncio.gather(*cancelled, return_exceptions=True)
        self._poster.close()
        outcomes, unsent = _results(task for task in self._ended if not task.cancelled())
        unsent += cancelled.values()
        with suppress(exc.DBAPIError, exc.TimeoutError, OSError):
            async with asyncio.timeout(RECORD_SECONDS), self._engine.begin() as db:
                await webhooks.record(db, outcomes, unsent, self._terms.retries, self._terms.chance)
        self._ended.clear()

    async def _any_active_endpoint(self) -> bool:
        async with self._reads.connect() as db:
            return await webhooks.any_active_endpoint(db)

    def _load(self) -> Load:
        return Load(self._endpoints, self._posts_of_hosts(), self._probes)

    def _posts_of_hosts(self) -> dict[str, int]:
        """Return the posts of each host. A host that waits for its address has room for its share only."""
        posts = dict(self._hosts)
        for host, share in self._limited.share_out(self._poster.room).items():
            posts[host] = max(posts.get(host, 0), OF_HOST - share)
        return posts

    def _start(self, delivery: Delivery) -> None:
        task = asyncio.create_task(self._attempt(delivery))
        self._posting[task] = delivery
        self._endpoints[delivery.key.endpoint_id] += 1
        self._hosts[delivery.host] += 1
        if delivery.failing:
            self._probes[delivery.key.endpoint_id] = task
        task.add_done_callback(self._end)

    def _end(self, task: Attempt) -> None:
        delivery = self._posting.pop(task)
        endpoint = delivery.key.endpoint_id
        _decrement(self._endpoints, endpoint)
        _decrement(self._hosts, delivery.host)
        if self._probes.get(endpoint) is task:
            del self._probes[endpoint]
        self._ended.append(task)
        self._wake_up.wake()

    async def _attempt(self, delivery: Delivery) -> Outcome | Delivery:
        loop = asyncio.get_running_loop()
        at, started, wait = datetime.now(UTC), loop.time(), 0
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
        except Exception as error:  # noqa: BLE001  a fault in one delivery stops no other
            _log.exception("a webhook could not be posted (endpoint %d, position %d)", *delivery.key)
            status, response = None, f"not posted ({type(error).__name__})"
        else:
            status, response = answer.status, _text(answer.body)
            wait = retry_after.seconds(answer.retry_after, at) if answer.retry_after else 0
        return Outcome(delivery, at, status, round((loop.time() - started) * 1000), response, wait)

    async def _post(self, delivery: Delivery, timestamp: int) -> HttpAnswer:
        body = delivery.body
        headers = signatures.headers(delivery.secrets, delivery.event.event_id, timestamp, body)
        return await self._poster.post(delivery.url, headers, body)


def _results(tasks: Iterable[Attempt]) -> tuple[list[Outcome], list[Delivery]]:
    """Return the outcomes of posts, and the deliveries that were not posted."""
    results = [task.result() for task in tasks]
    return (
        [result for result in results if isinstance(result, Outcome)],
        [result for result in results if isinstance(result, Delivery)],
    )


def _decrement(counts: Counter[Key], key: Key) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _text(body: bytes) -> str:
    """Return the head of the body; PostgreSQL's text holds no NUL."""
    return body.decode(errors="replace")[:RESPONSE_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}")
