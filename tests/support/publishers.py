"""A program that publishes, and what its broker says of it."""

import subprocess

import pytest

MODULO = 1 << 30


class Publisher:
    """Its process; `until` reads what it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, beginning: str) -> str:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith(beginning):
                return self.lines[-1]
        pytest.fail(f"no {beginning!r} in {self.lines}")

    def kill(self) -> None:
        """At once, as if its board had lost its power."""
        self.process.kill()
        self.process.wait()

    def told(self) -> list[str]:
        return [line for line in self.lines if line.startswith(("up", "down"))]


def numbers(topics: list[str], level: int = 1) -> list[int]:
    """The records' numbers in a level of their topics, counted from the first."""
    found = [int(topic.split("/")[level], 16) for topic in topics]
    return [(number - found[0]) % MODULO for number in found]
