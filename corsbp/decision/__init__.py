"""Pure: the headers of a response, and why a page is refused.

The modules, from the entry inwards; imports run downwards only:

    request_check     which requests are refused as forged
    request_refusals  why a forged request is refused, in words
    checked_request   a request that is checked, and the headers that its check has read
    origin_functions  calls of origin functions, with a timeout
    preflight         the headers of OPTIONS, for each path
    own_origin        whether a page is the server's own
    active_policy     the policy in force of a route, and its report-only policy
    compiled          a compiled policy: the headers of a response
    refusal           why a page is refused: ids and words
    refusal_ids       ids of reasons to refuse a page: message, meaning, remedy
    differences       the differences of a report-only policy, counted
    frequent_items    the items that come often, counted; bounded
    request_facts     the facts of a request, for the records of the log
    vary              the order of Vary, and one Vary for a section and others
    prefix_tree       the longest prefix of a path
"""
