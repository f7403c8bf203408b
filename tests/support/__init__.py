"""What all tests share: apps, a client, servers, and the comparison of responses with what is expected.

A test builds an app, sends requests and compares the responses:

    app = new_app(cors_group(blueprint, **LISTED))
    expect(app, {"a page": (request("GET", "/item"), 200, GRANTED)})

    requirements   programs and packages that may be missing here; values that tests record for the summary
    without_http3  a folder for the search path of processes: they start sooner without aioquic
    apps           apps and handlers for tests; a whole Sanic after each test
    client         requests, and responses as they arrive, with every header
    servers        Sanic's own server in this process, and the `sanic` command in another
    expectations   responses compared with a status and CORS headers, one line for each difference
"""

from .apps import (
    CLEANS_NAMES,
    EVIL,
    LISTED,
    ORIGIN,
    SANIC_CALL,
    TWO,
    as_handler,
    both_touchups,
    compile_routers_once,
    handler,
    new_app,
    patch_sanic,
    plain_group,
    restore_sanic,
    text_handler,
    touch_up_once,
)
from .client import HttpRequest, ReceivedResponse, parse_response, preflight, request, send_async, send_bytes
from .expectations import (
    GRANTED,
    PUBLIC,
    REFUSED,
    Expectation,
    differences,
    expect,
    explain_comparison,
    preflight_headers,
    without_cors,
)
from .requirements import (
    ROOT,
    SEARCH_PATH,
    WITHOUT_HTTP3,
    RecordProperty,
    recorded_values,
    require_package,
    skip_or_fail,
)
from .servers import (
    reserve_port,
    run_server,
    sanic_process,
    send,
    send_through_asgi,
    send_to_asgi_app,
    serve,
)

__all__ = [
    "CLEANS_NAMES",
    "EVIL",
    "GRANTED",
    "LISTED",
    "ORIGIN",
    "PUBLIC",
    "REFUSED",
    "ROOT",
    "SANIC_CALL",
    "SEARCH_PATH",
    "TWO",
    "WITHOUT_HTTP3",
    "Expectation",
    "HttpRequest",
    "ReceivedResponse",
    "RecordProperty",
    "as_handler",
    "both_touchups",
    "compile_routers_once",
    "differences",
    "expect",
    "explain_comparison",
    "handler",
    "new_app",
    "parse_response",
    "patch_sanic",
    "plain_group",
    "preflight",
    "preflight_headers",
    "recorded_values",
    "request",
    "require_package",
    "reserve_port",
    "restore_sanic",
    "run_server",
    "sanic_process",
    "send",
    "send_async",
    "send_bytes",
    "send_through_asgi",
    "send_to_asgi_app",
    "serve",
    "skip_or_fail",
    "text_handler",
    "touch_up_once",
    "without_cors",
]
