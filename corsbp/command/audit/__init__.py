"""`corsbp audit`: every route of an app with its policy, and what is odd.

Without options, it reads the declared policies. With `--observed`, it starts the app in memory and sends
requests as pages do; with `--at`, it sends them to a deployment.

The modules, from the entry inwards; imports run downwards only:

    arguments           the arguments, and which audit they start
    edge                the responses of a deployment, beside what the app allows
    edge_comparison     differences between an app and its deployment
    edge_checks         faults that the responses of a deployment show: doubled headers, caches, redirects
    edge_requests       requests to a deployment, at a limited rate
    declared_policies   the declared policies of all routes, as a table and for JSON
    observed_responses  what the responses of an app allow, as a table, for JSON, and as a file
    report              the report of an audit: as text, as JSON, as annotations
    annotations         annotations of GitHub Actions
    targets             the methods, paths and URLs that get requests
    probe               requests to one method of a route
    observed_method     one method of a route, and the facts that its responses show
    findings            what is odd about the routes of an app
    request_findings    what check_requests does not check
    startup_routes      who can add routes when the app starts
    other_cors          the settings of other CORS packages in an app
    header_writers      the code that wrote the CORS headers of a response
    snapshot            an audit as a file, and what changed since
"""

from .arguments import add_to, run

__all__ = ["add_to", "run"]
