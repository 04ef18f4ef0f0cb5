"""The events of one cell or of all as one list: those of a cell in their order, the cells by time."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

from app.api.cells import merged
from app.api.cells.event_signal import EventSignal, Positions
from app.api.cells.merged import Connect
from app.domain import outbox, pages, refusals
from app.domain.access import EVERYTHING, Reach
from app.domain.outbox import Event


class OfOtherCells(refusals.Invalid):
    """This is a position in one of several cells: go on from a cursor that this list or stream has given."""


class Wanted(NamedTuple):
    """Which events are wanted: of which types, of one account or of all within reach."""

    types: Collection[str] = (outbox.ALL,)
    foreign_id: str | None = None
    reach: Reach = EVERYTHING


EVERYTHING_WANTED: Final = Wanted()


class ReadEvents(NamedTuple):
    """Events, each with its cell, and how far the cells were read, which moves also where no event matched."""

    events: Sequence[tuple[int, Event]]
    positions: Positions

    def steps(self, before: Positions) -> Iterator[tuple[Event, Positions]]:
        """Yield each event with the positions behind it, for a reader who began at those `before`."""
        reached = dict(before)
        for cell, event in self.events:
            reached[cell] = event.position
            yield event, reached


def written(positions: Positions) -> bytes:
    """Write a cursor: the position of a cell, or those of all, in the order of the cells."""
    return "_".join(str(positions[cell]) for cell in sorted(positions)).encode()


@dataclass(frozen=True, slots=True)
class EventLog:
    """The events that are wanted of these `cells`, of one or of all. `connects` opens a connection to each of all."""

    signal: EventSignal
    connects: Sequence[Connect]
    cells: Sequence[int]
    wanted: Wanted = EVERYTHING_WANTED

    def following(self) -> "EventLog":
        """Return the same for one who listens: it reads by the few connections that listeners have."""
        connects = [partial(self.signal.reading, cell) for cell in self.signal.cells]
        return replace(self, connects=connects)

    def begin(self, cursor: str, field: str) -> Positions:
        """Return the positions that a cursor says: one, or those of all cells; 0 is before all events.

        A cursor of other cells is refused as of the request's `field`.
        """
        positions = [int(text) for text in cursor.split("_")]
        if len(positions) == len(self.signal.cells):
            return {cell: positions[cell] for cell in self.cells}
        if len(positions) == 1 and (len(self.cells) == 1 or positions == [0]):
            return dict.fromkeys(self.cells, positions[0])
        raise OfOtherCells(field=field)

    async def last(self) -> Positions:
        """Return the positions of the last events."""
        positions = await merged.at_once(self._last(cell) for cell in self.cells)
        return dict(zip(self.cells, positions, strict=True))

    async def page(
        self,
        positions: Positions,
        limit: int,
        unread: Collection[int] | None = None,
        *,
        checked: str | None = None,
    ) -> ReadEvents:
        """Return at most `limit` events behind the positions, of all cells or of those that are `unread`.

        BeyondTheEnd where a cell has no event yet at its position, if that is to be `checked` as of a request's field.
        """
        cells = sorted(self.cells if unread is None else unread)
        read = await merged.at_once(self._page(cell, positions[cell], limit, checked) for cell in cells)
        taken = merged.take(
            [
                pages.Page([(cell, event) for event in page.events], None)
                for cell, page in zip(cells, read, strict=True)
            ],
            limit,
            lambda item: item[1].created,
            newest_first=False,
        )
        reached = {
            cell: _reached(page, count, positions[cell])
            for cell, page, count in zip(cells, read, taken.counts, strict=True)
        }
        return ReadEvents(taken.items, {**positions, **reached})

    async def check(self, positions: Positions, field: str) -> None:
        """Raise BeyondTheEnd where a cell has no event yet at its position."""
        await merged.at_once(self._check(cell, positions[cell], field) for cell in self.cells)

    async def _last(self, cell: int) -> int:
        async with self.signal.reading(cell) as db:
            return await outbox.last_position(db)

    async def _page(self, cell: int, position: int, limit: int, checked: str | None) -> outbox.Page:
        async with self.connects[cell]() as db:
            page = await outbox.page(db, position, limit, *self.wanted)
        if checked is not None:
            outbox.check_end(position, page.last, checked)
        return page

    async def _check(self, cell: int, position: int, field: str) -> None:
        async with self.signal.reading(cell) as db:
            await outbox.check(db, position, field)


def _reached(page: outbox.Page, taken: int, before: int) -> int:
    """Return how far a cell was read, of whose page so many events were taken."""
    if taken == len(page.events):
        return page.position
    return page.events[taken - 1].position if taken else before
