"""A request to the board at a port, sent until it is answered."""

import time
from queue import Empty, SimpleQueue

from ...errors import UserError
from ...serial.frames import Frame, LineReader, encode
from ...serial.port import Port, State
from ...serial.settings import Refused, Request
from ...serial.waiting import next_item
from ..console.events import printable

AGAIN_S = 0.5
"""After so long without an answer the same request is sent again."""

ANSWER_S = 5.0
"""How long a board may take for an answer."""


def ask(url: str, request: Request) -> None:
    """Returns when the request is done; other programs may use the port meanwhile.

    UserError: the board refuses it or does not answer, or the port cannot be opened.
    """
    inbox: SimpleQueue[bytes | State] = SimpleQueue()
    port = Port(url, inbox.put, inbox.put)
    port.start()
    try:
        _exchange(port, inbox, request)
    except Refused as refusal:
        raise UserError(f"{url}: {printable(str(refusal))}") from None
    finally:
        port.close()


def _exchange(port: Port, inbox: SimpleQueue[bytes | State], request: Request) -> None:
    reader = LineReader()
    state = State(connected=False, owner=False)
    last_line = ""
    sent = b""
    answered_at = time.monotonic()
    send_at = answered_at
    while not request.done:
        now = time.monotonic()
        if now >= answered_at + ANSWER_S:
            raise UserError(_no_answer(port.url, state, last_line))
        if request.content != sent or now >= send_at:
            sent = request.content
            send_at = now + AGAIN_S
            port.write(encode(sent))
        try:
            item = next_item(inbox, max(0.0, send_at - now))
        except Empty:
            continue
        if isinstance(item, State):
            state = item
            send_at = now  # what was written before is lost
            continue
        for part in reader.feed(item):
            if not isinstance(part, Frame):
                last_line = part.line
            elif request.receive(part.content):
                answered_at = time.monotonic()


def _no_answer(url: str, state: State, last_line: str) -> str:
    if not state.connected:
        return f"{state.reason}; waited {ANSWER_S:.0f} s for it"
    hint = f' Its last line: "{printable(last_line)}"' if last_line else ""
    return f"{url}: no answer for {ANSWER_S:.0f} s: is Sluice running on the board?{hint}"
