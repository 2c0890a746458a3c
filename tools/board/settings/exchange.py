"""A request to the board at a port, sent until it is answered."""

import time
from queue import SimpleQueue

from ...errors import UserError
from ...serial.port import Port, State
from ...serial.settings import Refused, Request
from ...serial.url import NoSluice
from ...serial.waiting import Turns
from ..console.events import printable
from .asking import ANSWER_S, Asking

_PROMPT = ">>> "


def ask(url: str, request: Request, nudge: bytes = b"") -> None:
    """Returns when the request is done; other programs may use the port meanwhile.

    nudge: sent first, what a REPL that has the line would answer with its prompt: then nothing is
    waited for.

    NoSluice: nothing answers, or a REPL. UserError: the board refuses it, or the port cannot be
    opened.
    """
    inbox: SimpleQueue[bytes | State] = SimpleQueue()
    port = Port(url, inbox.put, inbox.put)
    port.start()
    try:
        port.write(nudge)
        _Exchange(port, inbox, request).run(bool(nudge))
    except Refused as refusal:
        raise UserError(f"{url}: {printable(str(refusal))}") from None
    finally:
        port.close()


class _Exchange:
    """A request on its way, and its port."""

    def __init__(self, port: Port, inbox: SimpleQueue[bytes | State], request: Request) -> None:
        self._port = port
        self._request = request
        self._state = State(connected=False, owner=False)
        self._asking = Asking(request, time.monotonic())
        self._turns = Turns(inbox, self._hand_on)

    def run(self, nudged: bool) -> None:
        asking = self._asking
        while not self._request.done:
            now = time.monotonic()
            if asking.is_overdue(now) or (nudged and asking.last_line.startswith(_PROMPT)):
                raise self._no_answer()
            if data := asking.poll(now):
                self._port.write(data)
            if self._turns.wait(max(0.0, asking.deadline - time.monotonic())):
                asking.woke(time.monotonic())

    def _hand_on(self, item: bytes | State) -> None:
        if isinstance(item, State):
            self._state = item
            self._asking.line_opened(time.monotonic())
        else:
            self._asking.receive(item, time.monotonic())

    def _no_answer(self) -> UserError:
        if not self._state.connected:
            return UserError(f"{self._state.reason}; waited {ANSWER_S:.0f} s for it")
        last = self._asking.last_line
        hint = f' Its last line: "{printable(last)}"' if last else ""
        return NoSluice(
            self._port.url,
            f"no answer for {ANSWER_S:.0f} s: is Sluice running on the board?{hint}",
        )
