"""The end of startup: whether the hooks into Sanic hold, and warnings.

The modules, from the entry inwards; imports run downwards only:

    hook_checks      whether the hooks hold
    canary_requests  requests without code of the user's, to check hooks with
    startup_checks   warnings: what is legal, but probably not meant
"""
