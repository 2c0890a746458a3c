"""`sluice operator` as a process on a real etcd, with whoever asks being careless or worse."""

import asyncio
import http.client
import json
import signal
import socket
import urllib.request

import pytest
from aiohttp.test_utils import TestClient, TestServer
from click.testing import CliRunner
from etcd_servers import EtcdServers, Proxy, needs_etcd, read_until_answered
from monitoring import until
from notifications import alert, body, request
from tracebacks import check_no_traceback

from sluice_tools.fleet.demonstration.servers import OperatorProcess
from sluice_tools.fleet.etcd import Etcd
from sluice_tools.fleet.operator import notification, web
from sluice_tools.fleet.operator import operator as operating
from sluice_tools.fleet.operator.command import operator as operator_command
from sluice_tools.fleet.operator.operator import Operator
from sluice_tools.fleet.watermark import KEY, Watermark, read, write

pytestmark = needs_etcd


def mark_in(etcd: list[str]) -> Watermark:
    """What stands in etcd."""

    async def get():
        async with Etcd(etcd) as client:
            kv = await read_until_answered(client, KEY)
            return read(kv.value if kv else None)

    return asyncio.run(get())


@pytest.fixture
def etcd(endpoints):
    return endpoints


@pytest.fixture(scope="module")
def operator(server, tmp_path_factory):
    """One that is not killed."""
    with OperatorProcess(tmp_path_factory.mktemp("operator"), server.endpoints) as operator:
        yield operator


@pytest.fixture
def own_operator(etcd, tmp_path):
    with OperatorProcess(tmp_path, etcd) as operator:
        yield operator


def notify(operator, *alerts):
    """The watermark that the operator answers with."""
    status, text = request(f"http://{operator.address}/alerts", body(*alerts))
    assert status == 200, text
    return json.loads(text)["watermark_ms"]


def test_alerts_raise_the_watermark_once_and_it_decays_when_they_resolve(operator, etcd):
    assert notify(operator, alert("a"), alert("b")) == 1000
    assert notify(operator, alert("a"), alert("b")) == 1000
    assert notify(operator, alert("l", "lag", lag_ms="1200")) == 2200
    assert notify(operator, alert("l", "lag", lag_ms="1500")) == 2500
    assert mark_in(etcd).ms == 2500
    gone = [alert(name, status="resolved") for name in "abl"]
    notify(operator, *gone)
    notify(operator, *gone)
    until(lambda: mark_in(etcd) == Watermark(at=mark_in(etcd).at))
    assert notify(operator) == 0


def test_by_the_rule_settling_it_remembers_the_slope(tmp_path):
    # At an etcd of its own: the other operators here lower what they find there by steps.
    with (
        EtcdServers(tmp_path, 1) as servers,
        OperatorProcess(tmp_path, servers.endpoints, "--rule", "settling") as operator,
    ):
        etcd = servers.endpoints
        assert notify(operator, alert("l", "lag", lag_ms="1200")) == 1200
        assert notify(operator, alert("l", status="resolved")) == 1200
        assert notify(operator, alert("l", "lag", lag_ms="1200")) > 2000
        operator.kill()
        operator.start()
        assert mark_in(etcd).fine == 2
        notify(operator, alert("l", status="resolved"))
        until(lambda: 0 < mark_in(etcd).ms < 2000)  # one step down, by the operator itself


def test_notifications_at_once_all_count(operator, etcd):
    connections = [http.client.HTTPConnection(operator.address) for _ in range(40)]
    for i, connection in enumerate(connections):
        connection.request("POST", "/alerts", body(alert(f"f{i}")))
    assert {connection.getresponse().status for connection in connections} == {200}
    assert mark_in(etcd).ms == 40 * 500


def test_an_operator_that_is_killed_forgets_nothing(own_operator, etcd):
    operator = own_operator
    assert notify(operator, alert("a")) == 500
    operator.kill()
    operator.start()
    assert notify(operator, alert("a")) == 500
    assert notify(operator, alert("b")) == 1000
    operator.kill()
    operator.start()
    notify(operator, alert("a", status="resolved"), alert("b", status="resolved"))
    until(lambda: mark_in(etcd).ms == 0)


def test_what_another_operator_left_decays(operator, etcd):
    async def leave():
        async with Etcd(etcd) as client:
            await client.put(KEY, write(Watermark(60_000, 1_700_000_000_000)))

    asyncio.run(leave())
    until(lambda: mark_in(etcd).ms == 0)


def for_others(fingerprint, status="firing"):
    """An alert of a rule that does not ask for the watermark."""
    fields = alert(fingerprint, status=status)
    fields["labels"] |= {"alertname": "Other", "severity": "critical"}
    del fields["labels"]["watermark"]
    return fields


