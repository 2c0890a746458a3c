"""The part of the hot-path contract that the source and the compiled code alone can prove."""
