"""A scenario that breaks a promise, made smaller as long as it still does."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from .scenario import Faults, Scenario, is_allowed

_KEPT = (
    "source",
    "sink",
    "mqtt",
    "http",
    "slot_size",
    "store",
    "listen",
)  # keys of the configuration that say what the scenario is about


def shrink(scenario: Scenario, fails: Callable[[Scenario], bool], most: int = 300) -> Scenario:
    """The smallest that was found within `most` runs: fewer events, fewer records, fewer faults,
    and the defaults of the configuration."""
    runs = 0
    again = True
    while again:
        again = False
        for smaller in _smaller(scenario):
            if runs >= most:
                return scenario
            runs += 1
            if fails(smaller):
                scenario, again = smaller, True
                break
    return scenario


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Those with a part less, the largest parts first."""
    for part in _without_parts(scenario.events):
        yield replace(scenario, events=part)
    for part in _without_parts(scenario.records):
        yield replace(scenario, records=part)
    for key in scenario.config:
        if key not in _KEPT:
            config = {name: value for name, value in scenario.config.items() if name != key}
            if is_allowed(config):
                yield replace(scenario, config=config)
    for way in ("to_board", "to_host"):
        faults = getattr(scenario, way)
        for field in fields(Faults):
            if getattr(faults, field.name):
                yield replace(scenario, **{way: replace(faults, **{field.name: 0})})
    if scenario.tick:
        yield replace(scenario, tick=0)


def _without_parts(whole: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The whole without a half, a quarter, an eighth ..., and at last without a single one."""
    size = len(whole)
    while size > 1:
        size = (size + 1) // 2
        for start in range(0, len(whole), size):
            yield whole[:start] + whole[start + size :]
    if len(whole) == 1:
        yield ()
