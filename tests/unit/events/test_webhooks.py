import asyncio
import base64
import hmac
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import open_engine
from app.db.tables import attempts, deliveries
from app.domain import outbox
from app.domain.outbox import OutboxEvent
from app.domain.webhooks import OF_ENDPOINT, OF_FAILING, OF_HOST, Callback, Load
from app.domain.webhooks import claim as claim_deliveries
from app.events import address_filter, sequencer, signatures
from app.events.address_filter import Address
from app.events.address_limit import LIMIT
from app.events.http_post import Poster
from app.events.webhooks import Webhooks, WebhookTerms
from app.runtime.lease import Lease
from app.runtime.loop import WakeUp
from tests import proxy
from tests.unit.events.receiver import OK, Receiver, Request, cut_off, reset, silent, status
from tests.unit.events.steps import emit, until

AT_ONCE = WebhookTerms((0,) * 9, chance=lambda: 0.5)
NEVER = WebhookTerms((86_400,), chance=lambda: 0.5)


async def prepare(engine: AsyncEngine, *callbacks: Callback) -> None:
    await sequencer.prepare(engine, callbacks, [])


@asynccontextmanager
async def webhooks(
    engine: AsyncEngine, poster: Poster, terms: WebhookTerms = AT_ONCE
) -> AsyncIterator[Webhooks]:
    webhooks = Webhooks(engine, poster, terms, WakeUp())
    yield webhooks
    await webhooks.close()


async def states(engine: AsyncEngine) -> Counter[tuple[str, int]]:
    """How many deliveries of each endpoint's name are in each state."""
    async with engine.connect() as db:
        rows = await db.execute(sa.select(deliveries.c.state, deliveries.c.attempts))
        return Counter((row.state, row.attempts) for row in rows)


async def tried(engine: AsyncEngine) -> list[Any]:
    async with engine.connect() as db:
        return list(await db.execute(sa.select(attempts).order_by(attempts.c.position, attempts.c.number)))


async def deliver_all(engine: AsyncEngine, running: Webhooks, count: int) -> None:
    async def delivered() -> bool:
        counts = await states(engine)
        return sum(number for (state, _), number in counts.items() if state == "delivered") == count

    await until(running.step, delivered)


async def test_an_event_is_posted_signed_in_both_ways(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    key = base64.b64encode(b"a key of 24 bytes or more").decode()
    await prepare(
        engine,
        Callback("giga", receiver.url("/giga"), secret="such-secret"),
        Callback("standard", receiver.url("/standard"), secret=f"whsec_{key}"),
    )
    await emit(engine, 1)

    async with webhooks(engine, poster) as running:
        await deliver_all(engine, running, 2)

    (giga,), (standard,) = receiver.of("/giga"), receiver.of("/standard")
    assert giga.body == standard.body
    assert giga.event["event_type"] == "ACC_UPDATED"
    assert giga.event["message"] == {"n": 0}
    assert giga.headers["content-type"] == "application/json"
    stamp = int(giga.headers["x-giga-timestamp"])
    assert giga.headers["x-giga-signature"] == f"sha256={signatures.giga('such-secret', stamp, giga.body)}"
    signed = b".".join(standard.headers[f"webhook-{part}"].encode() for part in ("id", "timestamp"))
    digest = hmac.digest(b"a key of 24 bytes or more", signed + b"." + standard.body, "sha256")
    assert standard.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert standard.headers["webhook-id"] == standard.event["event_id"]
    assert {(row.number, row.status, row.response) for row in await tried(engine)} == {(1, 200, "ok")}


@pytest.mark.parametrize(
    ("behaviour", "code", "response"),
    [
        (status(500), 500, "wow!"),
        (status(302), 302, "wow!"),
        (reset, None, "connection"),
        (silent, None, "no answer within 0.2 seconds"),
        (cut_off, 500, "part"),
    ],
    ids=["500", "redirect", "reset", "silent", "cut off"],
)
async def test_a_failed_delivery_is_retried_until_it_succeeds(
    engine: AsyncEngine, receiver: Receiver, poster: Poster, behaviour: Any, code: int | None, response: str
) -> None:
    receiver.behaviours["/hook"] = [behaviour, behaviour]
    seconds = 0.2 if behaviour is silent else 10
    await prepare(engine, Callback("shop", receiver.url()))
    await emit(engine, 1)

    async with webhooks(engine, poster, WebhookTerms((0, 0), seconds, chance=lambda: 0.5)) as running:
        await deliver_all(engine, running, 1)

    rows = await tried(engine)
    assert [row.status for row in rows] == [code, code, 200]
    assert all(row.response.startswith(response) for row in rows[:2])
    assert not receiver.of("/elsewhere")
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.body for request in receiver.requests}) == 1


