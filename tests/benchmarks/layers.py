"""The layers: one small app, and every way to get CORS onto it that the benchmark compares.

The app has one section, ``/api`` with a path that serves GET and PUT, and routes outside: ``/about``, and
``/about/<number:int>``.
Most layers are configured to send the same headers; ``expected`` has the response to each request that a
layer is measured with. The layers of ``CHECKED`` compare what `check_requests` costs.
All but Sanic is imported inside the functions: a layer runs where only its own packages are installed.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sanic import Blueprint, HTTPResponse, Request, Sanic
from sanic.response import empty, text

ORIGIN = "https://www.app.example"
METHODS = ("GET", "PUT", "OPTIONS")
ASKED_HEADERS = ("authorization", "x-request-id")
EXPOSED = "x-total-count"
MAX_AGE = 600

GRANT = {
    "access-control-allow-origin": ORIGIN,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": EXPOSED,
}
PREFLIGHT = {
    "access-control-allow-origin": ORIGIN,
    "access-control-allow-credentials": "true",
    "access-control-allow-methods": ",".join(METHODS),
    "access-control-allow-headers": ",".join(ASKED_HEADERS),
    "access-control-max-age": str(MAX_AGE),
}
VARY = {"vary": "Origin"}

Headers = Mapping[str, str]


# -- the requests --------------------------------------------------------------------------------------------


def _request(method: str, path: str, *, body: str = "", **headers: str) -> bytes:
    """Return the bytes that a browser would send, with only the headers that Sanic reads in every request."""
    if body:
        headers["content_length"] = str(len(body))
    common = {
        "host": "api.example",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "accept": "*/*",
        "accept-encoding": "gzip, deflate, br",
        "connection": "keep-alive",
    }
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in (common | headers).items()]
    return f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n{body}".encode()


def _fetch(method: str, origin: str = "", site: str = "cross-site", **headers: str) -> bytes:
    """Return a request to an https server, with the headers by which it can be checked."""
    metadata = {"sec_fetch_dest": "empty", "sec_fetch_mode": "cors", "sec_fetch_site": site}
    if origin:
        metadata["origin"] = origin
    body = "" if method == "GET" else "a=1"
    return _request(method, "/api/orders", body=body, **(metadata | headers))


OWN_ORIGIN = "https://api.example"
MISSES = 2_000
"""Paths that are asked for in turn: more than the 1,024 that Sanic's router remembers."""

REQUESTS: dict[str, list[bytes]] = {
    "granted": [_request("GET", "/api/items/7", origin=ORIGIN)],
    "refused": [_request("GET", "/api/items/7", origin="https://www.not.example")],
    "no origin": [_request("GET", "/api/items/7")],
    "preflight": [
        _request(
            "OPTIONS",
            "/api/items/7",
            origin=ORIGIN,
            access_control_request_method="PUT",
            access_control_request_headers=",".join(ASKED_HEADERS),
        )
    ],
    "outside": [_request("GET", "/about", origin=ORIGIN)],
    "outside, miss": [_request("GET", f"/about/{1_000_000 + each}", origin=ORIGIN) for each in range(MISSES)],
    "404 inside": [_request("GET", "/api/nothing", origin=ORIGIN)],
    "404 outside": [_request("GET", "/nothing", origin=ORIGIN)],
}
"""What a block sends: these, over and over."""
CHECKED_REQUESTS: dict[str, list[bytes]] = {
    "GET, allowed page": [_fetch("GET", ORIGIN)],
    "GET, own page": [_fetch("GET", site="same-origin")],
    "POST, allowed page": [_fetch("POST", ORIGIN)],
    "POST, own page": [_fetch("POST", OWN_ORIGIN, "same-origin")],
    "POST, no browser": [_request("POST", "/api/orders", body="a=1")],
    "form, another page": [_fetch("POST", "https://www.not.example", sec_fetch_mode="navigate")],
}
"""The same, for the layers of ``CHECKED``."""
OUTSIDE = ("outside", "outside, miss", "404 outside")

# -- the app, and the change that each layer makes -----------------------------------------------------------


