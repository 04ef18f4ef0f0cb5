"""Events come by webhook and MQTT, signed and in order, however often the receivers go down."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.program import Program, running, until, until_equal
from tests.end_to_end.receivers import SECRET, Audience, Broker, listening
from tests.end_to_end.shop import PAID, SIGHTINGS, Shop

CONFIRMED = "INV_TOTAL_PAYMENT_CONFIRMED"
SOLD = ["INV_CREATED", *PAID, CONFIRMED]


@pytest.fixture(scope="module")
def audience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audience]:
    with listening(tmp_path_factory.mktemp("audience")) as audience:
        yield audience


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, audience: Audience) -> Iterator[Program]:
    """A program that sends all events to the audience."""
    home = tmp_path_factory.mktemp("telling")
    audience.configure(home)
    with running(Program(home)) as started:
        started.node.fill_faucet()
        started.keep_up()
        yield started


@pytest.fixture
def shop(program: Program, request: pytest.FixtureRequest) -> Shop:
    return Shop(program, request.node.name[:200]).open()


def test_webhook_and_mqtt_get_the_events_of_a_sale_as_they_are_read_back(
    program: Program, shop: Shop, audience: Audience
) -> None:
    receiver, subscriber = audience.receiver, audience.subscriber
    _sell(shop)

    events = program.events(foreign_id=shop.foreign_id)
    until(
        lambda: {event["position"] for event in events} <= set(receiver.positions) & set(subscriber.positions)
    )
    posted = {post.event["position"]: post.event for post in receiver.posts}
    heard = [(topic, event) for topic, event in subscriber.messages if event in events]
    assert [posted[event["position"]] for event in events] == events
    own = [(topic, event) for topic, event in heard if topic.startswith("kennel/")]
    assert [event for _, event in own] == events
    assert [topic for topic, _ in own] == [
        f"kennel/{event['event_type'].partition('_')[0].lower()}/{shop.foreign_id}" for event in events
    ]
    sales = [event["event_type"] for topic, event in heard if topic == "sales"]
    assert [event_type for event_type in sales if event_type not in SIGHTINGS] == SOLD


def test_a_webhooks_signatures_are_those_that_its_receiver_computes(
    program: Program, shop: Shop, audience: Audience
) -> None:
    _sell(shop)
    audience.hears_all(program, audience.receiver)

    for post in audience.receiver.posts:
        stamp, body = post.headers["x-giga-timestamp"], post.body
        giga = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        assert post.headers["x-giga-signature"] == f"sha256={giga}"
        known, stamp = post.headers["webhook-id"], post.headers["webhook-timestamp"]
        digest = hmac.digest(SECRET.encode(), f"{known}.{stamp}.".encode() + body, "sha256")
        assert post.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        assert known == post.event["event_id"]
        assert post.headers["content-type"] == "application/json"


def test_a_receiver_that_was_down_and_then_refused_gets_everything_in_the_end(
    program: Program, shop: Shop, audience: Audience
) -> None:
    receiver = audience.receiver
    receiver.down()
    _sell(shop)
    audience.hears_all(program, audience.subscriber)  # it does not wait for the receiver
    receiver.up(status=503)
    _sell(shop)

    receiver.up()

    audience.hears_all(program)
    assert len(receiver.positions) == len(set(receiver.positions))


@pytest.mark.skipif(not Broker.installed, reason="the demo's broker forgets its sessions when it goes down")
def test_a_broker_that_was_down_gets_everything_in_order_when_it_is_back(
    program: Program, shop: Shop, audience: Audience
) -> None:
    audience.broker.stop()
    _sell(shop)
    audience.hears_all(program, audience.receiver)

    audience.broker.up()

    audience.hears_all(program)
    own = [event["position"] for topic, event in audience.subscriber.messages if topic.startswith("kennel/")]
    assert [position for n, position in enumerate(own) if position not in own[:n]] == sorted(set(own))


def _sell(shop: Shop) -> None:
    """Sell something, and wait until all its events can be read back."""
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    shop.program.pay(invoice, "10")
    shop.program.mine()
    until_equal(lambda: [event["event_type"] for event in _of_invoice(shop, invoice)], SOLD)


def _of_invoice(shop: Shop, invoice: str) -> list[dict[str, Any]]:
    events = shop.program.events(foreign_id=shop.foreign_id, types="INV")
    return [
        event
        for event in events
        if invoice in (event["message"].get("invoice_id"), event["message"].get("id"))
        and event["event_type"] not in SIGHTINGS
    ]
