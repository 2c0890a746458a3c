"""What hot code may call outside the library, because it takes nothing from the heap.

Short on purpose: a call that is not listed is a finding. Look it up in MicroPython's
source, or measure it with `micropython.mem_total()`, before you add it.
"""

LEAVES = {
    # Built-ins; `range` as a for loop's, see allocation.py.
    "abs",
    "bool",
    "hash",
    "int",
    "isinstance",
    "len",
    "max",
    "min",
    "ord",
    "ptr16",  # viper's casts, as uint
    "ptr32",
    "ptr8",
    "range",
    "uint",
    # Modules.
    "machine.disable_irq",
    "machine.enable_irq",
    "machine.idle",
    "micropython.schedule",
    "os.dupterm",
    "random.getrandbits",  # up to 30 bits
    "struct.pack_into",
    "time.sleep_ms",
    "time.ticks_add",
    "time.ticks_cpu",
    "time.ticks_diff",
    "time.ticks_ms",
    "time.ticks_us",
    # What each board's module gives, which the program is handed; boards/ keeps the promise.
    ".idle",
    ".lightsleep",
    ".ticks",
    "board.open_led()",  # what it returned is called
    # Methods of dicts, of streams, pollers and watchdogs, of asyncio's events and flags.
    ".any",
    ".feed",
    ".get",
    ".ipoll",
    ".read_u16",
    ".readinto",
    ".seek",
    ".set",
    ".tell",
    ".txdone",
    ".write",
}
