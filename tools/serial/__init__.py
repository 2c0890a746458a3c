"""The host's end of the serial line: the shared port, frames, and sessions with a board."""
