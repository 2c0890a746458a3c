# SPDX-License-Identifier: MIT
"""The controller that a configuration names with `control`; without one this is not loaded.

config: one that `sluice.program.config.check` returned.  per_second: ticks in a second.
"""


def make_controller(config, ring, bucket, per_second):
    """An AdaptiveLimit, a CoDel and a RateTuner: the one that is named; None for the others."""
    control = config["control"]
    if control == "pid":
        return _make_limit(config, ring, per_second), None, None
    if control == "codel":
        return None, _make_shed(config, per_second), None
    return None, None, make_tuner(config, bucket, per_second)


def adopt_controller(controls, config, per_second):
    """Give a Controls' controller the values of another configuration, while it is in use."""
    if controls.limit is not None:
        _adopt_pid(controls.limit, config, per_second)
    if controls.shed is not None:
        _adopt_codel(controls.shed, config, per_second)
    if controls.tuner is not None:
        adopt_tuner(controls.tuner, config, per_second)


def make_tuner(config, bucket, per_second):
    """The RateTuner of a configuration; ValueError when a rate is out of bounds."""
    from sluice.control.tuning import RateTuner

    return RateTuner(
        bucket,
        config["rate_low"],
        config["rate"],
        config["rate_step"],
        tuple(config["rate_keep"]),
        latency=config["target_ms"] * per_second // 1000,
    )


def adopt_tuner(tuner, config, per_second):
    """Range and answer of a RateTuner, also after its bucket was given another rate."""
    tuner.set_range(config["rate_low"], config["rate"], config["rate_step"])
    latency = config["target_ms"] * per_second // 1000
    tuner.set_answer(tuple(config["rate_keep"]), tuner.tolerated, latency)


def _make_limit(config, ring, per_second):
    from sluice.control.adaptive import AdaptiveLimit

    return AdaptiveLimit(
        ring,
        config["target_ms"] * per_second // 1000,
        tuple(config["kp"]),
        tuple(config["ki"]),
        tuple(config["kd"]),
        config["limit_floor"],
        calm=_rule(config["calm"], per_second),
        rush=_rule(config["rush"], per_second),
    )


def _adopt_pid(limit, config, per_second):
    """Target, gains, floor and rules of an AdaptiveLimit."""
    target = config["target_ms"] * per_second // 1000
    if target != limit.target:
        limit.set_target(target)
    limit.set_bounds(config["limit_floor"] or max(1, config["slots"] // 8), limit.slew)
    limit.set_rules(_rule(config["calm"], per_second), _rule(config["rush"], per_second))
    limit.set_gains(tuple(config["kp"]), tuple(config["ki"]), tuple(config["kd"]))


def _rule(values, per_second):
    if values is None:
        return None
    load, ms, change = values
    return load, ms * per_second // 1000, change


def _make_shed(config, per_second):
    from sluice.control.codel import CoDel

    per_ms = per_second // 1000
    return CoDel(config["target_ms"] * per_ms, config["interval_ms"] * per_ms)


def _adopt_codel(codel, config, per_second):
    """Target and interval of a CoDel."""
    per_ms = per_second // 1000
    codel.set_target(config["target_ms"] * per_ms, config["interval_ms"] * per_ms)
