"""What the documentation shows is true: its Python runs, its commands and options exist."""

import doctest
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from mosquitto import free_port

import sluice
from host_sim import TickClock
from sluice.net.batch import Batch
from sluice_tools.cli import main

PROJECT = Path(__file__).parents[2]
PAGES = sorted(
    [
        PROJECT / "README.md",
        PROJECT / "CONTRIBUTING.md",
        PROJECT / "firmware/examples/README.md",
        PROJECT / "tests/README.md",
        *PROJECT.glob("boards/*/README.md"),
        *PROJECT.glob("docs/**/*.md"),
    ]
)
TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
REPLACED = {"NAME", "FILE", "PORT", "DIR", "B", "P", "…"}  # what a reader puts in its place


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(PROJECT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, and those that are indented, which have no language."""
    text = page.read_text()
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield Block(page, text[: match.start(2)].count("\n") + 1, match[1], match[2])
    for match in re.finditer(r"(?<=\n\n)(?:    \S.*\n)+", text):
        yield Block(page, text[: match.start()].count("\n") + 1, "indented", match[0])


BLOCKS = [block for page in PAGES for block in blocks(page)]


class Done(Exception):
    """Ends a program of the documentation that runs for ever."""


def what_the_readme_leaves_out() -> dict:
    """An interrupt that counts, and a sender that ends the loop when all that was put is sent."""
    sent: list[int] = []
    numbers = count()

    def send(item: int) -> None:
        sent.append(item)
        if len(sent) == 10:
            raise Done

    class Put(sluice.RingQueue):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            for number in range(10):
                self.try_put(number)

    return {"pin_count": lambda: next(numbers), "send": send, "sent": sent, "Queue": Put}


def run_readme(block: Block, clock: TickClock) -> None:
    (run_a_burst if "for number" in block.text else run_a_loop)(block, clock)


def run_a_burst(block: Block, clock: TickClock) -> None:
    """Time passes while the program asks in vain."""

    class Bucket(sluice.TokenBucket):
        def try_acquire(self, n: int = 1) -> bool:
            granted = super().try_acquire(n)
            if not granted:
                clock.advance(1)
            return granted

    printed: list[tuple[int, int]] = []
    start = clock.ticks()
    names = {"Bucket": Bucket, "print": lambda item: printed.append((clock.ticks() - start, item))}
    text = block.text.replace("bucket = TokenBucket(", "bucket = Bucket(")
    assert text != block.text
    exec(compile(text, str(block), "exec"), names)
    assert printed == [(200 * max(0, number - 1), number) for number in range(12)]


def run_a_loop(block: Block, clock: TickClock) -> None:
    names = what_the_readme_leaves_out()
    text = block.text.replace("queue = RingQueue(", "queue = Queue(")
    assert text != block.text
    with pytest.raises(Done):
        exec(compile(text, str(block), "exec"), names)
    assert names["sent"] == list(range(10))
    names["on_pulse"](None)
    assert len(names["queue"]) == 1


def run_control(block: Block, clock: TickClock) -> None:
    ring = sluice.RecordRing(64, 16)
    stats = sluice.Stats()
    stats.close_interval(clock.ticks())
    names = {
        "ring": ring,
        "bucket": sluice.TokenBucket(500, 10),
        "stats": stats,
        "meter": sluice.LoadMeter(),
        "sink": type("Sink", (), {"room": lambda self: 1, "write": lambda self, record, n: True})(),
    }
    exec(compile(block.text, str(block), "exec"), names)
    ring.put(b"a record", 8)
    assert names["pipeline"].step() == 1


def run_server(block: Block, clock: TickClock) -> None:
    """The request of a board comes twice, then one with another token."""
    port = free_port()
    text = block.text.replace("8080", str(port))
    assert text != block.text
    batch = Batch(b"", 16)
    batch.add(1, b"\x00\xff", 2)
    batch.add(2, b"two", 3)
    body = bytes(batch.data[: batch.end]).partition(b"\r\n\r\n")[2]
    with subprocess.Popen(
        [sys.executable, "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            answers = [post(port, body, token) for token in ("tell-nobody", "tell-nobody", "no")]
        finally:
            server.kill()
        assert server.stdout
        assert server.stdout.read().splitlines() == ["/in b'\\x00\\xff'", "/in b'two'"]
    assert answers == [200, 200, 401]


def post(port: int, body: bytes, token: str) -> int:
    end = time.monotonic() + 60
    while True:
        connection = HTTPConnection("127.0.0.1", port)
        try:
            connection.request("POST", "/in", body, {"Authorization": f"Bearer {token}"})
            return connection.getresponse().status
        except ConnectionRefusedError:  # it does not run yet
            assert time.monotonic() < end
            time.sleep(0.02)
        finally:
            connection.close()


# A program that leaves out what is the reader's own: what runs it with that, and checks it.
PROGRAMS = {"README.md": run_readme, "docs/control.md": run_control, "docs/http.md": run_server}
RUN_ELSEWHERE = PROJECT / "docs/testing.md"  # by test_testing_page.py


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.language == "python" and b.page != RUN_ELSEWHERE], ids=str
)
def test_a_program_runs(block: Block, strict_ticks: TickClock) -> None:
    PROGRAMS[block.page.relative_to(PROJECT).as_posix()](block, strict_ticks)


TRANSCRIPTS = sorted({b.page for b in BLOCKS if b.language == "pycon"})


@pytest.mark.parametrize("page", TRANSCRIPTS, ids=lambda page: page.name)
def test_a_pages_transcripts_print_what_they_show(page: Path) -> None:
    """One after the other, as a reader would type them."""
    lines = [""] * (page.read_text().count("\n") + 1)
    for block in blocks(page):
        if block.language == "pycon":
            for at, line in enumerate(block.text.splitlines(), block.line):
                lines[at] = line
    examples = doctest.DocTestParser().get_examples("\n".join(lines))
    assert examples
    test = doctest.DocTest(examples, {}, page.name, str(page), 0, None)
    complaints: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    assert runner.run(test, out=complaints.append).failed == 0, "".join(complaints)


def classes_of_the_library() -> list[str]:
    """What a program may make or wait for, by the library's own sources."""
    return [
        name
        for path in sorted(PROJECT.glob("firmware/sluice/**/*.py"))
        for name in re.findall(r"^class ([A-Z]\w+)", path.read_text(), re.MULTILINE)
        if name not in BEHIND_ANOTHER
    ]


# Bases and helpers that a program meets under another name, an error of the configuration, and what
# Program alone makes, of what that says.
BEHIND_ANOTHER = {"ConfigError", "CtrlC", "Holding", "NetSink", "Ring", "Terms", "TokenLine"}
BEHIND_ANOTHER |= {"Caught", "Complaints", "ModuleSink", "ModuleSource", "Network", "Parts"}
BEHIND_ANOTHER |= {"Spill"}
SECTIONS = {
    name: text
    for page in PROJECT.glob("docs/classes/*.md")
    for head, text in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", page.read_text(), re.MULTILINE)
    for name in head.split(", ")
}


@pytest.mark.parametrize("name", classes_of_the_library())
def test_a_class_has_a_section_with_costs_hazards_and_a_transcript(name: str) -> None:
    for part in ("*Cost*: ", "*Hazards*: ", "```pycon\n"):
        assert part in SECTIONS[name], part


def test_python_and_transcripts_are_marked_as_such() -> None:
    for block in BLOCKS:
        known = ("python", "pycon", "console", "indented", "")
        assert block.language in known, f"{block}: a block of {block.language} is not tested"
        assert (">>> " in block.text) == (block.language == "pycon"), block
        assert block.language or "import " not in block.text, block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    rooms = "boards|docs|firmware|host_sim|tests|tools"
    for name in re.findall(rf"(?<![\w/.:-])((?:{rooms})/[\w/.*-]+\w)", page.read_text()):
        assert any(PROJECT.glob(name)), name


def test_the_tests_folders_are_told() -> None:
    told = set(re.findall(r"`(\w+)`", (PROJECT / "tests/README.md").read_text()))
    folders = {path.parent.name for path in PROJECT.glob("tests/*/*.py")}
    assert folders <= told


def test_readme_shows_what_was_measured_of_the_program() -> None:
    readme = (PROJECT / "README.md").read_text()
    programs = json.loads((PROJECT / "docs/bench/program.json").read_text())["programs"]
    flashed, frozen = sorted(programs, key=lambda each: each["frozen"])
    rows = []
    for link in flashed["links"]:
        share = link["per_s"] / link["naive_per_s"]
        rows.append(f"| {link['bytes']} bytes | {link['per_s']:,.0f} | {share:.2f} |")
    assert "\n".join(rows) in readme
    for program, verb in ((flashed, "takes {} of the heap and"), (frozen, "takes {}, and")):
        used = f"{program['heap']['used'] / 1000:.0f} KB"
        first_s = min(link["first_ms"] or 60000 for link in program["links"]) / 1000
        assert f"{verb.format(used)} starts in {first_s:.1f} s" in readme


def test_readme_shows_what_was_measured_of_the_calls() -> None:
    runs = json.loads((PROJECT / "docs/bench/results.json").read_text())["runs"]
    (pico,) = [r for r in runs if (r["runtime"], r["library"]) == ("RP2040", "native")]
    acquire = pico["cases"]["TokenBucket.try_acquire, granted"]["us"]
    both = pico["cases"]["RingQueue of objects, put + get"]["us"]
    told = f"`try_acquire()` takes {acquire:.0f} us, and `try_put` with `try_get` {both:.0f} us"
    assert told in (PROJECT / "README.md").read_text()


def commands() -> Iterator[tuple[str, list[str]]]:
    """(where, words) of each command line of sluice or make, in blocks and in the text."""
    for block in BLOCKS:
        if block.language in ("console", "indented"):
            for number, line in enumerate(block.text.splitlines(), block.line + 1):
                if block.language == "indented" or line.startswith("$ "):
                    yield from split(f"{block.page.relative_to(PROJECT)}:{number}", line)
    for page in PAGES:
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for quoted in re.findall(r"`((?:sluice|make) [^`]+)`", line):
                yield from split(f"{page.relative_to(PROJECT)}:{number}", quoted)


def split(where: str, line: str) -> Iterator[tuple[str, list[str]]]:
    for part in re.split(r"\s[|&]+\s", line.strip().removeprefix("$ ")):
        if re.match(r"(sluice|make) ", part):
            yield where, shlex.split(part, comments=True)


COMMANDS = list(commands())


@pytest.mark.parametrize(
    "where, words", COMMANDS, ids=[f"{where}-{words[1]}" for where, words in COMMANDS]
)
def test_a_command_and_its_options_exist(where: str, words: list[str]) -> None:
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word and word != "…"]
        assert set(targets) <= TARGETS, where
        return
    command: click.Command = main
    rest = words[1:]
    if rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name in REPLACED:
            return
        assert name in main.commands, f"{where}: no command {name}"
        command = main.commands[name].load()
    options = {option for parameter in command.params for option in parameter.opts}
    options |= {"-h", "--help"}
    used = {word.partition("=")[0] for word in rest if word.startswith("-") and word != "-"}
    assert used <= options, f"{where}: {command.name} has no {used - options}"
