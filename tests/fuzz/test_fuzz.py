"""Whatever comes in is read or refused by name, and what is read is written as it came. Nothing else happens.

`make soak-fuzz` tries a million inputs.
"""

import os
import random
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from functools import cache
from typing import Any, Final

import pytest
from starlette.requests import Request

from app import money, urls
from app.api import application, cursors, json_reader, request_body
from app.api.request_body import Body
from app.chain import header, wire
from app.chain.keys import Keyring
from app.config import sources
from app.config.settings import VARIABLES
from app.config.values import SettingsError
from app.db import database_url
from app.domain.dogecoin import addresses, base58, hd_keys, networks
from app.domain.refusals import Refusal
from tests import scenario
from tests.fuzz.inputs import Inputs
from tests.unit.chain.test_wire import recorded_blocks

COUNT: Final = int(os.environ.get("SOAK_COUNT", "0")) or 20_000
SEED: Final = os.environ.get("SOAK_SEED")
SHARES: Final = 100
AMOUNTS: Final = ("12.5", "0.00000001", "9999999999.99999999", "1", "0", "10000000000")
ADDRESSES: Final = tuple(
    base58.base58_encode(bytes([version]) + bytes(range(20)))
    for network in networks.NETWORKS
    for version in (network.p2pkh, network.p2sh, network.wif)
)
URLS: Final = ("https://shop.example/hook?a=b", "http://user:hush@10.0.0.1:8080/x", "http://[2001:db8::1]/")
DATABASES: Final = (
    "postgresql://kennel:hush@one:5432,two/kennel?sslmode=require&connect_timeout=3",
    "postgres://kennel@/kennel?host=/run/postgresql&port=5433&target_session_attrs=any",
)
CURSOR: Final = cursors.Cursor(r"([^\0]{1,300})", str, cursors.TEXT)
"""As lists by names have them."""


@pytest.fixture(scope="module")
def seed() -> int:
    """The seed of all inputs. It is printed, so that a failure can be repeated."""
    number = int(SEED) if SEED else random.SystemRandom().randrange(2**32)
    print(f"make soak-fuzz SEED={number}", flush=True)  # noqa: T201  to repeat a failure
    return number


def blocks(inputs: Inputs) -> None:
    raw = inputs.raw([raw for raw, _ in recorded_blocks()])
    try:
        block = wire.parse_block(raw)
    except header.Unreadable:
        return
    parts = [raw[:80], block.auxpow, wire.compact_size(len(block.transactions))]
    assert b"".join([*parts, *map(wire.serialise, block.transactions)]) == raw


def transactions(inputs: Inputs) -> None:
    raw = inputs.raw(_transactions())
    try:
        transaction = wire.parse_transaction(raw)
    except header.Unreadable:
        return
    assert wire.serialise(transaction) == raw
    assert all(0 <= output.value <= money.MAX_MONEY for output in transaction.outputs)


@cache
def _transactions() -> list[bytes]:
    return [
        transaction.raw for raw, _ in recorded_blocks() for transaction in wire.parse_block(raw).transactions
    ]


def headers(inputs: Inputs) -> None:
    raw = inputs.raw([raw[:80] for raw, _ in recorded_blocks()])
    try:
        read = header.parse_header(raw)
    except header.Unreadable:
        return
    assert len(raw) == header.HEADER_BYTES
    assert read.hash == base58.hash256(raw)


def amounts(inputs: Inputs) -> None:
    text = inputs.chance.choice((inputs.number(), inputs.text(AMOUNTS)))
    decimals = inputs.chance.choice((0, 2, 8, 18))
    try:
        amount = money.parse(text, decimals)
    except money.BadAmount:
        return
    assert money.parse(money.show(amount, decimals), decimals) == amount
    assert Decimal(money.show(amount, decimals)) == Decimal(text)


def address_texts(inputs: Inputs) -> None:
    text, network = inputs.text(ADDRESSES), inputs.chance.choice(networks.NETWORKS)
    try:
        script = addresses.to_script(network, text)
    except addresses.BadAddress:
        return
    assert addresses.to_address(network, script) == text


def extended_keys(inputs: Inputs) -> None:
    try:
        key = hd_keys.parse_xpub(text := inputs.text(_xpubs()))
    except hd_keys.BadExtendedKey:
        return
    assert hd_keys.write_xpub(networks.REGTEST, key) == text


