"""What a simulation finds."""


class Violation(Exception):
    """A promise that was broken; its text says which, and what came before it."""
