"""`sluice gateway` as a process: its boards, live and dead, on a page of metrics."""

import signal
import socket

import pytest
from etcd_servers import EtcdServers, needs_etcd
from feeding import feed
from flashed import flash
from gateways import VALUES, Boards, GatewayProcess
from monitoring import until
from notifications import request
from tracebacks import check_no_traceback

from sluice_tools.fleet.demonstration.servers import board_table, etcd_table
from sluice_tools.fleet.demonstration.simulated import SimulatedBoard
from sluice_tools.vboard import VirtualBoard


@pytest.fixture
def mute():
    """The URL of a port that takes connections, and neither reads nor writes."""
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        yield f"socket://127.0.0.1:{listener.getsockname()[1]}"


def unused_url():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"socket://127.0.0.1:{listener.getsockname()[1]}"


def test_every_figure_of_a_board_is_on_the_page(tmp_path):
    board = SimulatedBoard(VALUES | {"rate": 50}, put_per_s=100)
    text = board_table("b1", board.line.url, topic="readings")
    with Boards(board), GatewayProcess(tmp_path, text) as gateway:
        until(lambda: gateway.value("sluice_rejected_total", "b1", "readings"))
        until(lambda: gateway.value("sluice_sojourn_ms_count", "b1", "readings"))
        page = {key[0]: value for key, value in gateway.scrape().items()}
        assert page["sluice_link_up"] == 1
        assert page["sluice_rate"] == 50 and page["sluice_tokens"] in (0, 1)
        assert (page["sluice_queue_limit"], page["sluice_queue_capacity"]) == (64, 64)
        assert 0 < page["sluice_queue_depth"] <= 64
        assert page["stream_backlog_bytes"] == 9 * page["sluice_queue_depth"]
        assert page["sluice_oldest_record_ms"] > 0 and page["processing_lag_ms"] == 0
        assert page["sluice_part"] == 1
        assert page["sluice_admitted_total"] > 0
        assert page["sluice_denied_total"] > 0
        assert page["sluice_retransmitted_total"] == 0
        mean_ms = page["sluice_sojourn_ms_sum"] / page["sluice_sojourn_ms_count"]
        assert mean_ms > 0


def test_the_histogram_counts_every_record_once(tmp_path):
    board = SimulatedBoard(VALUES, put_per_s=100)
    with Boards(board), GatewayProcess(tmp_path, board_table("b1", board.line.url)) as gateway:
        until(lambda: (gateway.value("sluice_admitted_total", "b1") or 0) > 100)
        first = gateway.scrape()
        until(lambda: gateway.value("sluice_admitted_total", "b1") > 400)
        last = gateway.scrape()
        key = ("b1", "default")
        admitted = last["sluice_admitted_total", *key] - first["sluice_admitted_total", *key]
        counted = last["sluice_sojourn_ms_count", *key] - first["sluice_sojourn_ms_count", *key]
        assert counted == admitted
        assert (
            last["sluice_sojourn_ms_bucket", *key, "+Inf"] == last["sluice_sojourn_ms_count", *key]
        )


def test_dead_boards_delay_nobody_and_are_down(tmp_path, mute):
    board = SimulatedBoard(VALUES, put_per_s=10)
    urls = {
        "mute": mute,
        "gone": unused_url(),
        "none": str(tmp_path / "tty"),
        "far": "socket://x:1",
    }
    text = "".join(board_table(*each) for each in urls.items())
    with (
        Boards(board),
        GatewayProcess(tmp_path, text + board_table("live", board.line.url)) as gateway,
    ):
        until(lambda: gateway.value("sluice_admitted_total", "live"))
        page = gateway.scrape()
        assert {key[1] for key in page if key[0] == "sluice_admitted_total"} == {"live"}
        up = {key[1]: value for key, value in page.items() if key[0] == "sluice_link_up"}
        assert up == {"live": 1, "mute": 0, "gone": 0, "none": 0, "far": 0}
        closed = " ".join(gateway.events("port_closed"))
        assert 'board=gone reason="nothing listens there"' in closed
        assert 'board=none reason="no such port"' in closed
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(120) == 0


