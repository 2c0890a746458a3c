"""The whole system on virtual time: the board's program, its host, and a line that fails.

`scenario.draw` makes all that happens out of a seed, `world.run` lets it happen, and a broken
promise is a `Violation`. Nothing reads the machine's clock, and all chance comes from the seed.
"""

import host_sim as host_sim  # before anything of the board's: it has the twins of its modules
