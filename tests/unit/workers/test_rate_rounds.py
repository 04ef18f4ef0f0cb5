"""The settings' sources of rates are asked by the role that talks to the outside, and every process reads what they said."""

from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.node import Node
from app.config import sources
from app.domain import rates
from app.domain.rates import Quote
from app.runtime.lease import Leases
from app.runtime.loop import ProcessHealth
from app.workers import roles
from app.workers.roles import Shared


async def quoted(engine: AsyncEngine, home: Path, rates_setting: str) -> tuple[list[str], Quote | None]:
    """Start the loops with this setting, take a step of that of the rates; return their names and the quote of now."""
    read = sources.read({"KENNEL_HOME": str(home), "KENNEL_RATES": rates_setting})
    leases = Leases(engine, "one", ProcessHealth())
    async with AsyncExitStack() as stack, Node("http://user:password@127.0.0.1:1") as node:
        loops = {
            loop.name: loop for loop in await roles.relay(stack, Shared.of(read, engine, node, leases, None))
        }
        if "rates" in loops:
            await loops["rates"].step()
    async with engine.connect() as db:
        return [*loops], await rates.of_now(db)


async def test_what_the_settings_name_is_asked_and_what_they_no_longer_name_counts_no_more(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    with_rates, quote = await quoted(engine, tmp_path, "EUR=0.15 USD=0.17")
    without, none = await quoted(engine, tmp_path, "")

    assert "rates" in with_rates
    assert quote is not None
    assert (quote.currency, quote.rate, quote.source) == ("EUR", Decimal("0.15"), "fixed")
    assert "rates" not in without
    assert none is None