async def test_any_2xx_is_success(engine: AsyncEngine, receiver: Receiver, poster: Poster) -> None:
    receiver.behaviours["/hook"] = [status(201), status(204), status(299)]
    await prepare(engine, Callback("shop", receiver.url()))
    await emit(engine, 3)

    async with webhooks(engine, poster) as running:
        await deliver_all(engine, running, 3)

    assert await states(engine) == {("delivered", 1): 3}


async def test_a_claim_waits_for_no_disk_before_the_post_and_what_was_answered_does(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    await prepare(engine, Callback("shop", receiver.url("/")))
    await emit(engine, 1)
    usual = sa.text("SHOW synchronous_commit")
    async with engine.connect() as db:
        flushed = await db.scalar(usual)
    commits: list[tuple[int, bool]] = []

    def note(connection: sa.Connection) -> None:
        commits.append((len(receiver.of("/")), connection.scalar(usual) == flushed))

    async with webhooks(engine, poster) as running:
        sa.event.listen(engine.sync_engine, "commit", note)
        await deliver_all(engine, running, 1)
        sa.event.remove(engine.sync_engine, "commit", note)

    assert commits[0] == (0, False)
    assert (1, True) in commits


async def test_the_schedule_decides_when_and_how_often(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    receiver.always["/hook"] = status(500)
    await prepare(engine, Callback("shop", receiver.url()))
    await emit(engine, 1)

    async with webhooks(engine, poster, WebhookTerms((0, 1000), chance=lambda: 1.0)) as running:
        await until(running.step, lambda: is_so(engine, ("due", 2)))
    async with engine.begin() as db:
        wait = await db.scalar(sa.select(deliveries.c.next - sa.func.now()))
        assert wait is not None
        assert 1_080 < wait.total_seconds() <= 1_100  # a tenth more than 1,000
        await db.execute(sa.update(deliveries).values(next=sa.func.now()))
    async with webhooks(engine, poster, WebhookTerms((0, 1000))) as running:
        await until(running.step, lambda: is_so(engine, ("failed", 3)))
        assert not await running.step()

    assert len(receiver.requests) == 3


async def is_so(engine: AsyncEngine, state: tuple[str, int]) -> bool:
    return list(await states(engine)) == [state]


async def test_each_endpoint_gets_its_types_and_its_account(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    await prepare(
        engine,
        Callback("all", receiver.url("/all")),
        Callback("class", receiver.url("/class"), ("INV", "PAYMENT")),
        Callback("type", receiver.url("/type"), ("ACC_CREATED",)),
        Callback("account", receiver.url("/account"), foreign_id="shop-2"),
    )
    for kind in ("ACC_CREATED", "ACC_UPDATED", "INV_CREATED", "PAYMENT_SENT"):
        await emit(engine, 1, type=kind)
    await emit(engine, 1, account=2, type="NET_ODD")

    async with webhooks(engine, poster) as running:
        await deliver_all(engine, running, 5 + 2 + 1 + 1)

    got = {
        path: [r.event["event_type"] for r in receiver.of(path)]
        for path in ("/all", "/class", "/type", "/account")
    }
    assert sorted(got["/all"]) == ["ACC_CREATED", "ACC_UPDATED", "INV_CREATED", "NET_ODD", "PAYMENT_SENT"]
    assert sorted(got["/class"]) == ["INV_CREATED", "PAYMENT_SENT"]
    assert (got["/type"], got["/account"]) == (["ACC_CREATED"], ["NET_ODD"])


async def test_a_dead_endpoint_delays_nobody_else(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    """It accepts and never answers. A thousand events wait for it before the other is made, and after."""
    receiver.always["/dead"] = silent
    dead = Callback("dead", receiver.url("/dead"))
    await prepare(engine, dead)
    await emit(engine, 1_000)
    running = Webhooks(engine, poster, WebhookTerms((), timeout_seconds=60, claim_seconds=60), WakeUp())
    await until(running.step, lambda: len(running._posting) == len(receiver.requests) > 0)

    await prepare(engine, dead, Callback("alive", receiver.url("/alive")))
    await emit(engine, 1_000)
    await deliver_all(engine, running, 1_000)
    await running.close()

    assert len(receiver.of("/dead")) <= OF_ENDPOINT
    assert {request.event["position"] for request in receiver.of("/alive")} == set(range(1_001, 2_001))


async def test_many_that_hang_at_once_leave_room_for_the_others(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    """None has failed yet, so each may have many posts at a time, together more than the limit."""
    receiver.always["/dead"] = silent
    dead = [
        Callback(f"dead-{n}", receiver.url("/dead"), ("PAYMENT",)) for n in range(2 * LIMIT // OF_ENDPOINT)
    ]
    await prepare(engine, *dead, Callback("alive", receiver.url("/alive"), ("INV",)))
    await emit(engine, OF_ENDPOINT, type="PAYMENT_SENT")
    running = Webhooks(engine, poster, WebhookTerms((), timeout_seconds=60, claim_seconds=60), WakeUp())
    while await running.step():
        pass

    await emit(engine, 100, type="INV_CREATED")
    await deliver_all(engine, running, 100)
    await running.close()

    assert len(receiver.of("/alive")) == 100


async def test_five_thousand_endpoints_of_a_host_that_hangs_leave_room_for_the_others(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    receiver.always["/dead"] = silent
    await prepare(
        engine, Callback("alive", receiver.url("/alive").replace("127.0.0.1", "localhost"), ("INV",))
    )
    async with engine.begin() as db:
        many = "INSERT INTO webhook_endpoints (url, types, secret, position) SELECT :url, '{PAYMENT}', '', 0"
        await db.execute(sa.text(f"{many} FROM generate_series(1, 5000)"), {"url": receiver.url("/dead")})
    await emit(engine, 1, type="PAYMENT_SENT")
    running = Webhooks(engine, poster, WebhookTerms((), timeout_seconds=60, claim_seconds=60), WakeUp())
    while await running.step():
        pass

    await emit(engine, 100, type="INV_CREATED")
    await deliver_all(engine, running, 100)
    hanging = len(running._posting)
    await running.close()

    assert hanging == OF_HOST
    assert len(receiver.of("/alive")) == 100


async def test_a_thousand_names_of_an_address_that_hangs_leave_room_for_the_others(
    engine: AsyncEngine, receiver: Receiver
) -> None:
    """None has failed yet, and each name is a host of its own: only the address is the same."""

    async def resolve(host: str, port: int) -> list[Address]:
        return [ip_address("127.0.0.1" if host == "alive.example" else "127.0.0.2")]

    hanging = await asyncio.start_server(receiver.serve, "127.0.0.2", receiver.port)
    receiver.always["/dead"] = silent
    poster = Poster(resolve, guard=address_filter.Guard(address_filter.EVERYWHERE))
    await prepare(engine, Callback("alive", f"http://alive.example:{receiver.port}/alive", ("INV",)))
    async with engine.begin() as db:
        many = (
            "INSERT INTO webhook_endpoints (url, types, secret, position)"
            " SELECT 'http://dead-' || n || :rest, '{PAYMENT}', '', 0 FROM generate_series(1, 1000) AS n"
        )
        await db.execute(sa.text(many), {"rest": f".example:{receiver.port}/dead"})
    await emit(engine, 1, type="PAYMENT_SENT")
    running = Webhooks(engine, poster, WebhookTerms((), timeout_seconds=60, claim_seconds=60), WakeUp())
    while await running.step():
        pass
    await until(running.step, lambda: len(running._posting) == len(receiver.of("/dead")))

    assert len(running._posting) == LIMIT // 2
    await emit(engine, 100, type="INV_CREATED")
    await deliver_all(engine, running, 100)
    await running.close()
    hanging.close()

    assert len(receiver.of("/alive")) == 100
    assert await states(engine) == {("delivered", 1): 100, ("due", 0): 1_000}


async def test_endpoints_that_fail_share_a_part_of_all_posts_whatever_their_hosts_are(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as db:
        many = (
            "INSERT INTO webhook_endpoints (url, types, secret, position, failing_since)"
            " SELECT 'http://user@Shop-' || n || '.example:80/?a@b', '{ALL}', '', 0,"
            " CASE WHEN n > 9 THEN now() END FROM generate_series(1, 500) AS n"
        )
        await db.execute(sa.text(many))
        await db.execute(
            sa.text("INSERT INTO deliveries (endpoint_id, position) SELECT id, 1 FROM webhook_endpoints")
        )
    await emit(engine, 1)

    load = Load({1: OF_ENDPOINT}, {"shop-2.example:80": OF_HOST}, range(-6, 0))
    async with engine.begin() as db:
        claimed = await claim_deliveries(db, load, LIMIT, 60)

    failing = [delivery.key.endpoint_id for delivery in claimed if delivery.failing]
    assert len(failing) == OF_FAILING - 6
    assert sorted({delivery.key.endpoint_id for delivery in claimed} - set(failing)) == [3, 4, 5, 6, 7, 8, 9]
    assert all(delivery.host == f"shop-{delivery.key.endpoint_id}.example:80" for delivery in claimed)


async def test_a_failing_endpoint_gets_one_probe_at_a_time_until_it_succeeds(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    probes = highest = 0
    well = False

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal probes, highest
        probes += 1
        highest = max(highest, probes)
        await asyncio.sleep(0.002)
        probes -= 1
        (status(200) if well else status(500))(request, writer)

    receiver.always["/hook"] = behave
    await prepare(engine, Callback("shop", receiver.url()))
    await emit(engine, 1)

    async with webhooks(engine, poster, WebhookTerms((0,) * 1_000, chance=lambda: 0.5)) as running:
        await until(running.step, lambda: len(receiver.requests) > 1)
        await emit(engine, 50)
        await until(running.step, lambda: len(receiver.requests) > 10)
        while_failing = highest
        well = True
        await deliver_all(engine, running, 51)

    assert while_failing == 1
    assert highest > 1


async def test_a_post_that_hangs_does_not_stop_an_endpoint_that_answers_the_others(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    """Each batch ends with a failure: while one hangs, the endpoint is probed all the same."""
    hangs = [silent]
    fails = Counter[int]()

    def behave(request: Request, writer: asyncio.StreamWriter) -> Any:
        if hangs:
            return hangs.pop()(request, writer)
        position = request.event["position"]
        fails[position] += 1
        return (status(500) if fails[position] == 1 and position % 4 == 0 else status(200))(request, writer)

    receiver.always["/hook"] = behave
    await prepare(engine, Callback("shop", receiver.url()))
    await emit(engine, 200)

    running = Webhooks(engine, poster, WebhookTerms((0,) * 9, timeout_seconds=60, claim_seconds=70), WakeUp())
    await deliver_all(engine, running, 199)
    await running.close()

    assert len(fails) == 199  # each but the one that hangs


async def test_what_a_killed_process_claimed_is_posted_when_the_claim_expires(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    receiver.always["/hook"] = silent
    await prepare(engine, Callback("shop", receiver.url()))
    await emit(engine, 5)
    killed = Webhooks(engine, poster, WebhookTerms((), claim_seconds=0.3), WakeUp())
    await until(killed.step, lambda: len(receiver.requests) == 5)
    for task in killed._posting:
        task.cancel()  # nothing is recorded, nothing given back

    del receiver.always["/hook"]
    async with webhooks(engine, poster) as running:
        assert not await running.step()  # still claimed
        await deliver_all(engine, running, 5)

    assert Counter(request.event["position"] for request in receiver.requests) == dict.fromkeys(
        range(1, 6), 2
    )


async def test_an_orderly_stop_ends_its_claims(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    receiver.always["/hook"] = silent
    await prepare(engine, Callback("shop", receiver.url()))
    await emit(engine, 5)
    stopped = Webhooks(engine, poster, AT_ONCE, WakeUp())
    await until(stopped.step, lambda: len(receiver.requests) == 5)
    await stopped.close()

    async with engine.connect() as db:
        assert set(await db.scalars(sa.select(deliveries.c.claimed_until))) == {None}
    assert await states(engine) == {("due", 0): 5}
    del receiver.always["/hook"]
    async with webhooks(engine, poster) as running:
        await deliver_all(engine, running, 5)


async def test_a_stop_while_the_database_is_away_is_orderly_all_the_same(
    engine: AsyncEngine, database: str, receiver: Receiver, poster: Poster
) -> None:
    receiver.always["/hook"] = silent
    await prepare(engine, Callback("shop", receiver.url()))
    await emit(engine, 2)
    async with proxy.before(database) as (_, url):
        through = open_engine(url)
        stopped = Webhooks(through, poster, AT_ONCE, WakeUp())
        await until(stopped.step, lambda: len(receiver.requests) == 2)

    await stopped.close()
    await through.dispose()

    async with engine.connect() as db:
        assert None not in set(await db.scalars(sa.select(deliveries.c.claimed_until)))


async def test_two_processes_share_the_work_and_post_nothing_twice(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    await prepare(engine, Callback("one", receiver.url("/1")), Callback("two", receiver.url("/2")))
    await emit(engine, 300)

    async with (
        webhooks(engine, poster) as first,
        webhooks(engine, poster) as second,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(deliver_all(engine, first, 600))
        group.create_task(deliver_all(engine, second, 600))

    for path in ("/1", "/2"):
        assert Counter(r.event["position"] for r in receiver.of(path)) == dict.fromkeys(range(1, 301), 1)


async def test_a_disabled_endpoint_gets_nothing_and_goes_on_where_it_stopped(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    shop = Callback("shop", receiver.url())
    await prepare(engine, shop)
    await emit(engine, 2)
    async with webhooks(engine, poster) as running:
        await deliver_all(engine, running, 2)
        await prepare(engine)
        await emit(engine, 3)
        assert not await running.step()
        await prepare(engine, shop)
        await deliver_all(engine, running, 5)

    assert sorted(request.event["position"] for request in receiver.requests) == [1, 2, 3, 4, 5]


async def test_an_endpoint_that_is_added_later_gets_what_happens_from_then_on(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    await prepare(engine, Callback("first", receiver.url("/first")))
    await emit(engine, 2)
    await prepare(
        engine, Callback("first", receiver.url("/first")), Callback("later", receiver.url("/later"))
    )
    await emit(engine, 2)

    async with webhooks(engine, poster) as running:
        await deliver_all(engine, running, 6)

    assert sorted(request.event["position"] for request in receiver.of("/later")) == [3, 4]


async def test_an_outcome_whose_delivery_was_deleted_is_not_recorded(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    await prepare(engine, Callback("shop", receiver.url()))
    await emit(engine, 1)
    async with webhooks(engine, poster) as running:
        await until(running.step, lambda: len(receiver.requests) == 1)
        async with engine.begin() as db:
            await db.execute(sa.delete(deliveries))
        await until(running.step, lambda: not running._posting and not running._ended)

    assert await tried(engine) == []


async def test_a_fault_in_one_delivery_stops_no_other(engine: AsyncEngine, receiver: Receiver) -> None:
    async def resolve(host: str, port: int) -> list[Address]:
        if host == "odd.example":
            raise KeyError(host)
        return [ip_address("127.0.0.1")]

    poster = Poster(resolve, guard=address_filter.Guard(address_filter.EVERYWHERE))
    await prepare(engine, Callback("odd", "http://odd.example/"), Callback("shop", receiver.url()))
    await emit(engine, 1)
    async with webhooks(engine, poster, WebhookTerms(())) as running:
        await deliver_all(engine, running, 1)
        await until(running.step, lambda: not running._posting and not running._ended)

    assert {row.response for row in await tried(engine)} == {"ok", "not posted (KeyError)"}
    assert await states(engine) == {("delivered", 1): 1, ("failed", 1): 1}


async def test_every_event_arrives_though_the_receiver_fails_at_random_and_the_relay_is_killed(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    chance = random.Random(11)
    bad = [status(500), reset, cut_off, status(302)]

    def moody(request: Request, writer: asyncio.StreamWriter) -> None:
        (chance.choice(bad) if chance.random() < 0.3 else ok)(request, writer)

    receiver.always["/hook"] = moody
    await prepare(engine, Callback("shop", receiver.url()))
    for killed_after in (3, 5, 8):
        await emit(engine, 60)
        doomed = Webhooks(engine, poster, WebhookTerms((0,) * 50, claim_seconds=0.2), WakeUp())
        for _ in range(killed_after):
            await doomed.step()
            await asyncio.sleep(0)
        for task in doomed._posting:
            task.cancel()

    async with webhooks(engine, poster, WebhookTerms((0,) * 50)) as running:
        await deliver_all(engine, running, 180)

    assert {request.event["position"] for request in receiver.requests} == set(range(1, 181))


def ok(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)


async def test_the_sequencer_numbers_and_wakes_and_a_second_one_stands_by(engine: AsyncEngine) -> None:
    woken = 0

    def wake() -> None:
        nonlocal woken
        woken += 1

    first, second = (
        sequencer.Sequencer(engine, Lease(engine, "sequencer", "first"), wake),
        sequencer.Sequencer(engine, Lease(engine, "sequencer", "second"), wake),
    )
    async with engine.begin() as db:
        await outbox.emit(db, [OutboxEvent(1, "one", "ACC_CREATED", "{}")])

    assert [await first.step(), await first.step(), await second.step()] == [False, False, False]
    assert woken == 1
    await first.close()
    third = sequencer.Sequencer(engine, Lease(engine, "sequencer", "third"), wake)
    async with engine.begin() as db:
        await outbox.emit(db, [OutboxEvent(1, "one", "ACC_UPDATED", "{}")])
    await third.step()
    assert woken == 2


async def test_the_sequencer_pauses_longer_after_many_events_and_not_at_all_where_there_are_more(
    engine: AsyncEngine,
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    lease = Lease(engine, "sequencer", "first")
    numbering = sequencer.Sequencer(engine, lease, lambda: None, sleep, clock=lambda: 0.0)
    many = sequencer.MANY_EVENTS
    for count in (many - 1, many, outbox.BATCH, outbox.BATCH + 1):
        async with engine.begin() as db:
            await outbox.emit(db, [OutboxEvent(n % 9, "one", "ACC_UPDATED", "{}") for n in range(count)])
        while await numbering.step():
            pass

    assert pauses == [0, sequencer.MANY_EVENTS_PAUSE_SECONDS, 0]
    assert not await numbering.step()


@pytest.mark.parametrize(
    ("cells", "pause"),
    [(1, sequencer.PAUSE_SECONDS), (2, 0.07), (64, sequencer.MANY_EVENTS_PAUSE_SECONDS)],
)
async def test_the_sequencer_numbers_a_few_batches_at_once_and_more_at_the_pace_of_all_cells(
    engine: AsyncEngine, cells: int, pause: float
) -> None:
    now = 0.0
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        pauses.append(round(seconds, 6))
        now += seconds

    async def number(batches: int) -> list[float]:
        pauses.clear()
        for _ in range(batches):
            async with engine.begin() as db:
                await outbox.emit(db, [OutboxEvent(1, "one", "ACC_UPDATED", "{}")])
            await numbering.step()
        return pauses[:]

    lease = Lease(engine, "sequencer", "first")
    numbering = sequencer.Sequencer(engine, lease, lambda: None, sleep, stride=cells, clock=lambda: now)

    assert await number(6) == [0] * sequencer.AT_ONCE + [pause] * 2
    now += pause
    assert await number(2) == [0, pause]
    now += 60
    assert await number(5) == [0] * sequencer.AT_ONCE + [pause]
