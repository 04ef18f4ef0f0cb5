"""Values that are read once for all who ask for them at the same time, or soon after."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from app.runtime.shared_runs import retrieve_error

Key = TypeVar("Key")
Value = TypeVar("Value")


class SharedReads(Generic[Key, Value]):
    """Reads by key, and remembers up to `most_bytes` of what was asked for last.

    `read` returns what there is of some keys, each value with its size in bytes. What it raises, all hear who wait for
    one of those keys. A caller that is cancelled cancels no read: others may wait for it.
    """

    def __init__(
        self, read: Callable[[Sequence[Key]], Awaitable[Mapping[Key, tuple[Value, int]]]], most_bytes: int
    ) -> None:
        self._read = read
        self._most_bytes = most_bytes
        self._remembered: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[Key, asyncio.Task[Mapping[Key, tuple[Value, int]]]] = {}

    async def of(self, keys: Sequence[Key]) -> dict[Key, tuple[Value, int]]:
        """Return what there is of these keys, in their order."""
        values = {key: self._remembered[key] for key in keys if key in self._remembered}
        for key in values:
            self._remembered.move_to_end(key)
        missing = [key for key in keys if key not in values]
        self._begin([key for key in missing if key not in self._under_way])
        for task in dict.fromkeys([self._under_way[key] for key in missing]):
            values |= await asyncio.shield(task)
        return {key: values[key] for key in keys if key in values}

    async def close(self) -> None:
        """Cancel what is under way."""
        tasks = set(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, keys: Sequence[Key]) -> None:
        if keys:
            task = asyncio.create_task(self._run(keys))
            task.add_done_callback(retrieve_error)
            self._under_way |= dict.fromkeys(keys, task)

    async def _run(self, keys: Sequence[Key]) -> Mapping[Key, tuple[Value, int]]:
        try:
            values = await self._read(keys)
        finally:
            for key in keys:
                del self._under_way[key]
        self._remember(values)
        return values

    def _remember(self, values: Mapping[Key, tuple[Value, int]]) -> None:
        self._remembered |= values
        self._bytes += sum(size for _, size in values.values())
        while self._bytes > self._most_bytes:
            _, (_, size) = self._remembered.popitem(last=False)
            self._bytes -= size