@cache
def _xpubs() -> list[str]:
    return [key.xpub for key in Keyring(networks.REGTEST, scenario.WORDS).account_xpubs(0, 3)]


def bodies(inputs: Inputs) -> None:
    model, rights = inputs.chance.choice(_models())
    content = inputs.body(rights)
    request = Request({"type": "http", request_body._CONTENT: content})
    try:
        _run(request_body.Reader(model)(request))
    except Refusal:
        return
    tree = json_reader.read(content)
    assert len(request_body.fingerprint("POST", "/", tree)) == 32
    with suppress(ValueError):  # of numbers that no reader takes
        written = json_reader.exact(tree).encode()
        assert json_reader.canonical(json_reader.read(written)) == json_reader.canonical(tree)


def _run(reading: Any) -> None:
    """Read to the end; nothing there waits for anything."""
    with pytest.raises(StopIteration):
        reading.send(None)


@cache
def _models() -> list[tuple[type[Body], list[dict[str, Any]]]]:
    """All bodies, each with examples of it."""
    assert application
    return [(model, list(_examples(model))) for model in _below(Body) if not model.__abstractmethods__]


def _below(model: type[Body]) -> Iterator[type[Body]]:
    for child in model.__subclasses__():
        if child.__module__.startswith("app."):
            yield child
        yield from _below(child)


def _examples(model: type[Body]) -> Iterator[dict[str, Any]]:
    """The examples that are documented, and one with all fields."""
    extra = model.model_config.get("json_schema_extra")
    if isinstance(extra, dict):
        yield from extra.get("examples", ())  # type: ignore[misc]
    yield {field.alias or name: "1" for name, field in model.model_fields.items()}


def cursor_texts(inputs: Inputs) -> None:
    try:
        key = CURSOR.read(text := inputs.text([CURSOR.write("shop"), CURSOR.write("é🐕"), "0"]))
    except Refusal:
        return
    assert CURSOR.read(CURSOR.write(key)) == key, text


def url_texts(inputs: Inputs) -> None:
    try:
        origin, _ = urls.parse(text := inputs.text(URLS))
    except ValueError:
        return
    assert origin.host
    assert 0 <= origin.port <= 65_535
    assert urls.without_password(text) is not None


def database_urls(inputs: Inputs) -> None:
    text = inputs.text(DATABASES)
    with suppress(database_url.WrongUrl):
        parsed = database_url.parse(text)
        assert (
            parsed.password != "hush" or text.count("hush") > 1 or "hush" not in f"{parsed!r} {parsed.shown}"
        )
        assert parsed.connect_seconds > 0
        assert {"user", "password", "database"} <= parsed.driver.keys()
        assert parsed.keep_alive is None or parsed.keep_alive.idle_seconds >= 0


def variables(inputs: Inputs) -> None:
    names = inputs.chance.sample(sorted(VARIABLES), inputs.chance.randrange(1, 4))
    rights = (*URLS, *DATABASES, *AMOUNTS, "127.0.0.1:8081", "http,follow", "EUR=0.15", "10.0.0.0/8", "info")
    environment = {f"KENNEL_{name.upper()}": inputs.text(rights) for name in names}
    with suppress(SettingsError):
        sources.read({name: text for name, text in environment.items() if "\0" not in text})


TARGETS: Final[dict[Callable[[Inputs], None], int]] = {
    amounts: 30,
    transactions: 20,
    address_texts: 15,
    bodies: 14,
    database_urls: 6,
    url_texts: 5,
    cursor_texts: 4,
    headers: 2,
    extended_keys: 2,
    blocks: 1,
    variables: 1,
}
"""How many of each hundred inputs each reader gets."""
assert sum(TARGETS.values()) == SHARES


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_what_comes_in_is_read_or_refused_by_name(
    target: Callable[[Inputs], None], seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)  # where no configuration is
    for number in range(COUNT * TARGETS[target] // SHARES):
        name = f"{target.__name__} {number}"
        assert trouble(target, Inputs(f"{seed} {name}")) is None, f"make soak-fuzz SEED={seed}: {name}"


def trouble(target: Callable[[Inputs], None], inputs: Inputs) -> Exception | None:
    """What happened that should not have."""
    try:
        target(inputs)
    except Exception as error:  # noqa: BLE001  whatever it is, it was not to happen
        traceback.print_exc()
        return error
    return None
