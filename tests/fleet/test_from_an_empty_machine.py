"""docs/fleet.md, "From an empty machine": its files and commands, run as they stand there.

But for the ports, which are free ones here, and for what installs.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from etcd_servers import needs_etcd
from monitoring import needs_prometheus, until

from sluice_tools.fleet.demonstration.process import free_ports

PROJECT = Path(__file__).parents[2]
INSTALLS = ("sudo ", "pipx ", "sluice vboard --install")
PORTS = ("2323", "2379", "9090", "9093", "9095", "9108")

pytestmark = [
    needs_etcd,
    needs_prometheus,
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here"),
]


class Page:
    """The section, with other ports."""

    def __init__(self) -> None:
        self.ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        text = (PROJECT / "docs/fleet.md").read_text()
        self.text = self.with_ports(
            text.partition("## From an empty machine\n")[2].split("\n## ")[0]
        )

    def with_ports(self, text: str) -> str:
        """These ports, wherever a port stands: after a colon or an option."""
        for port, free in self.ports.items():
            text = re.sub(rf"(?<=[: ]){port}\b", free, text)
        return text

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command that does not install, and the line that it prints, if the page says so."""
        consoles = re.findall(r"^```console\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        for command, prints in re.findall(r"^\$ (.*)\n((?:[^$\n].*)?)", "".join(consoles), re.M):
            if not command.startswith(INSTALLS):
                yield command, prints

    def gateway_toml(self) -> str:
        return "\n".join(re.findall(r"^    (.*)$", self.text, re.MULTILINE))


def configure(folder: Path, page: Page) -> dict[str, str]:
    """Writes the files that the commands name; the environment in which etcd takes free ports."""
    deploy = folder / "tools/fleet/deploy"
    shutil.copytree(PROJECT / "tools/fleet/deploy", deploy)
    for path in deploy.glob("*.yml"):
        path.write_text(page.with_ports(path.read_text()))
    listen = f'listen = "127.0.0.1:{page.ports["9108"]}"\n'
    (folder / "gateway.toml").write_text(listen + page.gateway_toml())
    (peer_port,) = free_ports(1)
    client, peer = f"http://127.0.0.1:{page.ports['2379']}", f"http://127.0.0.1:{peer_port}"
    return os.environ | {
        "ETCD_LISTEN_CLIENT_URLS": client,
        "ETCD_ADVERTISE_CLIENT_URLS": client,
        "ETCD_LISTEN_PEER_URLS": peer,
        "ETCD_INITIAL_ADVERTISE_PEER_URLS": peer,
        "ETCD_INITIAL_CLUSTER": f"default={peer}",
    }


def test_its_commands_bring_up_a_fleet(tmp_path: Path) -> None:
    page = Page()
    env = configure(tmp_path, page)
    checked = 0
    with ExitStack() as stack, (tmp_path / "log").open("ab") as log:
        for command, prints in page.commands():
            words = shlex.split(command.removesuffix("&"))
            if "operator" in words:  # its address is the default one on the page
                words += ["--listen", f"127.0.0.1:{page.ports['9095']}"]
            if command.endswith("&"):
                server = subprocess.Popen(words, cwd=tmp_path, env=env, stdout=log, stderr=log)
                stack.callback(server.wait)
                stack.callback(server.terminate)
                continue
            shape = re.compile(".*".join(map(re.escape, prints.split("…"))) + r"\s*")

            def says(words=words, shape=shape, prints=prints) -> bool:
                done = subprocess.run(
                    words, cwd=tmp_path, capture_output=True, text=True, check=False
                )
                return not done.returncode and (not prints or bool(shape.fullmatch(done.stdout)))

            until(says)
            checked += bool(prints)
    assert checked == 3
