"""What happens is told by webhook and MQTT, signed, in order, and however often those who listen go away."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.program import Program, running, until, until_equal
from tests.end_to_end.receivers import Broker, Receiver, Subscriber
from tests.end_to_end.shop import PAID, Shop

SECRET = "such-secret"
CONFIRMED = "INV_TOTAL_PAYMENT_CONFIRMED"
SOLD = ["INV_CREATED", *PAID, CONFIRMED]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    found.up()
    yield found
    found.down()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    found = Broker(tmp_path_factory.mktemp("broker"))
    found.up()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    with closing(Subscriber(broker.port)) as found:
        found.start()
        yield found


@pytest.fixture(scope="module")
def telling(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, broker: Broker, subscriber: Subscriber
) -> Iterator[Program]:
    """A program whose kennel.toml has GigaWallet's sections for them."""
    home = tmp_path_factory.mktemp("telling")
    _configure(home, receiver, broker)
    retries = ",".join(["1"] * 20)
    with running(Program(home, KENNEL_WEBHOOK_ALLOW_PRIVATE="true", KENNEL_WEBHOOK_RETRIES=retries)) as program:
        program.node.fill_faucet()
        program.keep_up()
        yield program


@pytest.fixture
def shop(telling: Program, request: pytest.FixtureRequest) -> Shop:
    return Shop(telling, request.node.name[:200]).open()


def test_a_sale_is_told_by_webhook_and_mqtt_just_as_it_is_read_back(
    telling: Program, shop: Shop, receiver: Receiver, subscriber: Subscriber
) -> None:
    _sell(shop)

    events = telling.events(foreign_id=shop.foreign_id)
    until(lambda: {event["position"] for event in events} <= set(receiver.positions) & set(subscriber.positions))
    posted = {post.event["position"]: post.event for post in receiver.posts}
    heard = [(topic, event) for topic, event in subscriber.messages if event in events]
    assert [posted[event["position"]] for event in events] == events
    own = [(topic, event) for topic, event in heard if topic.startswith("kennel/")]
    assert [event for _, event in own] == events
    assert [topic for topic, _ in own] == [
        f"kennel/{event['event_type'][:3].lower()}/{shop.foreign_id}" for event in events
    ]
    assert [event["event_type"] for topic, event in heard if topic == "sales"] == SOLD


def test_a_webhooks_signatures_are_those_that_its_receiver_computes(shop: Shop, receiver: Receiver) -> None:
    _sell(shop)
    until(lambda: any(post.event["message"].get("foreign_id") == shop.foreign_id for post in receiver.posts))

    for post in receiver.posts:
        stamp, body = post.headers["x-giga-timestamp"], post.body
        giga = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        assert post.headers["x-giga-signature"] == f"sha256={giga}"
        known, stamp = post.headers["webhook-id"], post.headers["webhook-timestamp"]
        digest = hmac.digest(SECRET.encode(), f"{known}.{stamp}.".encode() + body, "sha256")
        assert post.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        assert known == post.event["event_id"]
        assert post.headers["content-type"] == "application/json"


def test_a_receiver_that_was_down_and_then_refused_gets_everything_in_the_end(
    telling: Program, shop: Shop, receiver: Receiver, subscriber: Subscriber
) -> None:
    receiver.down()
    _sell(shop)
    _heard(shop, subscriber)  # the other is not kept waiting
    receiver.up(status=503)
    _sell(shop)

    receiver.up()

    _complete(telling, receiver)
    assert len(receiver.positions) == len(set(receiver.positions))


@pytest.mark.skipif(not Broker.installed, reason="the demo's broker forgets its sessions when it goes down")
def test_a_broker_that_was_down_gets_everything_in_order_when_it_is_back(
    telling: Program, shop: Shop, receiver: Receiver, broker: Broker, subscriber: Subscriber
) -> None:
    broker.stop()
    _sell(shop)
    _complete(telling, receiver)

    broker.up()

    _complete(telling, subscriber)
    own = [event["position"] for topic, event in subscriber.messages if topic.startswith("kennel/")]
    assert [position for n, position in enumerate(own) if position not in own[:n]] == sorted(set(own))


def test_kill_9_of_the_program_that_tells_loses_nothing(
    telling: Program, shop: Shop, receiver: Receiver, subscriber: Subscriber
) -> None:
    receiver.down()
    for _ in range(3):
        shop.invoice()
    telling.kill()
    receiver.up()

    telling.start()
    _sell(shop)

    _complete(telling, receiver)
    _complete(telling, subscriber)


def _configure(home: Path, receiver: Receiver, broker: Broker) -> None:
    (home / "kennel.toml").write_text(
        f'mqtt_url = "mqtt://127.0.0.1:{broker.port}"\n\n'
        f'[callbacks.shop]\npath = "http://127.0.0.1:{receiver.port}/hook"\ntypes = ["ALL"]\nhmacsecret = "{SECRET}"\n\n'
        f'[mqtt.queues.sales]\ntopicfilter = "sales"\ntypes = ["INV"]\n'
    )


def _sell(shop: Shop) -> None:
    """Sell something, and wait until all that was told of it can be read back."""
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    shop.program.pay(invoice, "10")
    shop.program.mine()
    until_equal(lambda: [event["event_type"] for event in _of_invoice(shop, invoice)], SOLD)


def _of_invoice(shop: Shop, invoice: str) -> list[dict[str, Any]]:
    events = shop.program.events(foreign_id=shop.foreign_id, types="INV")
    return [event for event in events if invoice in (event["message"].get("invoice_id"), event["message"].get("id"))]


def _heard(shop: Shop, subscriber: Subscriber) -> None:
    wanted = {event["position"] for event in shop.program.events(foreign_id=shop.foreign_id)}
    until(lambda: wanted <= set(subscriber.positions))


def _complete(program: Program, told: Receiver | Subscriber) -> None:
    """Wait until every event there is has come to this one."""
    until(lambda: {event["position"] for event in program.events()} == set(told.positions), 60)