def _section(
    own: dict[str, str] | None = None, preflight: Headers | None = None, *, options: bool = False
) -> Blueprint:
    """Return the blueprint of the section; its handlers write the headers ``own`` and ``preflight``."""
    section = Blueprint("api", url_prefix="/api")

    if own is None:

        @section.get("/items/<item:int>")
        async def read(request: Request, item: int) -> HTTPResponse:
            return text("an item")
    else:

        @section.get("/items/<item:int>")
        async def read(request: Request, item: int) -> HTTPResponse:
            return text("an item", headers=own)

    @section.put("/items/<item:int>")
    async def write(request: Request, item: int) -> HTTPResponse:
        return text("an item")

    # One route, as of a class-based view: a check of its POST is among the middleware of its GET, too.
    @section.route("/orders", methods=["GET", "POST"])
    async def orders(request: Request) -> HTTPResponse:
        return text("an item")

    if preflight is not None:

        @section.options("/items/<item:int>")
        async def answer_preflight(request: Request, item: int) -> HTTPResponse:
            return empty(headers={**preflight})
    elif options:

        @section.options("/items/<item:int>")
        async def answer_options(request: Request, item: int) -> HTTPResponse:
            return empty()

    return section


def _bare(app: Sanic) -> None:
    # Sanic alone responds 405 to OPTIONS, through an exception. The base of the preflight column is the
    # smallest response instead: a handler that returns an empty response.
    app.blueprint(_section(options=True))


def _handler(grant: Headers, preflight: Headers) -> Callable[[Sanic], None]:
    def install(app: Sanic) -> None:
        app.blueprint(_section(own={**grant}, preflight=preflight))

    return install


def _middleware(more: Headers) -> Callable[[Sanic], None]:
    def install(app: Sanic) -> None:
        headers = {**GRANT, **more}
        rest = {name: value for name, value in PREFLIGHT.items() if name not in GRANT}
        app.blueprint(_section(preflight=rest))

        @app.on_response
        def set_headers(request: Request, response: HTTPResponse) -> None:
            response.headers.update(headers)

    return install


def _corsbp(
    origins: Callable[[], Any],
    report_only: Callable[[], Any] | None = None,
    level: int = logging.WARNING,
    **fields: Any,
) -> Callable[[Sanic], None]:
    def install(app: Sanic) -> None:
        from corsbp import CorsPolicy, cors_group

        logger = logging.getLogger("corsbp")
        logger.setLevel(level)
        # The work of a log handler is not measured.
        logger.handlers, logger.propagate = [logging.NullHandler()], False
        usual: dict[str, Any] = {
            "allow_origins": origins(),
            "allow_credentials": True,
            "allow_headers": ASKED_HEADERS,
            "expose_headers": [EXPOSED],
            "max_age": MAX_AGE,
        }
        policy = CorsPolicy(**(usual | fields))
        tried = policy.replace(allow_origins=report_only()) if report_only else None
        app.blueprint(cors_group(_section(), policy=policy, report_only=tried))

    return install


def _listened(install: Callable[[Sanic], None]) -> Callable[[Sanic], None]:
    def with_listener(app: Sanic) -> None:
        install(app)

        @app.signal("corsbp.page.refused")
        async def count(**_: object) -> None:
            pass

    return with_listener


def _any() -> str:
    return "*"


def _two() -> list[str]:
    return [ORIGIN, "https://other.example"]


def _two_others() -> list[str]:
    return [ORIGIN, "https://third.example"]


def _thousand_exact() -> list[str]:
    return [f"https://www.customer{number}.example" for number in range(999)] + [ORIGIN]


def _thousand_patterns() -> list[str]:
    return [f"https://*.customer{number}.example" for number in range(999)] + ["https://*.app.example"]


def _synchronous(origin: str, request: Request) -> bool:
    return origin == ORIGIN


async def _asynchronous(origin: str, request: Request) -> bool:
    return origin == ORIGIN


def _guide(app: Sanic) -> None:
    app.blueprint(_section())
    install_recipe(app)


