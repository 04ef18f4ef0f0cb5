"""What the operator may write, and what the program says when it is wrong."""

import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from app.cli import settings_catalog
from app.config import sources
from app.config.sections import EventBus, Logger, Queue
from app.config.settings import VARIABLES
from app.config.values import SettingsError
from app.db import database_url
from app.events.address_filter import EVERYWHERE

ROOT = Path(__file__).parents[3]
MAIN = {
    "KENNEL_NETWORK": "main",
    "KENNEL_DATABASE_URL": "postgresql://kennel:hush1@db/kennel",
    "KENNEL_NODE_URL": "http://user:hush2@node:22555",
    "KENNEL_SEED_PASSPHRASE": "hush3",
    "KENNEL_ADMIN_TOKEN": "hush7",
}
GIGAWALLET = """
confirmations = 12
webhook_retries = [1, 2]
webhook_allow_private = true

[callbacks.Shop]
Path = "https://shop.example/hook"
types = ["INV", "acc"]
hmacsecret = "hush4"

[callbacks.All]
path = "http://localhost:9000/"

[mqtt]
address = "broker:1883"
username = "us er"
password = "hush5/@"
clientid = "shop"

[mqtt.queues.Accounts]
topicfilter = "account"
types = ["ACC", "PAYMENT"]

[loggers.events]
path = "/var/log/events.log"
types = ["ALL"]
"""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder without a kennel.toml of somebody's."""
    monkeypatch.chdir(tmp_path)


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as raised:
        sources.read(environ)
    return str(raised.value)


