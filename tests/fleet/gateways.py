"""`sluice gateway` as a process, the boards that it has, and what it tells."""

import threading
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from sluice_tools.fleet.demonstration import servers
from sluice_tools.fleet.demonstration.simulated import SimulatedBoard, serve

VALUES = {"source": "pin", "sink": "uart", "rate": 1000, "burst": 1, "slots": 64}


def rates(*boards: SimulatedBoard) -> list[int]:
    return [board.program.bucket.rate for board in boards]


def limits(*boards: SimulatedBoard) -> list[int]:
    """How many records may wait on each."""
    return [board.program.ring.limit for board in boards]


class Boards:
    """Simulated boards in a thread of this process; a context manager that gives `self`.

    most: the largest sum of their rates so far.  limits: those that each board has had, in order.
    They are looked at between two turns of all boards.
    """

    def __init__(self, *boards: SimulatedBoard) -> None:
        self.most = 0
        self.limits: list[list[int]] = [[limit] for limit in limits(*boards)]
        self._boards = boards
        self._on = True
        self._thread = threading.Thread(target=serve, args=(boards, self._goes_on))

    def _goes_on(self) -> bool:
        self.most = max(self.most, sum(filter(None, rates(*self._boards))))
        for had, limit in zip(self.limits, limits(*self._boards), strict=True):
            if limit != had[-1]:
                had.append(limit)
        return self._on

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._on = False
        self._thread.join()
        for board in self._boards:
            board.close()


class GatewayProcess(servers.GatewayProcess):
    """A gateway, and what it tells."""

    def scrape(self) -> dict[tuple[str, ...], float]:
        """The boards' samples by name, board, topic and, of a histogram, bound."""
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        found = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = sample.labels
                if "board" not in labels:  # of the process
                    continue
                key = (sample.name, labels["board"], labels["topic"])
                found[key + ((labels["le"],) if "le" in labels else ())] = sample.value
        return found

    def value(self, name: str, board: str, topic: str = "default") -> float | None:
        return self.scrape().get((name, board, topic))

    def events(self, name: str) -> list[str]:
        return [line for line in self._log.read_text().splitlines() if f" event={name} " in line]
