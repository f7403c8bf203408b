"""Pure: what the standards say. Nothing here knows of corsbp.

The modules, from the entry inwards; imports run downwards only:

    public_suffixes  names below which anybody can register others
    origins          the grammar of origins and patterns, and membership
    fetch            names of headers and methods, safelists, tokens
"""
