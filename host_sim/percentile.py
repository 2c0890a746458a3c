"""What a share of some values does not exceed, by nearest rank."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them, above 0 up to 1, does not exceed.

    values: in rising order; NaN when there are none.
    """
    return values[math.ceil(share * len(values)) - 1] if values else math.nan
