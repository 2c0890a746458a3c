"""For freezing the library into a firmware image of MicroPython.

    make BOARD=... FROZEN_MANIFEST=/path/to/a/manifest.py

with a manifest that includes the board's own and this one:

    include("$(BOARD_DIR)/manifest.py")
    include("/path/to/sluice/firmware/manifest.py")

native=False leaves out the machine code, for a port whose compiler has none.
"""

import os

KERNEL = "_native.py"

options.defaults(native=True)  # noqa: F821  these names are the build's

files = []
for folder, _, names in os.walk("sluice"):
    below = os.path.relpath(folder, "sluice")
    files += [os.path.normpath(os.path.join(below, n)) for n in names if n.endswith(".py")]
if not options.native:  # noqa: F821
    files = [name for name in files if not name.endswith(KERNEL)]

package("sluice", files=sorted(files))  # noqa: F821
