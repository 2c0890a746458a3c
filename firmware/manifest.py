# SPDX-License-Identifier: MIT
"""For freezing the library into a firmware image of MicroPython.

    make BOARD=... FROZEN_MANIFEST=/path/to/a/manifest.py

with a manifest that includes the board's own, where it has one, or else the port's, and this one:

    include("$(PORT_DIR)/boards/manifest.py")
    include("/path/to/sluice/firmware/manifest.py")

native=False leaves out the machine code, for a port whose compiler has none.

For an RP2040 (armv6m) MicroPython's tools/mpy-tool.py, seen up to 1.28, puts frozen machine code
at even addresses, where it reads wrong constants: it needs those that divide by 4. This manifest
refuses such a tool. To mend it, name MP_NATIVE_ARCH_ARMV6M where it names MP_NATIVE_ARCH_ARMV6.

A module `sluice_frozen` beside the library holds the digest of its sources. By that `sluice flash`
knows an image that holds the library which it would send.
"""

import hashlib
import os
import re
import sys
import tempfile

KERNEL = "_native.py"

options.defaults(native=True)  # noqa: F821  these names are the build's


def misplaces_machine_code():
    """Whether the build that runs this puts machine code where it reads wrong constants."""
    if not any("march=armv6m" in word for word in sys.argv):
        return False
    tools = os.path.dirname(sys.modules["manifestfile"].__file__)  # what runs this
    with open(os.path.join(tools, "mpy-tool.py")) as tool:
        text = tool.read().partition("fun_data_attributes")[2]
    aligned = re.search(r"ARMV6M\b.*?aligned \((\d+)\)", text, re.DOTALL)
    return aligned is None or int(aligned[1]) % 4 != 0


if options.native and misplaces_machine_code():  # noqa: F821
    sys.exit(
        "sluice: this tools/mpy-tool.py misplaces machine code for armv6m:"
        " fix it, as firmware/manifest.py says, or include it with native=False"
    )

files = []
for folder, _, names in os.walk("sluice"):
    below = os.path.relpath(folder, "sluice")
    files += [os.path.normpath(os.path.join(below, n)) for n in names if n.endswith(".py")]
if not options.native:  # noqa: F821
    files = [name for name in files if not name.endswith(KERNEL)]

package("sluice", files=sorted(files))  # noqa: F821

digest = hashlib.sha256()
for name in sorted("sluice/" + name for name in files):
    with open(name, "rb") as source:
        data = source.read()
    digest.update(("%s\0%d\0" % (name, len(data))).encode() + data)

made = tempfile.mkdtemp()  # the build compiles what lies here when this script has ended
with open(os.path.join(made, "sluice_frozen.py"), "w") as told:
    told.write('"""Which library is frozen here."""\n\nLIBRARY = "%s"\n' % digest.hexdigest())
module("sluice_frozen.py", base_path=made)  # noqa: F821