def test_an_alert_for_others_neither_raises_the_watermark_nor_resolves_it(operator, etcd):
    assert notify(operator, for_others("a")) == 0
    assert mark_in(etcd) == Watermark()
    assert notify(operator, for_others("a"), alert("b"), for_others("c")) == 500
    assert mark_in(etcd).firing.keys() == {"b"}
    assert notify(operator, for_others("b", "resolved")) == 500
    assert notify(operator, for_others("b")) == 500
    assert mark_in(etcd).firing.keys() == {"b"}
    notify(operator, alert("b", status="resolved"), for_others("c"))
    assert mark_in(etcd).firing.keys() == set()


@pytest.mark.parametrize(
    ("path", "data", "status", "says"),
    [
        ("/alerts", b"{", 400, "the body is not JSON"),
        ("/alerts", body(alert("")), 400, "alerts[0].fingerprint: expected 1 to 64 characters"),
        ("/alerts", body(alert("a"), alert("l", "lag")), 400, "alerts[1].annotations.lag_ms: "),
        ("/alerts", b" " * (web.BODY_MAX + 1), 413, "Maximum request body size 1048576 exceeded"),
        ("/alerts", None, 405, "405: Method Not Allowed"),
        ("/else", b"", 404, "404: Not Found"),
    ],
)
def test_a_bad_request_is_answered_in_a_line_and_logged(operator, etcd, path, data, status, says):
    answered, text = request(f"http://{operator.address}{path}", data)
    assert answered == status
    assert text.startswith(says) and text.count("\n") == 1
    line = operator.log().splitlines()[-1]
    assert "event=refused" in line
    assert f"status={status} remote=127.0.0.1 path={path} reason=" in line and says in line
    assert mark_in(etcd) == Watermark()


