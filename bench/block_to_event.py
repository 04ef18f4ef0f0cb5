"""Milliseconds from a block at the node to its event, at a webhook's receiver and at an MQTT subscriber."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import aiomqtt

from bench import arrivals, programs, shop
from bench.arrivals import Arrivals, p50, p99
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Devnet, Testbed
from bench.shop import Shop

ROUNDS, BLOCKS = 4, 60
LIMIT_MILLISECONDS = 250
BARE = 3
"""How many times as long as the bare loop it may take."""
EVENT = "INV_TOTAL_PAYMENT_DETECTED"


class Round(NamedTuple):
    """Milliseconds from block to each end: a webhook, MQTT, and the webhook of the bare loop."""

    webhook: list[float]
    mqtt: list[float]
    bare: list[float]


async def measure(testbed: Testbed) -> list[Figure]:
    """Mine one block after the other, each with a payment, at the program's node and at that of a bare loop."""
    async with AsyncExitStack() as stack:
        events = Arrivals(frozenset({"block", "webhook", "mqtt"}))
        kennel = await stack.enter_async_context(_kennel(testbed, events))
        posts = Arrivals(frozenset({"block", "webhook"}))
        bare = await stack.enter_async_context(_bare(testbed, posts))
        await _round(kennel, events, bare, posts, 3)  # the first blocks open connections
        rounds = [await _round(kennel, events, bare, posts, BLOCKS) for _ in range(ROUNDS)]
    return [*_figures(rounds), _beside_bare(rounds)]


async def _round(kennel: Shop, events: Arrivals, bare: Devnet, posts: Arrivals, blocks: int) -> Round:
    """Mine at both nodes in turn: neither program has the other at work beside it."""
    round_ = Round([], [], [])
    for _ in range(blocks):
        await kennel.pay(await kennel.invoice())
        events.clear()
        await kennel.mine()
        await events.all()
        round_.webhook.append(events.milliseconds("block", "webhook"))
        round_.mqtt.append(events.milliseconds("block", "mqtt"))
        posts.clear()
        await bare.ask("generate", 1)
        await posts.all()
        round_.bare.append(posts.milliseconds("block", "webhook"))
    return round_


def _figures(rounds: Sequence[Round]) -> list[Figure]:
    """Make the figures against the limit: of all blocks, and of the slower way."""
    ways: Mapping[str, list[float]] = {
        name: [time for round_ in rounds for time in getattr(round_, name)] for name in ("webhook", "mqtt")
    }
    times = {"block_to_event": max(map(p99, ways.values()))}
    times |= {f"block_to_{name}_p99": p99(way) for name, way in ways.items()}
    times |= {f"block_to_{name}_median": p50(way) for name, way in ways.items()}
    return [Figure(name, "ms", time, LIMIT_MILLISECONDS, 1, at_most=True) for name, time in times.items()]


def _beside_bare(rounds: Sequence[Round]) -> Figure:
    terms = Terms("block_to_webhook", "ms, p99", BARE, at_most=True)
    return of_rounds(
        terms, [p99(round_.webhook) for round_ in rounds], [p99(round_.bare) for round_ in rounds]
    )


@asynccontextmanager
async def _kennel(testbed: Testbed, events: Arrivals) -> AsyncIterator[Shop]:
    """Yield a shop whose events come by webhook and by MQTT."""
    async with (
        programs.devnet(testbed.folder()) as node,
        programs.running("bench.broker") as broker,
        arrivals.receiver(lambda: events.note("webhook")) as port,
    ):
        settings = {
            "config": shop.callback(testbed.folder(), port, EVENT),
            "mqtt_url": f"mqtt://127.0.0.1:{broker.port('port')}",
            "webhook_allow_private": "true",
        }
        async with (
            shop.opened(testbed, node, **settings) as opened,
            arrivals.listening(
                events.hear(node, "hashblock", "block"), _subscribe(broker.port("port"), events)
            ),
        ):
            yield opened


@asynccontextmanager
async def _bare(testbed: Testbed, posts: Arrivals) -> AsyncIterator[Devnet]:
    """Yield the node of the bare loop."""
    async with (
        programs.devnet(testbed.folder()) as node,
        arrivals.receiver(lambda: posts.note("webhook")) as port,
        programs.running("bench.bare_hook", node.url, node.zmq, f"http://127.0.0.1:{port}/"),
        arrivals.listening(posts.hear(node, "hashblock", "block")),
    ):
        yield node


async def _subscribe(port: int, events: Arrivals) -> None:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("kennel/inv/#", qos=1)
        async for message in client.messages:
            if isinstance(message.payload, bytes) and json.loads(message.payload)["event_type"] == EVENT:
                events.note("mqtt")