def test_nothing_set_is_the_designs_defaults() -> None:
    read = sources.read({"PATH": "/bin"})

    assert (read.network, read.database_url, read.node_url) == ("regtest", None, None)
    assert (str(read.admin_bind), str(read.public_bind)) == ("127.0.0.1:8081", "127.0.0.1:8082")
    assert read.webhook_retries == (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    assert read.roles == {"http", "follow", "send", "relay"}
    assert read == sources.read({f"KENNEL_{name.upper()}": "" for name in VARIABLES})


def test_the_example_lists_every_variable_in_order_with_its_default_and_a_line_about_it() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    shown = [line.split("=", 1) for line in lines if not line.startswith("#") and line]

    expected = [
        [f"KENNEL_{name.upper()}", settings_catalog.default(field)] for name, field in VARIABLES.items()
    ]
    assert shown == expected
    assert all(lines[lines.index("=".join(pair)) - 1].startswith("# ") for pair in shown)
    assert sources.read(dict(shown)) == sources.read({})


def test_the_main_network_starts_when_its_variables_are_set() -> None:
    read = sources.read(MAIN | {"KENNEL_ADMIN_BIND": "[::1]:0", "KENNEL_PUBLIC_URL": "https://pay.example/"})

    assert read.database_url == "postgresql://kennel:hush1@db/kennel"
    assert read.seed_passphrase == "hush3"
    assert (read.admin_bind.host, read.admin_bind.port, read.public_url) == ("::1", 0, "https://pay.example")


@pytest.mark.parametrize("missing", ["KENNEL_DATABASE_URL", "KENNEL_NODE_URL"])
def test_the_main_network_does_not_start_without_each_of_its_variables(missing: str) -> None:
    assert missing in refusal({name: text for name, text in MAIN.items() if name != missing})


def test_the_main_network_may_have_the_embedded_database_by_its_name() -> None:
    assert sources.read(MAIN | {"KENNEL_DATABASE_URL": "embedded"}).database_url is None


@pytest.mark.parametrize(
    "url",
    [
        "postgres://a:b@h:5/d?sslmode=require",
        "postgresql://a:b@h:5/d?ssl=require",
        "postgresql+asyncpg://a@/d?host=h&port=5&sslmode=require&password=b",
    ],
)
def test_a_database_url_has_any_usual_spelling(url: str) -> None:
    parsed = database_url.parse(sources.read({"KENNEL_DATABASE_URL": url}).database_url or "")

    assert (parsed.hosts, parsed.user, parsed.password, parsed.database) == ((("h", 5),), "a", "b", "d")
    assert parsed.driver["dsn"] == "postgresql://?sslmode=require"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("KENNEL_NETWORK", "mainnet"),
        ("KENNEL_ADMIN_BIND", "8081"),
        ("KENNEL_ADMIN_BIND", "127.0.0.1:70000"),
        ("KENNEL_DEMO_SHOP_BIND", "0.0.0.0:8083"),
        ("KENNEL_CONFIRMATIONS", "0"),
        ("KENNEL_CONFIRMATIONS", "six"),
        ("KENNEL_CONFIRMATIONS", "1e3"),
        ("KENNEL_MAX_REORG_BLOCKS", "0"),
        ("KENNEL_POLL_SECONDS", "nan"),
        ("KENNEL_POLL_SECONDS", "0"),
        ("KENNEL_CELLS", "0"),
        ("KENNEL_CELLS", "65"),
        ("KENNEL_CELLS", "four"),
        ("KENNEL_ROLES", "http,mine"),
        ("KENNEL_ROLES", ","),
        ("KENNEL_WEBHOOK_RETRIES", "5,,6"),
        ("KENNEL_WEBHOOK_RETRIES", "0"),
        ("KENNEL_RATES", "EUR"),
        ("KENNEL_RATES", "EUR=0"),
        ("KENNEL_RATES", "XXQ=0.15"),
        ("KENNEL_RATES", "EUR=https://api.example/"),
        ("KENNEL_RATES", "EUR=0.15 EUR=0.16"),
        ("KENNEL_RATE_SECONDS", "1"),
        ("KENNEL_RATE_MAX_AGE_SECONDS", "60"),
        ("KENNEL_WEBHOOK_ALLOW_PRIVATE", "maybe"),
        ("KENNEL_WEBHOOK_ALLOW_PRIVATE", "10.0.0.1/8"),
        ("KENNEL_WEBHOOK_ALLOW_PRIVATE", "10.0.0.0/8,"),
        ("KENNEL_NODE_URL", "127.0.0.1:22555"),
        ("KENNEL_NODE_URL", "http://node:22555"),
        ("KENNEL_NODE_ZMQ", "http://x"),
        ("KENNEL_NODE_ZMQ", "tcp://127.0.0.1:28332"),
        ("KENNEL_NODE_COOKIE", "/a/.cookie"),
        ("KENNEL_DATABASE_URL", "mysql://a"),
        ("KENNEL_MQTT_URL", "mqtt://host:99999"),
        ("KENNEL_PLATFORM_ACCOUNT", "a/b"),
        ("KENNEL_HOT_CEILING", "much"),
        ("KENNEL_HOT_CEILING", "-1"),
        ("KENNEL_HOT_CEILING", "1000"),
        ("KENNEL_COLD_ADDRESS", "mfWyW5fc9NUj75YAnFgoRLrjxgLDn2MMth"),
        ("KENNEL_PUBLIC_URL", "pay.example"),
        ("KENNEL_LOG_LEVEL", "loud"),
        ("KENNEL_AUTH", "x" * 10_000),
        ("KENNEL_CONFIG", "/nowhere.toml"),
        ("KENNEL_SEED_PASSPHRASE_FILE", "/nowhere"),
    ],
)
def test_a_wrong_value_is_one_sentence_with_the_variables_name(variable: str, text: str) -> None:
    sentence = refusal({variable: text})

    assert re.fullmatch(r"[^\n]{10,400}\.", sentence)
    assert variable in sentence


def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant() -> None:
    assert "did you mean KENNEL_ADMIN_TOKEN?" in refusal({"KENNEL_ADMIN_TOKN": "x"})
    assert "KENNEL_QQQQ" in refusal({"KENNEL_QQQQ": "x"})


