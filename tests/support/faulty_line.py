"""A line between host and board that does to what is sent over it what bad lines do."""

import asyncio
import random
import threading
from collections import Counter
from dataclasses import dataclass, field

from wire import contents

KINDS = ("drop", "corrupt", "double", "reorder", "delay", "split")
SHARE = 0.1
_PAUSE_S = 0.03
_HELD_S = 0.05


@dataclass
class Way:
    """One direction: its chances, and an account of what happened.

    A unit is a frame or a line of text. Each fault strikes SHARE of them, by chance.
    """

    kinds: tuple[str, ...]
    chance: random.Random
    from_host: bool
    units: int = 0
    struck: Counter = field(default_factory=Counter)
    frames: Counter = field(default_factory=Counter)
    """How many frames of each type were sent, before the faults."""
    sent: list = field(default_factory=list)
    """The contents of all frames that the board sent, before the faults."""
    _unread: bytes = b""

    def split(self, data):
        """The whole units in what has come so far; the sender makes no faults."""
        data = self._unread + data
        units = []
        while data:
            if data[0] == 0:
                end = data.find(0, 1) + 1
            else:
                ends = [at for at in (data.find(b"\n") + 1, data.find(0)) if at > 0]
                end = min(ends, default=0)
            if end == 0:
                break
            units.append(data[:end])
            data = data[end:]
        self._unread = data
        for unit in units:
            self._note(unit)
        return units

    def _note(self, unit):
        self.units += 1
        if unit[0] == 0:
            (content,) = contents(unit, self.from_host)
            self.frames[content[0]] += 1
            if not self.from_host:
                self.sent.append(content)

    def strikes(self, kind):
        struck = kind in self.kinds and self.chance.random() < SHARE
        self.struck[kind] += struck
        return struck

    def corrupted(self, unit):
        changed = bytearray(unit)
        for _ in range(self.chance.randint(1, 3)):
            changed[self.chance.randrange(len(changed))] ^= self.chance.randint(1, 255)
        return bytes(changed)


class FaultyLine:
    """A TCP port, whose `url` a host may open, in front of a board's.

    kinds: the faults, of KINDS. They are the same for the same seed and the same units.
    """

    def __init__(self, board_url, kinds, seed):
        self._address = board_url.removeprefix("socket://").split(":")
        self.to_board = Way(tuple(kinds), random.Random(f"{seed} to board"), from_host=True)
        self.to_host = Way(tuple(kinds), random.Random(f"{seed} to host"), from_host=False)
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0)
        )
        self.url = f"socket://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self):
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, host_in, host_out):
        board_in, board_out = await asyncio.open_connection(*self._address)
        ways = [
            asyncio.create_task(self._carry(host_in, board_out, self.to_board)),
            asyncio.create_task(self._carry(board_in, host_out, self.to_host)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ways:
                task.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            board_out.close()
            host_out.close()

    async def _carry(self, source, target, way):
        held = []
        while True:
            try:
                async with asyncio.timeout(_HELD_S if held else None):
                    data = await source.read(65536)
                if not data:
                    return
                units = way.split(data)
            except TimeoutError:
                units = []
            for unit in units:
                await self._send(unit, held, target, way)
            if not units:  # nothing overtakes what is held
                await self._write(target, held)
            await target.drain()

    async def _send(self, unit, held, target, way):
        strikes = {kind for kind in KINDS if way.strikes(kind)}
        if "drop" in strikes:
            return
        if "corrupt" in strikes:
            unit = way.corrupted(unit)
        if "reorder" in strikes:
            held.append(unit)
            return
        if "delay" in strikes:
            await asyncio.sleep(way.chance.uniform(0, _PAUSE_S))
        if "split" in strikes and len(unit) > 1:
            at = way.chance.randrange(1, len(unit))
            target.write(unit[:at])
            await target.drain()
            await asyncio.sleep(way.chance.uniform(0, _PAUSE_S))
            unit_rest = unit[at:]
        else:
            unit_rest = unit
        target.write(unit_rest)
        if "double" in strikes:
            target.write(unit)
        await self._write(target, held)

    async def _write(self, target, held):
        for unit in held:
            target.write(unit)
        held.clear()
