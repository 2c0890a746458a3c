"""A request to the board at a port, sent until it is answered."""

import time
from queue import Empty, SimpleQueue

from ...errors import UserError
from ...serial.port import Port, State
from ...serial.settings import Refused, Request
from ...serial.waiting import HELD_UP_S, LOOK_S, next_item
from ..console.events import printable
from .asking import ANSWER_S, Asking


def ask(url: str, request: Request) -> None:
    """Returns when the request is done; other programs may use the port meanwhile.

    UserError: the board refuses it or does not answer, or the port cannot be opened.
    """
    inbox: SimpleQueue[bytes | State] = SimpleQueue()
    port = Port(url, inbox.put, inbox.put)
    port.start()
    try:
        _Exchange(port, inbox, request).run()
    except Refused as refusal:
        raise UserError(f"{url}: {printable(str(refusal))}") from None
    finally:
        port.close()


class _Exchange:
    """A request, its port and its thread's inbox."""

    def __init__(self, port: Port, inbox: SimpleQueue[bytes | State], request: Request) -> None:
        self._port = port
        self._inbox = inbox
        self._request = request
        self._state = State(connected=False, owner=False)
        self._waited_at = time.monotonic()
        self._asking = Asking(request, self._waited_at)

    def run(self) -> None:
        asking = self._asking
        while not self._request.done:
            now = time.monotonic()
            if asking.is_overdue(now):
                raise UserError(self._no_answer())
            if data := asking.poll(now):
                self._port.write(data)
            self._wait()

    def _wait(self) -> None:
        """Waits until there is something to do, and hands on all that has come."""
        wait_s = max(0.0, self._asking.deadline - time.monotonic())
        try:
            self._hand_on(next_item(self._inbox, wait_s))
            self._hand_on_all()
        except Empty:
            pass  # nothing has come: it is asked again
        if time.monotonic() - self._waited_at > wait_s + HELD_UP_S:
            # The program was stopped, wherever it was: its port's thread reads what came meanwhile.
            time.sleep(LOOK_S)
            self._hand_on_all()
            self._asking.woke(time.monotonic())
        self._waited_at = time.monotonic()

    def _hand_on_all(self) -> None:
        while not self._inbox.empty():
            self._hand_on(self._inbox.get_nowait())

    def _hand_on(self, item: bytes | State) -> None:
        if isinstance(item, State):
            self._state = item
            self._asking.line_opened(time.monotonic())
        else:
            self._asking.receive(item, time.monotonic())

    def _no_answer(self) -> str:
        if not self._state.connected:
            return f"{self._state.reason}; waited {ANSWER_S:.0f} s for it"
        last = self._asking.last_line
        hint = f' Its last line: "{printable(last)}"' if last else ""
        return (
            f"{self._port.url}: no answer for {ANSWER_S:.0f} s: is Sluice running on the board?"
            + hint
        )
