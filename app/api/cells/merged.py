"""Lists over cells: each cell reads its page of the list, and of these the first items are the page."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

from app.api.cursors import ListRequest, Merged
from app.domain.owner import NoSuchAccount
from app.domain.pages import Page, PageRequest

Key = TypeVar("Key")
Item = TypeVar("Item")
Connect = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens a connection to a cell: a Db, or a Reader for what runs Prepared statements alone."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item, Key]):
    """A list: how a cell reads its page, the key of an item there, and by what items of several cells are ordered.

    `is_copy` says of an item and the number of a cell, of all, that it is a copy there, and shown from another one.
    """

    read: Callable[[Any, PageRequest[Key]], Awaitable[Page[Item, Key]]]
    key: Callable[[Item], Key]
    order: Callable[[Item], Any]
    newest_first: bool = True
    is_copy: Callable[[Item, int], bool] = lambda _item, _cell: False


async def page(
    cells: Sequence[Connect], listing: Listing[Item, Key], request: ListRequest[Key]
) -> Merged[Item]:
    """Return a page of the list in these cells, which all read at once.

    Each cell's items keep their order. A page is short where a cell has searched without finding, and goes on.
    """
    asked = request.of_cells(len(cells))
    pages = await at_once_where_known(
        (_read(connect, listing, wanted) for connect, wanted in zip(cells, asked, strict=True)), _NOTHING
    )
    if len(pages) == 1:
        return Merged(pages[0].items, request.cursors.write(pages[0].rest))
    pages = [
        Page([item for item in each.items if not listing.is_copy(item, cell)], each.rest)
        for cell, each in enumerate(pages)
    ]
    taken = take(pages, request.limit, listing.order, newest_first=listing.newest_first)
    rests = [
        _rest(listing, wanted, page, count)
        for wanted, page, count in zip(asked, pages, taken.counts, strict=True)
    ]
    return Merged(taken.items, request.behind(rests))


async def at_once(reads: Iterable[Coroutine[Any, Any, Item]]) -> list[Item]:
    """Return what each comes to; one alone needs no task of its own."""
    [*waiting] = reads
    return [await waiting[0]] if len(waiting) == 1 else await asyncio.gather(*waiting)


async def at_once_where_known(reads: Iterable[Coroutine[Any, Any, Item]], otherwise: Item) -> list[Item]:
    """Do the same, with `otherwise` of those cells that do not know the account yet; NoSuchAccount where none does."""
    answers = await at_once(map(_or_refused, reads))
    refused = [answer for answer in answers if isinstance(answer, NoSuchAccount)]
    if len(refused) == len(answers):
        raise refused[0]
    return [otherwise if isinstance(answer, NoSuchAccount) else answer for answer in answers]


async def _or_refused(read: Coroutine[Any, Any, Item]) -> Item | NoSuchAccount:
    try:
        return await read
    except NoSuchAccount as refusal:
        return refusal


_NOTHING: Final[Page[Any, Any]] = Page([], None)


async def _read(
    connect: Connect, listing: Listing[Item, Key], wanted: PageRequest[Key] | None
) -> Page[Item, Key]:
    """Read a cell's page; nothing where its list has ended."""
    if wanted is None:
        return _NOTHING
    async with connect() as db:
        return await listing.read(db, wanted)


def _rest(
    listing: Listing[Item, Key], wanted: PageRequest[Key] | None, page: Page[Item, Key], count: int
) -> PageRequest[Key] | None:
    """Return where a cell's list goes on, of whose page so many items were taken; None at its end."""
    if wanted is None or (count == len(page.items) and page.rest is None):
        return None
    if count == len(page.items):
        return wanted._replace(after=page.rest)
    return wanted._replace(after=listing.key(page.items[count - 1])) if count else wanted


def portions(
    cells: Sequence[AsyncIterator[Sequence[Item]]], order: Callable[[Item], Any], *, newest_first: bool
) -> AsyncIterator[Sequence[Item]]:
    """Return all items of the cells' lists, portion by portion; some portions are empty."""
    return cells[0] if len(cells) == 1 else _merged_portions(cells, order, max if newest_first else min)


async def _merged_portions(
    cells: Sequence[AsyncIterator[Sequence[Item]]], order: Callable[[Item], Any], first: Callable[..., Any]
) -> AsyncIterator[Sequence[Item]]:
    """Yield the items in one order; of each cell one portion is held."""
    held = {number: deque[Item]() for number in range(len(cells))}
    while held:
        for number in list(held):
            while number in held and not held[number]:
                portion = await anext(cells[number], None)
                if portion is None:
                    del held[number]
                else:
                    held[number].extend(portion)
        ready: list[Item] = []
        while held and all(held.values()):
            ready.append(first(held.values(), key=lambda items: order(items[0])).popleft())
        yield ready


class Taken(NamedTuple, Generic[Item]):
    """Items of several pages in one order, and how many of each page they are."""

    items: list[Item]
    counts: list[int]


def take(
    pages: Sequence[Page[Item, Any]], limit: int, order: Callable[[Item], Any], *, newest_first: bool
) -> Taken[Item]:
    """Take the first items of all pages. It stops where the next item of a list that goes on was not read."""
    items: list[Item] = []
    counts = [0] * len(pages)
    first = max if newest_first else min
    while len(items) < limit:
        left = [number for number, page in enumerate(pages) if counts[number] < len(page.items)]
        if not left or any(map(_goes_on_unread, pages, counts)):
            break
        number = first(left, key=lambda number: order(pages[number].items[counts[number]]))
        items.append(pages[number].items[counts[number]])
        counts[number] += 1
    return Taken(items, counts)


def _goes_on_unread(page: Page[Any, Any], taken: int) -> bool:
    return page.rest is not None and taken == len(page.items)