def test_whoever_speaks_no_http_or_leaves_causes_no_traceback(own_operator):
    operator = own_operator
    host, port = operator.address.split(":")
    head = b"POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
    for data in (
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"POST /alerts HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /" + b"a" * 100_000,
        head + b"\r\n" + b"{",
        head + b"Content-Encoding: gzip\r\n\r\n" + b"x" * 100,
        b"POST /alerts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /alerts HTTP/1.1\r\n\r\n",
        b"POST /alerts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(120)
            connection.recv(1000)
    assert notify(operator, alert("a", status="resolved")) == 0
    log = operator.log()
    check_no_traceback(log)
    assert log.count("event=refused") == 7
    assert log.count('reason="the body breaks off, or cannot be decoded"') == 3


@pytest.mark.asyncio
async def test_a_body_that_does_not_come_ends_the_request(monkeypatch):
    monkeypatch.setattr(web, "BODY_S", 0.1)
    async with (
        Etcd(["127.0.0.1:1"]) as etcd,
        TestClient(TestServer(web.application(Operator(etcd)))) as client,
    ):

        async def slow():
            yield b"{"
            await asyncio.Event().wait()

        async with client.post("/alerts", data=slow()) as answer:
            assert answer.status == 408
            assert await answer.text() == "the body did not arrive within 0.1 s\n"


def test_without_the_token_nothing_is_done(etcd, tmp_path):
    token, wrong = tmp_path / "token", tmp_path / "wrong"
    token.write_text("a-token-of-24-characters\n")
    wrong.write_text("a-token-of-24-characterz\n")
    with OperatorProcess(tmp_path, etcd, "--token-file", str(token)) as operator:
        url = f"http://{operator.address}"
        for bad in (None, wrong):
            status, text = request(f"{url}/alerts", body(alert("a")), bad)
            assert (status, text) == (401, "the bearer token is missing or wrong\n")
            assert request(f"{url}/metrics", token_file=bad)[0] == 401
        assert operator.log().count("event=refused status=401 remote=127.0.0.1") == 4
        assert mark_in(etcd).ms == 0
        assert request(f"{url}/alerts", body(alert("a")), token)[0] == 200
        assert request(f"{url}/healthz") == (200, "ok\n")
        assert request(f"{url}/readyz")[0] in (200, 503)
        assert "a-token" not in operator.log()


def test_its_metrics_say_what_the_watermark_is(operator, etcd):
    notify(operator, alert("a"), alert("l", "lag", lag_ms="12000"))
    status, text = request(f"http://{operator.address}/metrics")
    assert status == 200
    assert "\nsluice_watermark_ms 12500.0\n" in text
    assert "\nsluice_watermark_alerts 2.0\n" in text


def test_while_etcd_is_away_notifications_are_refused_and_count_when_repeated(tmp_path):
    (tmp_path / "etcd").mkdir()
    with (
        EtcdServers(tmp_path / "etcd", 1) as etcd,
        OperatorProcess(tmp_path, etcd.endpoints) as operator,
    ):
        health = f"http://{operator.address}/readyz"
        until(lambda: request(health) == (200, "ok\n"))
        assert notify(operator, alert("a")) == 500
        etcd.nodes[0].kill()
        status, text = request(f"http://{operator.address}/alerts", body(alert("b")))
        assert status == 503 and text.startswith("etcd at 127.0.0.1:") and text.count("\n") == 1
        until(lambda: request(health)[0] == 503)
        assert request(f"http://{operator.address}/healthz") == (200, "ok\n")
        etcd.start(etcd.nodes[0])
        until(lambda: request(health) == (200, "ok\n"))
        assert notify(operator, alert("b")) == 1000
        log = operator.log()
        assert log.count("event=etcd_lost") == 1
        assert log.count("event=etcd_answers") == 2
        check_no_traceback(log)


@pytest.mark.asyncio
async def test_a_notification_waits_for_an_etcd_that_is_away_for_a_moment(etcd, monkeypatch):
    monkeypatch.setattr(operating, "PATIENCE_S", 120.0)
    async with Proxy(etcd[0]) as proxy, Etcd([proxy.endpoint]) as client:
        operator = Operator(client)
        proxy.cut()
        alerts = notification.read(body(alert("a")))
        applying = asyncio.create_task(operator.apply(alerts))
        async with asyncio.timeout(120):
            while not operator.trouble.startswith("etcd at ") and not applying.done():
                await asyncio.sleep(0.01)
            proxy.mend()
            assert (await applying).ms == 500
        assert operator.trouble == ""
    mark = await asyncio.to_thread(mark_in, etcd)
    assert mark.ms == 500 and mark.firing.keys() == {"a"}


def ask(address, path, token="", **fields):
    """etcd's answer on its JSON interface."""
    headers = {"Authorization": token} if token else {}
    asked = urllib.request.Request(
        f"http://{address}/v3/{path}", json.dumps(fields).encode(), headers
    )
    with urllib.request.urlopen(asked, timeout=120) as answer:
        return json.load(answer)


def test_it_goes_on_when_etcd_refuses_no_more(tmp_path):
    (tmp_path / "etcd").mkdir()
    with (
        EtcdServers(tmp_path / "etcd", 1) as etcd,
        OperatorProcess(tmp_path, etcd.endpoints) as operator,
    ):
        health = f"http://{operator.address}/readyz"
        until(lambda: request(health) == (200, "ok\n"))
        assert notify(operator, alert("a")) == 500

        # An etcd that asks who is there refuses an operator that has no name.
        node, root = etcd.endpoints[0], {"name": "root", "password": "x"}
        ask(node, "auth/role/add", name="root")
        ask(node, "auth/user/add", **root)
        ask(node, "auth/user/grant", user="root", role="root")
        ask(node, "auth/enable")
        until(lambda: request(health)[0] == 503)
        status, text = request(f"http://{operator.address}/alerts", body(alert("b")))
        assert status == 503 and "etcdserver: " in text and text.count("\n") == 1

        token = ask(node, "auth/authenticate", **root)["token"]
        ask(node, "auth/disable", token)
        until(lambda: request(health) == (200, "ok\n"))
        assert notify(operator, alert("b")) == 1000
        notify(operator, *(alert(name, status="resolved") for name in "ab"))
        until(lambda: mark_in(etcd.endpoints).ms == 0)
        check_no_traceback(operator.log())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(own_operator, number):
    operator = own_operator
    operator.process.send_signal(number)
    assert operator.process.wait(120) == 0
    assert operator.log().splitlines()[-1].endswith("level=info event=stopped")
    check_no_traceback(operator.log())


def run(*options):
    done = CliRunner().invoke(operator_command, options)
    assert isinstance(done.exception, SystemExit)
    return done.exit_code, done.output.splitlines()[-1]


def test_bad_options_end_in_a_line(operator, tmp_path):
    short = tmp_path / "short"
    short.write_text("secret")
    etcd = ("--etcd", "127.0.0.1:2379")
    for options, says in [
        (("--etcd", "nowhere"), "Error: etcd endpoint 'nowhere': expected host:port"),
        ((*etcd, "--listen", "9095"), "Error: listen '9095': expected host:port"),
        ((*etcd, "--listen", "127.0.0.1:70000"), "Error: listen '127.0.0.1:70000': expected"),
        ((*etcd, "--listen", "x.invalid:1"), "Error: listen x.invalid: "),
        (
            (*etcd, "--listen", "0.0.0.0:0"),
            "Error: listen 0.0.0.0:0: other machines reach it, so it needs a --token-file",
        ),
        ((*etcd, "--token-file", str(short)), f"Error: {short}: expected a token of 16 to 512"),
        ((*etcd, "--token-file", "/none"), "Error: /none: No such file or directory"),
        ((*etcd, "--listen", operator.address), f"Error: listen {operator.address}: "),
    ]:
        status, line = run(*options)
        assert status == 1 and line.startswith(says), line