def install_recipe(app: Sanic) -> None:
    """Install the recipe of the Sanic guide, "How to: CORS", with the repairs that it needs on this Sanic.

    Its shape is kept: one listener that gives OPTIONS handlers to the paths without one, one response
    middleware, both adding the same headers, the route's methods collected for each response. Repaired: paths
    with two routes keep all methods; the app is amended as a whole (else OPTIONS is 500, and with a thousand
    routes it does not start); responses without a route pass (else a 404 logs an error); the origin is one.
    """

    def add_headers(response: HTTPResponse, methods: Iterable[str]) -> None:
        allowed = list(set(methods))
        if "OPTIONS" not in allowed:
            allowed.append("OPTIONS")
        response.headers.extend(
            {
                "access-control-allow-methods": ",".join(allowed),
                "access-control-allow-origin": ORIGIN,
                "access-control-allow-credentials": "true",
                "access-control-allow-headers": ",".join(ASKED_HEADERS),
                "access-control-expose-headers": EXPOSED,
            }
        )

    def add_to_response(request: Request, response: HTTPResponse) -> None:
        if request.method != "OPTIONS" and request.route is not None:
            add_headers(response, list(request.route.methods))

    def answer_with(methods: frozenset[str]) -> Any:
        def answer_options(request: Request, **_: object) -> HTTPResponse:
            response = empty()
            add_headers(response, methods)
            response.headers["access-control-max-age"] = str(MAX_AGE)
            return response

        return answer_options

    def add_options(app: Sanic) -> None:
        missing: dict[str, set[str]] = defaultdict(set)
        for group in app.router.groups.values():
            if "OPTIONS" not in group.methods:
                missing[group.uri].update(group.methods)
        with app.amend():
            for number, (uri, methods) in enumerate(missing.items()):
                handler = answer_with(frozenset(methods))
                app.add_route(handler, uri, methods=["OPTIONS"], name=f"options{number}")

    app.register_listener(add_options, "before_server_start")
    app.register_middleware(cast(Any, add_to_response), "response")


def _sanic_ext(app: Sanic) -> None:
    from sanic_ext import Extend
    from sanic_ext.extensions.http.extension import HTTPExtension

    app.config.update(
        CORS_ORIGINS=ORIGIN,
        CORS_SUPPORTS_CREDENTIALS=True,
        CORS_ALLOW_HEADERS=list(ASKED_HEADERS),
        CORS_METHODS=list(METHODS),
        CORS_EXPOSE_HEADERS=[EXPOSED],
        CORS_MAX_AGE=MAX_AGE,
    )
    # Only the extension for CORS: injection, OpenAPI and others cost time too, and are not CORS.
    Extend(app, built_in_extensions=False, extensions=[HTTPExtension])
    app.blueprint(_section())


def _sanic_cors(app: Sanic) -> None:
    from sanic_cors import CORS

    CORS(
        app,
        origins=[ORIGIN],
        supports_credentials=True,
        methods=list(METHODS),
        allow_headers=list(ASKED_HEADERS),
        expose_headers=[EXPOSED],
        max_age=MAX_AGE,
        automatic_options=True,
    )
    app.blueprint(_section())


# -- the list ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    name: str
    install: Callable[[Sanic], None]
    expected: dict[str, Headers]
    """What it must answer to each of REQUESTS: all ``access-control-*`` headers and ``Vary``."""
    environment: str = ""
    """The package that must be installed without sanic-ext, in an environment of its own."""
    other_headers: bool = False
    """Another package's: where its release for this Sanic sends other headers, it is left out."""
    refused: tuple[str, ...] = ()
    """The requests to which it responds 403."""

    def build(self, app: Sanic) -> None:
        @app.get("/about")
        async def about(request: Request) -> HTTPResponse:
            return text("an item")

        @app.get("/about/<number:int>")
        async def about_number(request: Request, number: int) -> HTTPResponse:
            return text("an item")

        self.install(app)


def _everywhere(headers: Headers, preflight: Headers, *, nowhere: Iterable[str] = ()) -> dict[str, Headers]:
    """Return the same headers for every request but the preflight; none for those in ``nowhere``."""
    same = {name: preflight if name == "preflight" else headers for name in REQUESTS}
    return same | {name: {} for name in nowhere}


def _by_origin() -> dict[str, Headers]:
    granted = _everywhere({**GRANT, **VARY}, {**PREFLIGHT, **VARY}, nowhere=OUTSIDE)
    return granted | {"refused": VARY, "no origin": VARY}


_STATIC = _everywhere(GRANT, PREFLIGHT, nowhere=OUTSIDE)
_VARIED_GRANT = {**GRANT, **VARY}
_OPEN_GRANT = {"access-control-allow-origin": "*"}
_OPEN_PREFLIGHT = {
    name: value for name, value in PREFLIGHT.items() if "credentials" not in name
} | _OPEN_GRANT
HANDLER = "headers by hand in the handler"

