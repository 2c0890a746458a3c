"""What a board no longer uses, another one has soon: within one lease, whatever has happened."""

import copy

import pytest
from budget_world import DRIFT, World

from sluice_tools.fleet.budget.terms import EXPIRED_MS, LEASE_MS, on_board

HEARD_MS = 1000
"""For two looks at etcd of each of two gateways, and what they lead to at a board."""


def shared(guaranteed=0, seed=1, demand=1000):
    """Two gateways, a board on each, that share a rate of 1,000 half and half."""
    world = World(seed, gateways=2, boards=2)
    world.calm = True
    world.run_for(1000)
    for board, gateway in zip(world.boards, world.gateways, strict=True):
        board.wanted = guaranteed
        world.plug(board, gateway)
        world.ask(board, demand)
    world.run_for(3000 + 137 * seed)
    assert [board.rate for board in world.boards] == [min(500, demand)] * 2
    return world


def time_until(world, condition, limit_ms):
    began = world.now
    while not condition():
        assert world.now - began < limit_ms, world.rates()
        world.run_for(1)
    return world.now - began


def test_a_lower_demand_frees_the_rest_at_once():
    world = shared()
    first, second = world.boards
    world.ask(first, 100)
    time_until(world, lambda: second.rate == 900, HEARD_MS)
    assert first.rate == 100
    world.ask(first, 1000)
    time_until(world, lambda: [first.rate, second.rate] == [500, 500], HEARD_MS)


def test_an_idle_fleet_leaves_one_board_everything_but_what_is_guaranteed():
    world = shared(guaranteed=20)
    first, second = world.boards
    world.ask(first, 0)
    time_until(world, lambda: second.rate == 980, HEARD_MS)
    assert first.rate == 20


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_share_of_a_board_that_is_unplugged_returns_within_a_lease(seed):
    world = shared(seed=seed)
    first, second = world.boards
    first.line.unplug()
    time_until(world, lambda: second.rate == 1000, LEASE_MS / (1 - DRIFT) + HEARD_MS)
    assert first.rate == 0


@pytest.mark.parametrize("seed", range(1, 9))
@pytest.mark.parametrize("guaranteed", [0, 30])
def test_the_share_of_a_gateway_that_dies_returns_within_a_lease(seed, guaranteed):
    world = shared(guaranteed, seed)
    first, second = world.boards
    world.gateways[0].die()
    took = time_until(
        world, lambda: second.rate == 1000 - guaranteed, EXPIRED_MS / (1 - DRIFT) + HEARD_MS
    )
    assert took > LEASE_MS / 2
    assert first.rate == guaranteed


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_gateway_that_is_cut_off_lets_its_boards_fall_back_before_others_rise(seed):
    world = shared(30, seed)
    first, second = world.boards
    world.gateways[0].connected = False
    fell = time_until(world, lambda: first.rate == 30, LEASE_MS / (1 - DRIFT))
    assert second.rate == 500
    rose = time_until(world, lambda: second.rate == 970, EXPIRED_MS)
    assert fell + rose < EXPIRED_MS / (1 - DRIFT) + HEARD_MS
    world.gateways[0].connected = True
    world.run_for(4000)
    assert [first.rate, second.rate] == [500, 500]


def test_without_etcd_the_boards_fall_back_and_come_back_with_it():
    world = shared(30)
    world.etcd_up = False
    world.run_for(30000)
    assert [board.rate for board in world.boards] == [30, 30]
    world.be_calm()
    world.run_for(2000)
    assert [board.rate for board in world.boards] == [500, 500]


def test_a_gateway_that_stops_gives_its_claim_back_at_once():
    world = shared(30)
    gateway = world.gateways[0]
    gateway.run(gateway.share.stop)
    time_until(world, lambda: gateway.share.stopped, HEARD_MS)
    assert gateway.id not in world.claims()
    assert world.reserved() == {"b0": 30, "b1": 30}
    time_until(world, lambda: world.boards[1].rate == 970, HEARD_MS)


def test_a_board_that_leaves_gives_its_guaranteed_share_back():
    world = shared(30)
    gateway = world.gateways[0]
    gateway.run(lambda: gateway.share.leave("b0"))
    time_until(world, lambda: world.reserved() == {"b1": 30}, HEARD_MS)
    assert world.boards[0].rate == 0
    time_until(world, lambda: world.boards[1].rate == 1000, HEARD_MS)


def test_a_guarantee_that_does_not_fit_waits_and_takes_nothing_from_the_others():
    world = shared(500)
    third = type(world.boards[0])(world, "b2")
    world.boards.append(third)
    third.wanted = 1
    world.plug(third, world.gateways[0])
    world.ask(third, 1000)
    world.run_for(3000)
    assert [board.rate for board in world.boards] == [500, 500, 0]
    assert world.gateways[0].share.waiting == {"b2"}
    world.set_budget(1001)
    world.run_for(1000)
    assert [board.rate for board in world.boards] == [500, 500, 1]
    assert world.gateways[0].share.waiting == set()


@pytest.mark.parametrize("value", [b"", b"many", b"-1", b"1.5", b"99999999999"])
def test_a_budget_that_makes_no_sense_is_none(value):
    from budget_world import KEYS

    from sluice_tools.fleet.etcd import Transaction, Write

    world = shared(30)
    world.etcd.transact(Transaction((), (Write(KEYS.rate, value),)))
    for _ in range(50):
        world.run_for(20)
        rates = [board.rate for board in world.boards]
    assert rates == [30, 30]


@pytest.mark.parametrize("drift", [0.0, 0.001, 0.005, 0.01])
def test_the_terms_hold_on_the_worst_clocks(drift):
    """In true time: the slowest owner's lease against the fastest observer's wait."""
    slow, fast = 1 - drift, 1 + drift
    assert LEASE_MS / slow <= EXPIRED_MS / fast
    for span in (1, 100, 999, LEASE_MS, 10 * LEASE_MS):
        assert on_board(span) / slow <= span / fast


@pytest.mark.parametrize("ahead", [0, 10_000])
def test_an_etcd_that_was_restored_from_a_backup_is_read_anew(ahead):
    """Also when its revision has passed the one that the gateways know."""
    world = shared(30)
    backup = copy.deepcopy(world.etcd)
    world.run_for(5000)
    backup.revision += ahead
    world.etcd = backup
    world.set_budget(600)
    world.run_for(3 * EXPIRED_MS)
    assert [board.rate for board in world.boards] == [300, 300]
