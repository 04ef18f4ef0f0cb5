"""Requests with 1,000,000 accounts and invoices, against the same requests with 1,000."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from statistics import median

from app.api import cursors
from bench import filling, invoices, load, programs
from bench.figures import Figure
from bench.programs import Testbed

SMALL, LARGE = 1_000, 1_000_000
SAMPLES = 200
"""Accounts that are asked for, spread over all."""
ROUNDS = 3
GOAL = 1.3

Ask = Callable[[int, str], bytes]
"""Makes a request of an account's number and the address of its invoice."""

REQUESTS: Mapping[str, Ask] = {
    "post_invoice": lambda n, _: load.post(f"/account/shop-{n}/invoice", invoices.BODY),
    "get_invoice": lambda n, address: load.get(f"/account/shop-{n}/invoice/{address}"),
    "get_balance": lambda n, _: load.get(f"/account/shop-{n}/balance"),
    "get_account": lambda n, _: load.get(f"/account/shop-{n}"),
    "list_invoices": lambda n, _: load.get(f"/account/shop-{n}/invoices"),
    "list_accounts": lambda n, _: load.get(f"/accounts?limit=10&cursor={cursors.IDS.write(n)}"),
}


async def measure(testbed: Testbed) -> list[Figure]:
    """Fill two databases of one server, and ask them in turn."""
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(programs.devnet(testbed.folder()))
        sides = []
        for accounts in (SMALL, LARGE):
            url = await stack.enter_async_context(testbed.database())
            samples = await _fill(url, accounts)
            kennel = await stack.enter_async_context(
                programs.kennel(testbed.folder(), url, node, roles="http")
            )
            sides.append((kennel.port("admin API"), samples))
        await testbed.administer("CHECKPOINT")
        figures = [await _compare(name, ask, sides) for name, ask in REQUESTS.items()]
    worst = max(figures, key=lambda figure: figure.ratio or 0)
    return [Figure("scale", "ms", worst.value, worst.limit, GOAL, at_most=True), *figures]


async def _compare(name: str, ask: Ask, sides: Sequence[tuple[int, Sequence[tuple[int, str]]]]) -> Figure:
    """Send both sides the same requests in turn; the value is the median in milliseconds with 1,000,000."""
    times: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for (port, samples), of_side in zip(sides, times, strict=True):
            of_side.extend(await load.milliseconds(port, (ask(*sample) for sample in samples)))
    small, large = map(median, times)
    return Figure(f"scale_{name}", "ms", large, small, GOAL, at_most=True)


async def _fill(url: str, accounts: int) -> list[tuple[int, str]]:
    """Return the sample: numbers of accounts, and the addresses of their invoices."""
    step = accounts // SAMPLES
    samples = [(n, filling.address(n * filling.STRIDE)) for n in range(step - 1, accounts, step)]
    async with programs.engine(url) as engine:
        async with engine.begin() as db:
            await filling.fill(db, accounts, 1, {n * filling.STRIDE: address for n, address in samples})
        await programs.vacuum(engine)
    return samples
