from datetime import UTC, datetime

import pytest

from app.domain.events import Event
from app.events import mqtt, topics
from app.events.topics import Queue


def event(event_type: str, foreign_id: str) -> Event:
    return Event(1, 1, 1, foreign_id, "ab", event_type, "{}", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("event_type", "foreign_id", "topic"),
    [
        ("ACC_CREATED", "shop-1", "kennel/acc/shop-1"),
        ("INV_TOTAL_PAYMENT_DETECTED", "a b", "kennel/inv/a b"),
        ("PAYMENT_SENT", "\u0110oge", "kennel/payment/\u0110oge"),
        ("ACC_CREATED", "a+b#c/d%e", "kennel/acc/a%2Bb%23c%2Fd%25e"),
        ("ACC_CREATED", "a\x00\n\x7f\x85", "kennel/acc/a%00%0A%7F%C2%85"),
        ("SYS_STARTUP", "", "kennel/sys"),
    ],
)
def test_a_topic_is_the_class_and_the_account_with_what_mqtt_forbids_escaped(
    event_type: str, foreign_id: str, topic: str
) -> None:
    assert topics.own(event(event_type, foreign_id)) == topic


def test_gigawallets_queues_get_their_types_beside_our_own_topics() -> None:
    queues = [Queue("account", ("ACC",)), Queue("all"), Queue("sent", ("PAYMENT_SENT",)), Queue("pay", ("PAYMENT",))]

    assert topics.of(event("ACC_CREATED", "x"), queues) == ["kennel/acc/x", "account", "all"]
    assert topics.of(event("PAYMENT_SENT", "x"), queues) == ["kennel/payment/x", "all", "sent", "pay"]


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://localhost", mqtt.Broker("localhost", 1883, tls=False)),
        ("mqtts://broker.example", mqtt.Broker("broker.example", 8883, tls=True)),
        ("mqtt://u%40x:p%2Fw@[::1]:99", mqtt.Broker("::1", 99, tls=False, username="u@x", password="p/w")),
    ],
)
def test_the_broker_and_the_login_are_read_from_the_url(url: str, broker: mqtt.Broker) -> None:
    assert mqtt.parse(url) == broker
    assert "p/w" not in f"{mqtt.parse(url)!r} {mqtt.parse(url)}"


@pytest.mark.parametrize("url", ["http://localhost", "mqtt://", "localhost:1883", "mqtt://host:port"])
def test_what_is_no_broker_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"mqtt|[Pp]ort"):
        mqtt.parse(url)
