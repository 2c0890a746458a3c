"""Asks a board for something, again and again until it answers: time and bytes in, bytes out."""

from ...serial.frames import Frame, LineReader, encode
from ...serial.settings import Request

AGAIN_S = 0.5
"""After so long without an answer the same request is sent again."""

ANSWER_S = 5.0
"""How long a board may take for an answer."""


class Asking:
    """One request on its way to a board. Times are seconds, of a clock that goes on."""

    def __init__(self, request: Request, now: float) -> None:
        self.last_line = ""
        """What the board has printed last; empty: nothing yet."""
        self._request = request
        self._reader = LineReader()
        self._sent = b""
        self._send_at = now
        self._answered_at = now

    @property
    def deadline(self) -> float:
        """When `poll` has something to send at the latest."""
        return self._send_at

    def poll(self, now: float) -> bytes:
        """What goes out now; nothing once all is answered."""
        content = self._request.content
        if self._request.done or (content == self._sent and now < self._send_at):
            return b""
        self._sent = content
        self._send_at = now + AGAIN_S
        return encode(content)

    def receive(self, data: bytes, now: float) -> None:
        """Takes in what the board has sent. Refused: it does not do what is asked."""
        for part in self._reader.feed(data):
            if not isinstance(part, Frame):
                self.last_line = part.line
            elif self._request.receive(part.content):
                self._answered_at = now

    def line_opened(self, now: float) -> None:
        """What was sent before may be lost."""
        self._send_at = now

    def woke(self, now: float) -> None:
        """The program itself was stopped until now: the board has its whole time once more."""
        self._answered_at = now

    def is_overdue(self, now: float) -> bool:
        """Whether the board has not answered for too long."""
        return not self._request.done and now >= self._answered_at + ANSWER_S
