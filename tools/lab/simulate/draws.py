"""All that is drawn from a seed."""

from .listening import draw_listening
from .scenario import Scenario, draw
from .serving import draw_served
from .storing import draw_stored

_EVERY = 10


def scenarios(seed: int) -> list[Scenario]:
    """The scenario of the whole; of each tenth seed one with a server as the sink, too, of each
    tenth another one with a store on flash, and of each tenth another one with a line over TCP."""
    more = {0: draw_served, 3: draw_listening, 5: draw_stored}.get(seed % _EVERY)
    return [draw(seed)] if more is None else [draw(seed), more(seed)]
