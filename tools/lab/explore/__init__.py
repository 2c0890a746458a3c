"""Interrupts at every opcode of what may be interrupted: `run`."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from host_sim import FIRMWARE

from ...board.flash.release import is_kernel
from ..check.library import Library
from .explorer import Explored, Violation, explore
from .scenarios import EXEMPT, SCENARIOS


@dataclass(frozen=True)
class Report:
    """What the explorer found.

    explored:   each scenario with each interrupt, and with each pair.
    not_met:    hot functions that no interrupt met on the main side, and nothing exempts.
    not_exempt: modules that EXEMPT names without need: an interrupt met them, or they have no
                hot code.
    """

    explored: list[Explored]
    not_met: list[str]
    not_exempt: list[str]

    @property
    def violations(self) -> list[Violation]:
        return [each.violation for each in self.explored if each.violation]

    @property
    def good(self) -> bool:
        return not (self.violations or self.not_met or self.not_exempt)

    def lines(self) -> Iterator[str]:
        """The report for people; the last line has the sums."""
        for each in self.explored:
            interrupts = " + ".join(f"({name})" for name in each.interrupts)
            yield f"{each.interleavings:>7} interleavings: {each.scenario}: {interrupts}"
            if each.violation:
                yield str(each.violation)
        for name in self.not_met:
            yield f"{name} is hot, and no scenario lets an interrupt meet it"
        for name in self.not_exempt:
            yield f"{name} is exempt from interrupts without need"
        opcodes = len(set().union(*(each.places for each in self.explored)))
        yield (
            f"{sum(each.interleavings for each in self.explored)} interleavings,"
            f" {opcodes} opcodes interrupted; violations: {len(self.violations)}"
        )


def run(most: int = 2) -> Report:
    """Explore every scenario, with at most so many interrupts in a run.

    With 2 it takes about a minute on two cores, with 1 a few seconds.
    """
    jobs = [(at, order) for at, scenario in enumerate(SCENARIOS) for order in scenario.orders(most)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        explored = list(pool.map(_explore, jobs))
    met = {function for each in explored for function, _ in each.places}
    functions = Library(FIRMWARE / "sluice").functions
    not_met = {
        one.label: one.module.dotted for one in functions if one.hot and one.label not in met
    }
    # Kernels stand in place of these where SLUICE_NATIVE is set: tests/lab/test_explorer.py.
    plain = {label: module for label, module in not_met.items() if not is_kernel(f"{module}.py")}
    return Report(
        explored,
        sorted(label for label, module in plain.items() if module not in EXEMPT),
        sorted(EXEMPT.keys() - set(plain.values())),
    )


def _explore(job: tuple[int, tuple[int, ...]]) -> Explored:
    at, order = job
    scenario = SCENARIOS[at]
    return explore(scenario, tuple(scenario.interrupts[each] for each in order))
