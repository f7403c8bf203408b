"""Live origins: a section follows a store.

The modules, from the entry inwards; imports run downwards only:

    sources    the sources of one app: when each begins and ends, and which groups share one
    follower   one section: each value of its source becomes its policy
    retry      a source that is run, and run again when it fails
    values     the valid entries of a value, also among 100,000
    options    the arguments of `follow()`, checked
"""
