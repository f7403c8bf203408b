"""Errors of the user, which are printed without a traceback."""


class CommandError(Exception):
    """An error that is printed as one message, with exit status 2."""
