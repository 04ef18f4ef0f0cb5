from datetime import UTC, datetime

import pytest

from app.domain.outbox import Event
from app.events import mqtt_sink, mqtt_topics
from app.events.mqtt_sink import Broker
from app.events.mqtt_topics import Queue
from app.events.tls import Certificates


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
        ("ACC_CREATED", "山\u3000郎\u200d", "kennel/acc/山\u3000郎\u200d"),
        ("ACC_CREATED", "\ufdd0\uffff\U0010fffe", "kennel/acc/%EF%B7%90%EF%BF%BF%F4%8F%BF%BE"),
        ("SYS_STARTUP", "", "kennel/sys"),
    ],
)
def test_a_topic_is_the_class_and_the_account_with_what_mqtt_forbids_escaped(
    event_type: str, foreign_id: str, topic: str
) -> None:
    assert mqtt_topics.fill(mqtt_topics.DEFAULT, event(event_type, foreign_id)) == topic


def test_each_queue_gets_its_types_and_its_account() -> None:
    default, sent, of_account = (
        Queue(mqtt_topics.DEFAULT),
        Queue("sent", ("PAYMENT_SENT",), 0, retain=True),
        Queue("x", foreign_id="x"),
    )
    queues = [default, Queue("account", ("ACC",)), sent, Queue("pay", ("PAYMENT",)), of_account]

    assert mqtt_topics.of(event("ACC_CREATED", "y"), queues) == [
        ("kennel/acc/y", 1, False),
        ("account", 1, False),
    ]
    assert mqtt_topics.of(event("PAYMENT_SENT", "x"), queues) == [
        ("kennel/payment/x", 1, False),
        ("sent", 0, True),
        ("pay", 1, False),
        ("x", 1, False),
    ]


@pytest.mark.parametrize(
    ("template", "of_account", "of_none"),
    [
        ("account", "account", "account"),
        ("/a//{type}/", "/a//INV_CREATED/", "/a//INV_CREATED/"),
        ("{class}/{foreign_id}/{type}", "inv/x%2Fy/INV_CREATED", "inv/INV_CREATED"),
        ("shop-{foreign_id}", "shop-x%2Fy", "shop-"),
    ],
)
def test_a_template_is_filled_and_what_an_event_has_not_is_no_level(
    template: str, of_account: str, of_none: str
) -> None:
    assert mqtt_topics.fill(template, event("INV_CREATED", "x/y")) == of_account
    assert mqtt_topics.fill(template, event("INV_CREATED", "")) == of_none


def test_no_account_makes_a_topic_one_of_the_brokers_own() -> None:
    assert mqtt_topics.fill("{foreign_id}/{type}", event("INV_CREATED", "$SYS")) == "%24SYS/INV_CREATED"
    assert mqtt_topics.fill("kennel/{foreign_id}", event("INV_CREATED", "$SYS")) == "kennel/$SYS"
    assert mqtt_topics.fill("$own/{type}", event("INV_CREATED", "$SYS")) == "$own/INV_CREATED"


@pytest.mark.parametrize(
    "template",
    [
        "",
        "a/+",
        "#",
        "{account}",
        "{Class}",
        "a{",
        "}",
        "{foreign_id}",
        "/{foreign_id}",
        "{type}" * 9,
        "a\x00",
        "a\u2028b",
        "a\ufffe",
    ],
)
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(mqtt_topics.WrongTemplate, match="a topic with"):
        Queue(template)


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://localhost", Broker("localhost", 1883)),
        ("mqtts://broker.example", Broker("broker.example", 8883, Certificates())),
        ("mqtt://u%40x:p%2Fw@[::1]:99", Broker("::1", 99, username="u@x", password="p/w")),
    ],
)
def test_the_broker_and_the_login_are_read_from_the_url(url: str, broker: Broker) -> None:
    assert mqtt_sink.parse(url) == broker
    assert "p/w" not in f"{mqtt_sink.parse(url)!r} {mqtt_sink.parse(url)}"


@pytest.mark.parametrize("url", ["http://localhost", "mqtt://", "localhost:1883", "mqtt://host:port"])
def test_what_is_no_broker_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"mqtt|[Pp]ort"):
        mqtt_sink.parse(url)
