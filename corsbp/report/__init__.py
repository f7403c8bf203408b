"""Reports of refused pages: the log, the signal, report-only policies.

The modules, from the entry inwards; imports run downwards only:

    request_reports  all reports of one request
    report_only      what another policy would decide differently
    refused          the log line and the signal for a refused page
    named_origins    the refused origins that get a name in metrics
    signals          listeners of the signal, 64 at once
    attempts         what a page attempted, and whether a policy allows it
"""
