"""The addresses of Kennel and of what serves it, to which no webhook may go."""

from app.config import own_addresses, sources

OF_THE_DEMO = {
    ("127.0.0.1", 8081),
    ("127.0.0.1", 8082),
    ("127.0.0.1", 8083),
    ("127.0.0.1", 1883),
    ("127.0.0.1", 18332),
    ("127.0.0.1", 28332),
}


def test_own_addresses_are_the_listeners_and_what_serves_kennel() -> None:
    remote = {
        "KENNEL_NODE_URL": "http://u:p@node.example:22555",
        "KENNEL_NODE_ZMQ": "tcp://10.0.0.2:28332",
        "KENNEL_DATABASE_URL": "postgresql://u:p@Db.example/kennel",
        "KENNEL_MQTT_URL": "mqtt://broker.example",
    }

    addresses = own_addresses.of(sources.read(remote))

    assert own_addresses.of(sources.read({})) == OF_THE_DEMO
    served = {("node.example", 22555), ("10.0.0.2", 28332), ("db.example", 5432), ("broker.example", 1883)}
    assert {(host.lower(), port) for host, port in addresses} == OF_THE_DEMO - {
        ("127.0.0.1", 18332),
        ("127.0.0.1", 28332),
    } | served


def test_each_of_several_databases_is_one() -> None:
    addresses = own_addresses.of(
        sources.read({"KENNEL_DATABASE_URL": "postgresql://u@one.example:5433,two.example/kennel"})
    )

    assert {("one.example", 5433), ("two.example", 5432)} <= addresses
