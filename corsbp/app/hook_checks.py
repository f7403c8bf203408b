"""Whether the hooks into Sanic hold: looked at when routes are bound, and tried at the end of startup.

At the end of startup, three requests go through the app's own router and the response path of the server that
runs, for one route of each section: a page's request, a preflight, and the WebSocket handshake of a page that
is not allowed. They carry a policy of their own, and no handler, middleware, signal or function of the user's
runs. If Sanic no longer serves a section as it should, the app does not start.
"""

from __future__ import annotations

import platform
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MethodType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sanic import __version__ as sanic_version
from sanic.asgi import ASGIApp
from sanic.handlers import ErrorHandler
from sanic.http import Http
from sanic.request import Request
from sanic.response import HTTPResponse
from sanic.server import HttpProtocol
from sanic_routing.route import Route

import corsbp

from ..decision.compiled import ActivePolicy
from ..decision.preflight import PathPolicies
from ..policy.policy import CorsPolicy
from ..spec.fetch import ALLOW_METHODS, ALLOW_ORIGIN, ORIGIN, REQUEST_METHOD, VARY
from .bindings import RouteBinding
from .middleware import RouteExtra, RouteMiddleware
from .preflights import OptionsHandler
from .routes import AnySanic, example_path, without_middleware
from .send import send_wrapper_for

if TYPE_CHECKING:
    from .resolver import Found, Resolver

ALLOWED: Final = "https://allowed.example"
_POLICY: Final = CorsPolicy(allow_origins=[ALLOWED, "https://allowed-too.example"])
_FOREIGN: Final = "https://foreign.example"
_HOST: Final = "corsbp.example"


def broken(hook: str, what: str) -> RuntimeError:
    """Return the error for a hook that does not hold."""
    versions = f"Sanic {sanic_version}, corsbp {corsbp.__version__}, Python {platform.python_version()}"
    return RuntimeError(
        f"corsbp cannot work in this app: {hook} {what} ({versions}). If another package replaces it after "
        "the section is registered, register the section last. Otherwise, this version of Sanic is not "
        "supported: install one that corsbp names in its requirements, and report it."
    )


def check_router(app: AnySanic, resolver: Resolver) -> None:
    """Check that the app's router leads to the resolver.

    Raises:
        RuntimeError: it does not.
    """
    if app.router is not resolver.router:
        raise broken("app.router", "is not the router that the section was registered with")
    found: Found = (Route(app.router, "", "corsbp", print, ["GET"]), print, {})
    with resolver.replacing(lambda *_: found), suppress(Exception):  # what raises, did not call the resolver
        if app.router.get("/corsbp", "GET", None) is found:
            return
    raise broken("app.router.get", "does not call corsbp")


def check_routes(bindings: Iterable[RouteBinding]) -> None:
    """Check that each route of a section has its middleware.

    Raises:
        RuntimeError: one has not.
    """
    for route, _, active in bindings:
        if active is None:
            continue
        name, extra = f"route.extra of {route.name}", route.extra
        middleware = extra.corsbp if isinstance(extra, RouteExtra) else None
        # a policy of the route's own is made active whenever routes are bound
        if middleware is None or middleware.active_policy.policy is not active.policy:
            raise broken(name, "has not the policy of its section")
        if not extra.response_middleware or extra.response_middleware[0] != middleware.attach:
            raise broken(name, "has not its response middleware first")
        if extra.websocket and (
            not extra.request_middleware or extra.request_middleware[0] != middleware.check
        ):
            raise broken(name, "has not its check of WebSocket handshakes first")


# --- requests through the server ---


class Head(NamedTuple):
    """The status and the headers of a response."""

    status: int
    headers: list[tuple[str, str]]

    def value(self, name: str) -> str | None:
        """Return the value of a header; None if it is missing, or there several times."""
        values = [value for key, value in self.headers if key.lower() == name]
        return values[0] if len(values) == 1 else None


async def check_responses(app: AnySanic, resolver: Resolver, bindings: Iterable[RouteBinding]) -> None:
    """Send requests for one route of each section, and one WebSocket, through the app and its server.

    Raises:
        RuntimeError: a response is not as it should be.
    """
    canaries: dict[tuple[ActivePolicy, bool], Canary] = {}
    for route, section, active in bindings:
        is_websocket = route.extra.websocket
        if active is None or section is None or (section, is_websocket) in canaries:
            continue
        path = example_path(route)
        if path is not None and "GET" in route.methods:
            canary = Canary(app, resolver, route, path)
            if canary.is_found():
                canaries[section, is_websocket] = canary
    for (_, is_websocket), canary in canaries.items():
        if is_websocket:
            await canary.check_handshake()
        else:
            await canary.check_request()
            await canary.check_preflight()


