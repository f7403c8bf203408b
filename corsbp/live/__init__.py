"""Live origins: a policy follows a store.

The modules, from the entry inwards; imports run downwards only:

    follower   a source is followed, and retried when it fails
    values     the valid entries among those that a source yields
"""