def test_a_token_that_others_can_guess_is_refused_where_they_can_try() -> None:
    short = {"KENNEL_ADMIN_TOKEN": "t" * 15}

    assert "16 characters or more" in refusal(short | {"KENNEL_ADMIN_BIND": "0.0.0.0:8081"})
    assert sources.read(short).admin_token == "t" * 15


def test_cold_storage_is_an_address_or_a_key_of_the_network() -> None:
    ceiling = {"KENNEL_HOT_CEILING": "1000.5"}
    address = "mfWyW5fc9NUj75YAnFgoRLrjxgLDn2MMth"

    assert sources.read(ceiling | {"KENNEL_COLD_ADDRESS": address}).hot_ceiling == 100_050_000_000
    for wrong in ("nowhere", "DJfU2p6woQ9GiBdiXsWZWJnJ9uDdZfSSNC", f"{address}x"):
        sentence = refusal(ceiling | {"KENNEL_COLD_ADDRESS": wrong})
        assert sentence.startswith("KENNEL_COLD_ADDRESS must be an address or an extended public key. The")


def test_sources_of_rates_have_blanks_or_commas_between() -> None:
    entries = ("eur=https://a.example/t?of=doge,x=1#/price", "USD=0.15", "EUR=0.16")
    expected = [("EUR", "a.example"), ("USD", "fixed"), ("EUR", "fixed")]

    for between in (" ", ", ", ",", "\n"):
        rates = sources.read({"KENNEL_RATES": between.join(entries)}).rates or ()
        assert [(source.currency, source.name) for source in rates] == expected
    assert "of EUR are at fixed" in refusal({"KENNEL_RATES": "EUR=0.15 EUR=0.16"})
    assert "secret" not in refusal({"KENNEL_RATES": "EUR=https://a.example/?key=secret"})


def test_names_of_hosts_come_with_commas_between() -> None:
    assert sources.read({"KENNEL_ALLOWED_HOSTS": "Pay.example, kennel"}).allowed_hosts == frozenset(
        ("pay.example", "kennel")
    )
    for wrong in ("http://pay.example", "pay.example:8082", "a b", "*.example"):
        assert "KENNEL_ALLOWED_HOSTS" in refusal({"KENNEL_ALLOWED_HOSTS": wrong})


def test_the_passphrase_comes_from_a_file_but_not_from_two_places(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_text("correct horse\n")
    named = {"KENNEL_SEED_PASSPHRASE_FILE": str(path)}

    assert sources.read(named).seed_passphrase == "correct horse"
    assert "both" in refusal(named | {"KENNEL_SEED_PASSPHRASE": "x"})
    path.write_text("\n")
    assert "empty" in refusal(named)


def test_no_secret_is_in_a_repr_or_in_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(GIGAWALLET)
    secrets = MAIN | {"KENNEL_ADMIN_TOKEN": "hush6"}

    assert "hush" not in repr(sources.read(secrets, path))
    for variable in ("DATABASE_URL", "NODE_URL", "MQTT_URL", "ADMIN_TOKEN", "SEED_PASSPHRASE"):
        with pytest.raises(SettingsError) as raised:
            sources.read({f"KENNEL_{variable}": "ftp://u:hush\x01@h"})
        assert "hush" not in f"{raised.value} {raised.value.__context__!r}"


def test_gigawallets_callbacks_and_queues_work_in_the_file_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "kennel.toml").write_text(GIGAWALLET)

    read = sources.read({"KENNEL_CONFIRMATIONS": "3"})

    assert [*read.callbacks] == ["Shop", "All"]
    shop, everything = read.callbacks.values()
    assert (shop.path, shop.types, shop.hmacsecret) == (
        "https://shop.example/hook",
        ("INV", "ACC"),
        "hush4",
    )
    assert (everything.types, everything.hmacsecret) == (("ALL",), None)
    assert read.queues == {"Accounts": Queue(topicfilter="account", types=("ACC", "PAYMENT"))}
    assert read.loggers == {"events": Logger(path="/var/log/events.log")}
    assert (read.mqtt_url, read.mqtt_client_id) == ("mqtt://us%20er:hush5%2F%40@broker:1883", "shop")
    assert (read.confirmations, read.webhook_retries, read.webhook_allow_private) == (3, (1, 2), EVERYWHERE)
    assert sources.read({"KENNEL_MQTT_URL": "mqtts://other"}).mqtt_url == "mqtts://other"


