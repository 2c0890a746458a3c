"""Runs on a board: allocates, so that the checks for it can be seen to fail."""

import gc

import micropython


class Planted:
    def method(self):
        return self.method  # a bound method as a value takes memory


planted = Planted()
micropython.heap_lock()
try:
    planted.method()
except MemoryError:
    refused = True
else:
    refused = False
micropython.heap_unlock()
print("locked heap", "refused" if refused else "gave way")
gc.disable()
before = gc.mem_alloc()
planted.method()
after = gc.mem_alloc()
gc.enable()
print("counted", after > before)
