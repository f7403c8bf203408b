"""What is said instead of a traceback."""


class CommandError(Exception):
    """What is said instead of a traceback, with the exit status 2."""
