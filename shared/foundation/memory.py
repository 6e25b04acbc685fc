"""How much memory of a process the messages that are being inspected may take, all together."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Memory:
    """A number of bytes that is shared out, first come, first served, so that a large message is not passed over."""

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def taken(self) -> int:
        """The bytes that are taken now."""
        return self._total - self._free

    @asynccontextmanager
    async def room(self, need: int) -> AsyncIterator[None]:
        """Wait until so many bytes are free, and take them for the block. What needs more than all is alone then."""
        need = min(need, self._total)
        turn = asyncio.get_running_loop().create_future()
        self._line.append((need, turn))
        self._serve()
        try:
            await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                self._free += need
            else:
                self._line.remove((need, turn))
            self._serve()

    def _serve(self) -> None:
        """Give those at the head of the line what they wait for, as long as there is enough of it."""
        while self._line and (self._line[0][1].done() or self._line[0][0] <= self._free):
            need, turn = self._line.popleft()
            if not turn.done():
                self._free -= need
                turn.set_result(None)