def test_a_board_that_goes_and_comes_back_is_met_again(tmp_path):
    board = SimulatedBoard(VALUES, put_per_s=10)
    port = board.line.listener.getsockname()[1]
    with GatewayProcess(tmp_path, board_table("b1", board.line.url)) as gateway:
        with Boards(board):
            until(lambda: gateway.value("sluice_admitted_total", "b1"))
        until(lambda: gateway.value("sluice_link_up", "b1") == 0)
        assert gateway.value("sluice_admitted_total", "b1") is None
        assert len(gateway.events("board_lost")) == 1
        with Boards(SimulatedBoard(VALUES, put_per_s=10, port=port)):
            until(lambda: gateway.value("sluice_admitted_total", "b1"))
        assert len(gateway.events("board_met")) == 2


def test_a_board_that_falls_silent_is_down(tmp_path):
    board = SimulatedBoard(VALUES, put_per_s=10)
    with Boards(board), GatewayProcess(tmp_path, board_table("b1", board.line.url)) as gateway:
        until(lambda: gateway.value("sluice_admitted_total", "b1"))
        board.turn = lambda: None
        until(lambda: gateway.value("sluice_link_up", "b1") == 0)
        assert gateway.value("stream_backlog_bytes", "b1") is None
        assert 'reason="no reports"' in until(lambda: gateway.events("board_lost"))[0]
        del board.turn
        until(lambda: gateway.value("sluice_link_up", "b1"))
        until(lambda: len(gateway.events("board_met")) == 2)


def test_a_board_that_is_reset_is_greeted_again(tmp_path):
    board = SimulatedBoard(VALUES, put_per_s=10)
    with Boards(board), GatewayProcess(tmp_path, board_table("b1", board.line.url)) as gateway:
        until(lambda: gateway.events("board_met"))
        board.reset()
        until(lambda: len(gateway.events("board_met")) == 2)
        assert gateway.events("board_lost")[0].endswith("reason=reset")


@pytest.mark.parametrize("pty", [False, True], ids=["socket", "pty"])
def test_a_real_board_is_on_the_page(tmp_path, pty):
    with VirtualBoard(pty=pty) as board:
        flash(board, source="timer", sink="null", timer_ms=50, rate=10)
        with GatewayProcess(tmp_path, board_table("v", board.url)) as gateway:
            until(lambda: gateway.value("sluice_rejected_total", "v") is not None)
            until(lambda: gateway.events("board_met"))
            until(lambda: gateway.value("sluice_sojourn_ms_count", "v"))
            assert gateway.value("sluice_rate", "v") == 10
            assert gateway.value("stream_backlog_bytes", "v") % 8 == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(tmp_path, number, mute):
    text = '[etcd]\nendpoints = ["127.0.0.1:1"]\nbudget = "qps"\n' + board_table("b1", mute)
    with GatewayProcess(tmp_path, text) as gateway:
        gateway.process.send_signal(number)
        assert gateway.process.wait(120) == 0
        assert "event=stopped" in gateway.log()
        check_no_traceback(gateway.log())


@needs_etcd
def test_it_is_healthy_always_and_ready_while_etcd_answers(tmp_path, mute):
    with EtcdServers(tmp_path, 1) as etcd:
        text = etcd_table(etcd.endpoints) + board_table("b1", mute)
        with GatewayProcess(tmp_path, text) as gateway:
            ready = f"http://{gateway.address}/readyz"
            until(lambda: request(ready) == (200, "ok\n"))
            etcd.nodes[0].kill()
            until(lambda: request(ready)[0] == 503)
            assert request(ready)[1].startswith("etcd at 127.0.0.1:")
            assert request(f"http://{gateway.address}/healthz") == (200, "ok\n")
            etcd.start(etcd.nodes[0])
            until(lambda: request(ready) == (200, "ok\n"))


def test_a_port_in_use_is_one_line(tmp_path, mute):
    with GatewayProcess(tmp_path, board_table("b1", mute)) as gateway:
        second = GatewayProcess(tmp_path, board_table("b2", mute), "second")
        path = tmp_path / "second.toml"
        path.write_text(path.read_text().replace(second.address, gateway.address))
        second.launch()
        assert second.process.wait(120) == 1
        assert second.log() == f"Error: listen {gateway.address}: Address already in use\n"


def test_what_a_gateway_made_a_board_say_is_no_damage_to_a_later_feed(boot, tmp_path):
    board = boot(stats_ms=100)
    log = tmp_path / "times.csv"
    log.write_text("time\n" + "".join(f"{at / 10}\n" for at in range(30)))
    with GatewayProcess(tmp_path, board_table("b1", board.url)) as gateway:
        until(lambda: gateway.events("board_met"))
    status, account, _ = feed(board.url, log, "--speed", "1")
    assert (status, account["delivered"], account["damaged"]) == (0, 30, 0)
