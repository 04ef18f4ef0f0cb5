"""Every list with a million rows in each table, with filters that match many, few, none, against 100 ms."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import product, repeat
from statistics import median, quantiles

from rich.console import Console

from app.api import addresses, assets, cursors
from app.domain.accounts import AddressCursor
from bench import load, many_rows, programs
from bench.figures import Figure
from bench.programs import Testbed

ROWS = 1_000_000
SAMPLES, FEW = 100, 9
"""How often the slowest request of a list is sent, and each other before that is known."""
WARM = 8
"""Requests before those that are timed: PostgreSQL settles on a plan at the sixth."""
LIMIT_MS = 100.0

_TIMES = ("", "from=2026-01-05T00:00:00Z", "to=2025-01-01T00:00:00Z", "from=2030-01-01T00:00:00Z",
          "from=2026-01-05T00:00:00Z&to=2026-01-05T00:00:01Z",
          "from=2026-01-05T00:00:00.1Z&to=2026-01-05T00:00:00.2Z")  # fmt: skip
_MIDDLE = ("", f"cursor={cursors.IDS.write(ROWS // 2)}")
_TYPES = ("", "types=INV", "types=ACC_CREATED", "types=DEPOSIT_CONFIRMED")


def _all_of(path: str, *filters: Sequence[str]) -> list[str]:
    """Combine each of the first filters with each of the second, and so on."""
    return [f"{path}?limit=100&{'&'.join(filter(None, chosen))}" for chosen in product(*filters)]


def _named(name: str, *values: str) -> list[str]:
    return ["", *(f"{name}={value}" for value in values)]


_OF_SHOP = f"/account/{many_rows.SHOP}"
_INVOICE_STATES = _named("state", "unpaid", "cancelled", "confirmed", "seen")
_REFERENCES = _named("reference", "same", "rare", "none")
_TRANSFERS = (_REFERENCES, _named("asset", "DOGE", "COIN_1"), _TIMES)

LISTS: Mapping[str, Sequence[str]] = {
    "accounts": _all_of("/accounts", _MIDDLE),
    "addresses": _all_of(f"{_OF_SHOP}/addresses",
                         ["", f"cursor={addresses.ADDRESSES.write(AddressCursor(0, ROWS - 1))}"]),
    "assets": _all_of("/assets", ["", f"cursor={assets.CURSORS.write('COIN_5')}"]),
    "balances": [f"{_OF_SHOP}/balances", f"{_OF_SHOP}/balances?at=2026-01-05T00:00:00Z", "/balances/system"],
    "deliveries": _all_of("/webhooks/1/deliveries", _MIDDLE, _named("state", "delivered", "failed", "due")),
    "deposits": _all_of(f"{_OF_SHOP}/deposits"),
    "escrows": _all_of("/escrow", _MIDDLE, _named("buyer", "shop-0", "shop-2", "shop-5"),
                       _named("seller", "shop-1", "shop-3", "shop-5"),
                       _named("state", "RELEASED", "LOCKED", "DISPUTED"),
                       _named("order_id", "order-7", "none")),
    "events": _all_of("/events", ["", "cursor=500000"], _TYPES,
                      _named("foreign_id", many_rows.SHOP, "shop-5")),
    "events_of_account": _all_of(f"{_OF_SHOP}/events", ["", "cursor=500000"], _TYPES),
    "history": _all_of(f"{_OF_SHOP}/history", _named("asset", "DOGE", "COIN_1"),
                       _named("type", "TRANSFER", "BONUS"), _TIMES),
    "holds": _all_of(f"{_OF_SHOP}/holds", _MIDDLE, _named("state", "RELEASED", "HELD", "CAPTURED")),
    "invoices": _all_of(f"{_OF_SHOP}/invoices", ["", "cursor=500000"], _INVOICE_STATES, _REFERENCES, _TIMES),
    "payments": _all_of(f"{_OF_SHOP}/payments", _MIDDLE),
    "transfers": _all_of("/transfers", *_TRANSFERS, _named("foreign_id", many_rows.SHOP, "shop-5")),
    "transfers_of_account": _all_of(f"{_OF_SHOP}/transfers", *_TRANSFERS),
    "webhooks": _all_of("/webhooks", _MIDDLE),
}  # fmt: skip


async def measure(testbed: Testbed) -> list[Figure]:
    """Fill a database, and request each list with each of its filters; the slowest stands for the list."""
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(programs.devnet(testbed.folder()))
        url = await stack.enter_async_context(testbed.database())
        await _fill(url)
        kennel = await stack.enter_async_context(programs.kennel(testbed.folder(), url, node, roles="http"))
        await testbed.administer("CHECKPOINT")
        slowest = {name: await _slowest(kennel.port("admin API"), paths) for name, paths in LISTS.items()}
    figures = [_figure(name, times) for name, (_, times) in slowest.items()]
    for name, (path, times) in slowest.items():
        Console(width=300).print(
            f"{name}: p50 {median(times):.1f} ms, p99 {_p99(times):.1f} ms: {path}", highlight=False
        )
    worst = max(figures, key=lambda figure: figure.value)
    return [Figure("lists", "ms", worst.value, LIMIT_MS, 1, at_most=True), *figures]


def _figure(name: str, times: Sequence[float]) -> Figure:
    return Figure(f"lists_{name}", "ms", _p99(times), LIMIT_MS, 1, at_most=True)


def _p99(times: Sequence[float]) -> float:
    return quantiles(times, n=100, method="inclusive")[-1]


async def _slowest(port: int, paths: Sequence[str]) -> tuple[str, list[float]]:
    """Return the path whose median is the highest, and its times in milliseconds."""
    medians = [(median(await _times(port, path, FEW)), path) for path in paths]
    path = max(medians)[1]
    return path, await _times(port, path, SAMPLES)


async def _times(port: int, path: str, samples: int) -> list[float]:
    return (await load.milliseconds(port, repeat(load.get(path), WARM + samples)))[WARM:]


async def _fill(url: str) -> None:
    async with programs.engine(url) as engine:
        async with engine.begin() as db:
            await many_rows.fill(db, ROWS)
        await programs.vacuum(engine)