LAYERS = [
    Layer("bare Sanic", _bare, _everywhere({}, {})),
    # The same app twice: the second row shows the noise.
    Layer("bare Sanic again", _bare, _everywhere({}, {})),
    Layer(
        HANDLER,
        _handler(GRANT, PREFLIGHT),
        _everywhere(GRANT, PREFLIGHT, nowhere=[*OUTSIDE, "404 inside"]),
    ),
    Layer(
        f"{HANDLER}, Vary",
        _handler(_VARIED_GRANT, {**PREFLIGHT, **VARY}),
        _everywhere(_VARIED_GRANT, {**PREFLIGHT, **VARY}, nowhere=[*OUTSIDE, "404 inside"]),
    ),
    Layer(
        f"{HANDLER}, one header",
        _handler(_OPEN_GRANT, _OPEN_PREFLIGHT),
        _everywhere(_OPEN_GRANT, _OPEN_PREFLIGHT, nowhere=[*OUTSIDE, "404 inside"]),
    ),
    Layer("middleware", _middleware({}), _everywhere(GRANT, {**PREFLIGHT, **GRANT})),
    Layer(
        "middleware, Vary",
        _middleware(VARY),
        _everywhere(_VARIED_GRANT, {**PREFLIGHT, **_VARIED_GRANT}),
    ),
    Layer(
        "corsbp, every origin",
        _corsbp(_any, allow_credentials=False, expose_headers=()),
        _everywhere(_OPEN_GRANT, _OPEN_PREFLIGHT, nowhere=OUTSIDE),
    ),
    # One exact origin is sent to every page and needs no Vary; the others decide for each request, with Vary.
    Layer("corsbp, one origin", _corsbp(lambda: [ORIGIN]), _STATIC),
    Layer("corsbp, two origins", _corsbp(_two), _by_origin()),
    Layer("corsbp, two origins, logged", _corsbp(_two, level=logging.DEBUG), _by_origin()),
    Layer("corsbp, two origins, listener", _listened(_corsbp(_two)), _by_origin()),
    Layer("corsbp, two origins, report-only", _corsbp(_two, _two_others, logging.INFO), _by_origin()),
    Layer("corsbp, 1,000 origins", _corsbp(_thousand_exact), _by_origin()),
    Layer("corsbp, 1,000 patterns", _corsbp(_thousand_patterns), _by_origin()),
    Layer("corsbp, function", _corsbp(lambda: _synchronous), _by_origin()),
    Layer("corsbp, async function", _corsbp(lambda: _asynchronous), _by_origin()),
    # The recipe sends the same headers for a request and a preflight.
    Layer(
        "guide's recipe",
        _guide,
        _everywhere(
            {
                **GRANT,
                "access-control-allow-methods": "GET,OPTIONS",
                "access-control-allow-headers": PREFLIGHT["access-control-allow-headers"],
            },
            {**PREFLIGHT, **GRANT},
            nowhere=["404 inside", "404 outside"],
        ),
    ),
    Layer(
        "sanic-ext",
        _sanic_ext,
        _everywhere(_VARIED_GRANT, {**PREFLIGHT, **_VARIED_GRANT}) | {"refused": {}},
        other_headers=True,
    ),
    Layer(
        "sanic-cors",
        _sanic_cors,
        _everywhere(GRANT, {**PREFLIGHT, **GRANT}) | {"refused": {}},
        environment="sanic-cors",
        other_headers=True,
    ),
]


def _checked(own: str = "Origin", allowed: str = "Origin", **fields: Any) -> Layer:
    """Return a layer with a value of `check_requests`.

    own, allowed: the Vary of the responses to GET, of the server's own page and of an allowed one.
    """
    grant = {name: value for name, value in GRANT.items() if "credentials" not in name}
    expected: dict[str, Headers] = {
        "GET, allowed page": grant | {"vary": allowed},
        "GET, own page": {"vary": own},
        "POST, allowed page": grant | VARY,
        "POST, own page": VARY,
        "POST, no browser": VARY,
        "form, another page": VARY,
    }
    name = f"corsbp, check_requests={fields.get('check_requests', False)!r}"
    refused = ("form, another page",) if fields else ()
    return Layer(name, _corsbp(_two, allow_credentials=False, **fields), expected, refused=refused)


_READ = "Origin, Sec-Fetch-Site"
CHECKED = [
    Layer("bare Sanic", _bare, {name: {} for name in CHECKED_REQUESTS}),
    _checked(),
    _checked(check_requests="writes"),
    _checked(_READ, f"{_READ}, Sec-Fetch-Mode, Cookie, Authorization", check_requests="all"),
]
"""The layers that compare the values of `check_requests`; without credentials, for which more is checked."""