class Canary:
    """Requests to one route; what the router finds is replaced by a route without code of the user's."""

    def __init__(self, app: AnySanic, resolver: Resolver, route: Route, path: str) -> None:
        self.app = _QuietApp(app)
        self.resolver = resolver
        self.route = route
        self.path = path
        host = route.requirements.get("host") or _HOST
        self.host: str = host if isinstance(host, str) else host[0]
        self.middleware = _QuietMiddleware(ActivePolicy(_POLICY))
        self.handled = False

    def is_found(self) -> bool:
        """Return whether the path leads to the route: another one may have it, too."""
        with self.resolver.replacing(None), suppress(Exception):  # also what the user's parameter types raise
            return self.resolver.resolve(self.path, "GET", self.host)[0] is self.route
        return False

    async def check_request(self) -> None:
        """Check the response to a page that is allowed."""
        head = await self.send("GET", {ORIGIN: ALLOWED})
        if (head.status, head.value(ALLOW_ORIGIN), head.value(VARY)) != (200, ALLOWED, ORIGIN):
            raise broken(f"the response of {self.route.name}", "leaves without its CORS headers")

    async def check_preflight(self) -> None:
        """Check the response to the preflight of a page that is allowed."""
        head = await self.send("OPTIONS", {ORIGIN: ALLOWED, REQUEST_METHOD: "GET"})
        if (head.status, head.value(ALLOW_ORIGIN)) != (204, ALLOWED) or "GET" not in (
            head.value(ALLOW_METHODS) or ""
        ):
            raise broken(f"the preflight of {self.route.name}", "is not answered by its section")

    async def check_handshake(self) -> None:
        """Check that the WebSocket handshake of a page that is not allowed is refused."""
        more = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-key": "a" * 22 + "=="}
        head = await self.send("GET", {ORIGIN: _FOREIGN, "sec-websocket-version": "13", **more})
        if head.status != 403 or self.handled:
            raise broken(f"the WebSocket {self.route.name}", "opens to pages that are not allowed")

    async def send(self, method: str, headers: Mapping[str, str]) -> Head:
        """Send a request through the server that runs, and return the head of the response."""
        headers = {"host": self.host, **headers}
        with self.resolver.replacing(self.replace):
            if self.app.asgi:
                return await _send_by_asgi(self.app, method, self.path, headers)
            return await _send_by_http1(self.app, method, self.path, headers)

    def replace(self, path: str, method: str, host: str | None) -> Found:
        """Return what the app's own router finds, without any code of the user's."""
        self.resolver.replacement = None
        found, _, parameters = self.resolver.resolve(path, method, host)
        first = next(iter(found.extra.request_middleware), None)
        route = without_middleware(found)
        if method == "OPTIONS":
            if not isinstance(getattr(first, "__self__", None), OptionsHandler):
                raise broken(
                    f"the route of preflights to {self.route.name}", "does not respond to them first"
                )
            active = self.middleware.active_policy
            options = OptionsHandler(PathPolicies({"GET": active}), active)
            options.route = without_middleware(found)
            route.extra.request_middleware = deque([options.intercept])
        else:
            if found.extra.corsbp is not self.route.extra.corsbp:
                raise broken(f"the route of {self.path}", f"is not {self.route.name}")
            plain = {name: value for name, value in vars(found.extra).items() if name[:6] != "corsbp"}
            plain["response_middleware"] = deque()
            route.extra = RouteExtra(SimpleNamespace(**plain), self.middleware)
        return route, self.handle, parameters

    async def handle(self, *_: object, **__: object) -> HTTPResponse:
        """Handle a request, in the place of the user's handler."""
        self.handled = True
        return HTTPResponse(status=200)


class _QuietMiddleware(RouteMiddleware):
    """The middleware of a route whose requests are not reported."""

    def attach(self, request: Request, _: object) -> None:
        send_wrapper_for(request, self.active_policy).is_reported = True

    def check(self, request: Request) -> Any:
        send_wrapper_for(request, self.active_policy).is_reported = True
        return super().check(request)


class _QuietErrorHandler(ErrorHandler):
    """Sanic's own error handler, without a log."""

    @staticmethod
    def log(request: Request, exception: Exception) -> None:
        """Log nothing."""


class _QuietApp:
    """An app with its own methods and router, but without its signals and its error handlers."""

    def __init__(self, app: AnySanic) -> None:
        self._app = app
        self.error_handler = _QuietErrorHandler()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._app, name)
        if getattr(value, "__self__", None) is self._app:
            return MethodType(value.__func__, self)  # so that it calls the methods here
        return value

    async def dispatch(self, *_: object, **__: object) -> None:
        """Dispatch no signal."""


async def _send_by_http1(app: Any, method: str, path: str, headers: Mapping[str, str]) -> Head:
    """Send a request through Sanic's HTTP/1 server."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if "connection" not in headers:
        lines.append("connection: close")
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        sent.append(bytes(data))

    async def receive_more() -> None:
        raise EOFError("the request is complete")  # pragma: no cover  # unless Sanic reads more than a head

    protocol = SimpleNamespace(
        access_log=False,
        app=app,
        conn_info=None,
        receive_more=receive_more,
        recv_buffer=bytearray("\r\n".join([*lines, "", ""]).encode()),
        request_class=Request,
        request_handler=app.handle_request,
        request_max_size=0,
        send=send,
        state={"requests_count": 0},
        transport=None,
    )
    http: Http = _http_class(app)(protocol)
    http.keep_alive = True
    await http.http1()  # type: ignore[no-untyped-call]  # Sanic's has no types
    first, *rest = b"".join(sent).partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in rest)
    return Head(int(first.split()[1]), [(name, value.strip()) for name, _, value in pairs])


def _http_class(app: AnySanic) -> Any:
    """Return the class of Sanic's HTTP/1 streams, which a protocol of the user's may have changed."""
    for info in app.state.server_info:
        protocol = info.settings.get("protocol")
        if isinstance(protocol, type) and issubclass(protocol, HttpProtocol):
            found = protocol.HTTP_CLASS
            return found if issubclass(found, Http) else Http
    return Http


async def _send_by_asgi(app: Any, method: str, path: str, headers: Mapping[str, str]) -> Head:
    """Send a request through Sanic's ASGI app."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Any = {
        "type": "websocket" if "upgrade" in headers else "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "extensions": {"websocket.http.response": {}},
    }
    asgi = await ASGIApp.create(app, scope, receive, send)
    await asgi()
    first = sent[0] if sent else {}
    pairs = [(name.decode(), value.decode()) for name, value in first.get("headers", ())]
    return Head(first.get("status", 0), pairs)