def test_a_callback_may_be_of_one_account_and_say_what_it_is_for(tmp_path: Path) -> None:
    named = 'foreign_id = "山田\u3000太郎 👨\u200d👧"\ndescription = "orders of the old\u200f shop"'
    (tmp_path / "kennel.toml").write_text(f'[callbacks.a]\npath = "http://x"\n{named}\n')

    [callback] = sources.read({}).callbacks.values()

    assert (callback.foreign_id, callback.description) == (
        "山田\u3000太郎 👨\u200d👧",
        "orders of the old\u200f shop",
    )


def test_a_filter_takes_every_class_and_every_type_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "kennel.toml").write_text("""
[loggers.a]
path = "a.log"
types = ["all", "SYS", "net", "Acc", "INV", "PAYMENT", "deposit", "payment_sent", "INV_CREATED"]
""")

    [logger] = sources.read({}).loggers.values()

    assert logger.types[4:] == ("INV", "PAYMENT", "DEPOSIT", "PAYMENT_SENT", "INV_CREATED")


def test_what_kennel_adds_to_gigawallets_sections_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "kennel.toml").write_text("""
[mqtt]
address = "mqtts://broker:8884"
username = "shop"
ca = "/etc/ca.pem"
cert = "/etc/shop.pem"
key = "/etc/shop.key"
protocol = 5
topic = "off"
[mqtt.queues.one]
topicfilter = "shop/{class}/{type}/{foreign_id}"
types = "inv"
qos = 2
retain = true
foreign_id = "one"
[loggers.one]
path = "one.log"
foreign_id = "one"
megabytes = 1
files = 2
[eventbridge.one]
bus = "shop"
region = "eu-central-1"
""")

    read = sources.read({"KENNEL_MQTT_CA": "/etc/other.pem"})

    assert read.mqtt_url == "mqtts://shop:@broker:8884"
    assert (str(read.mqtt_ca), str(read.mqtt_cert), str(read.mqtt_key)) == (
        "/etc/other.pem",
        "/etc/shop.pem",
        "/etc/shop.key",
    )
    assert (read.mqtt_protocol, read.mqtt_topic) == ("5", None)
    assert read.queues == {
        "one": Queue(
            topicfilter="shop/{class}/{type}/{foreign_id}",
            qos=2,
            retain=True,
            types=("INV",),
            foreign_id="one",
        )
    }
    assert read.loggers == {"one": Logger(path="one.log", megabytes=1, files=2, foreign_id="one")}
    assert read.event_buses == {"one": EventBus(bus="shop", region="eu-central-1")}


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("confirmation = 3", "did you mean KENNEL_CONFIRMATIONS?"),
        ("confirmations = 3.5", "KENNEL_CONFIRMATIONS"),
        ("a = ", "not TOML"),
        ("[webapi]\nadminport = 1", "[webapi]"),
        ("[callbacks.a]\ntypes = ['ACC']", "[callbacks.a] must have path"),
        ("[callbacks.a]\npath = 'x'", "[callbacks.a] must have path as a URL"),
        ("[callbacks.a]\npath = 'http://x'\ntype = 'ACC'", "[callbacks.a] has type"),
        ("[callbacks.a]\npath = 'http://x'\ntypes = 'A B'", "[callbacks.a] must have types"),
        (
            "[callbacks.a]\npath = 'http://x'\ntypes = ['inv', 'Inv_Paid']",
            "types as ALL, classes as INV, or event types, of which there is no Inv_Paid: there are ACC_",
        ),
        ("[mqtt.queues.a]\ntopicfilter = 'a'\ntypes = ['SHOP']", "there is no SHOP"),
        ("[loggers.a]\npath = 'a'\ntypes = 'PAID'", "there is no PAID"),
        ("[eventbridge.a]\nbus = 'a'\ntypes = []", "types as a list"),
        ("[callbacks.a]\npath = 'http://x'\nforeign_id = 'a/b'", "[callbacks.a] must have foreign_id"),
        ("[callbacks.a]\npath = 'http://x'\nforeign_id = 'a\u2028b'", "[callbacks.a] must have foreign_id"),
        ("platform_account = 'treasury'", "KENNEL_PLATFORM_ACCOUNT must be another name"),
        ("platform_account = '..'", "KENNEL_PLATFORM_ACCOUNT must be another name"),
        ("[callbacks]\na = 3", "[callbacks.a] must be a section"),
        ("[mqtt.queues.a]\ntopicfilter = 'a/#'", "without wildcards"),
        ("[mqtt.queues.a]\ntypes = ['ACC']", "must have topicfilter"),
        ("[mqtt.queues.a]\ntopicfilter = 'a/{who}'", "{class}, {type}, {foreign_id}"),
        (
            "[mqtt.queues.a]\ntopicfilter = 'a'\nqos = 3",
            "[mqtt.queues.a] must have qos as a whole number from 0 to 2",
        ),
        ("[mqtt.queues.a]\ntopicfilter = 'a'\nretain = 'x'", "must have retain as true or false"),
        ("[mqtt]\naddress = 'x'\ntopic = 'off'", "KENNEL_MQTT_TOPIC"),
        ("[mqtt]\naddress = 'x'\ntopic = 'a/{b}'", "KENNEL_MQTT_TOPIC"),
        ("[mqtt]\naddress = 'x'\nca = '/etc/ca'", "KENNEL_MQTT_CA"),
        ("[mqtt]\naddress = 'mqtts://x'\nkey = '/etc/key'", "KENNEL_MQTT_CERT"),
        ("[mqtt]\nprotocol = 3", "KENNEL_MQTT_PROTOCOL must be one of 3.1.1, 5"),
        ("[eventbridge.a]\nregion = 'x'", "[eventbridge.a] must have bus"),
        ("[eventbridge.a]\nbus = 'a'\nendpoint = 'x'", "[eventbridge.a] must have endpoint as a URL"),
        ("[loggers.a]\ntypes = ['ACC']", "[loggers.a] must have path"),
        ("[loggers.a]\npath = 'a'\nfiles = 0", "[loggers.a] must have files"),
        ("[loggers.a]\npath = 'a'\n[loggers.b]\npath = 'a'", "same path"),
        ("[mqtt]\nqueues = 4", "[mqtt.queues]"),
        ("[mqtt]\nadress = 'x'", "has adress"),
        ("[mqtt]\naddress = ':x'", "KENNEL_MQTT_URL"),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_what_is_wrong(tmp_path: Path, file: str, words: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(file)

    with pytest.raises(SettingsError) as raised:
        sources.read({}, path)

    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_webhooks_may_go_to_the_networks_that_are_named() -> None:
    written = {
        "true": EVERYWHERE,
        "no": (),
        "10.20.0.0/16, fd00::/8": (IPv4Network("10.20.0.0/16"), IPv6Network("fd00::/8")),
    }

    for text, networks in written.items():
        assert sources.read({"KENNEL_WEBHOOK_ALLOW_PRIVATE": text}).webhook_allow_private == networks


def test_the_shops_picture_may_be_in_the_setting_itself() -> None:
    picture = "data:image/png;base64,".ljust(40_000, "A")

    assert sources.read({"KENNEL_SHOP_LOGO": picture}).shop_logo == picture
    assert "KENNEL_SHOP_LOGO must be text of at most 40000" in refusal({"KENNEL_SHOP_LOGO": picture + "A"})
