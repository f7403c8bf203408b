"""Pure: what the standards say. Nothing here knows of corsbp.

The modules, from the entry inwards; imports run downwards only:

    public_suffixes  domains below which anybody can register names
    wildcards        patterns of origins, and which origins they allow
    origins          the grammar of origins and patterns, and membership
    hosts            domain names, IP addresses, international names
    fetch            names of headers and methods, safelists, tokens
"""
