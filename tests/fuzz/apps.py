"""Apps built from descriptions: one with sections, and the same app with plain groups instead."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from sanic import Blueprint, Request, Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.exceptions import SanicException
from sanic.http import Http
from sanic.http.constants import HTTP
from sanic.response import HTTPResponse, text
from sanic.router import Router
from sanic.server.protocols.http_protocol import HttpProtocol

from corsbp import cors_group

from .descriptions import EVIL, MADE, METHODS, AppSpec, BlueprintSpec, Member, RouteSpec, cast_odd


class QueryRouter(Router):
    """A router that knows the method QUERY of HTTP, and a type of parameters whose cast may fail."""

    ALLOWED_METHODS: tuple[Any, ...] = METHODS

    def __init__(self) -> None:
        super().__init__()
        self.register_pattern("odd", cast_odd, r"odd-[a-z0-9]+")


class NotedRequest(Request):
    """A request that its app can find as the last one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kwargs["app"].ctx.last = self


class EqualRequest(NotedRequest):
    """A request that equals every other one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EqualRequest)

    def __hash__(self) -> int:
        return 1


class UnhashableRequest(NotedRequest):
    """A request that has no hash."""

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # type: ignore[assignment]  # as a class with __eq__ alone has it


REQUEST_CLASSES: dict[str | None, type[Request]] = {
    None: NotedRequest,
    "equal": EqualRequest,
    "unhashable": UnhashableRequest,
}


class OwnHttp(Http):
    """A subclass of Sanic's Http, as a protocol of a user may have it."""

    __slots__ = ()


class OwnHttpProtocol(HttpProtocol):
    """A protocol with its own Http."""

    HTTP_CLASS = OwnHttp


class StreamProxy:
    """An object that stands before the stream of a request, as tracing libraries put it there."""

    def __init__(self, stream: Any) -> None:
        self.__dict__["stream"] = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.stream, name, value)


class OwnResponse(HTTPResponse):
    """A response that adds a CORS header as it is encoded."""

    @property
    def processed_headers(self) -> Any:
        yield from super().processed_headers
        yield b"access-control-allow-origin", EVIL.encode()


class BuiltApp:
    """An app, the events that its middleware notes, and the origins that were signalled as refused."""

    def __init__(self, spec: AppSpec, wrapped: bool) -> None:
        self.spec = spec
        self.wrapped = wrapped
        self.events: list[str] = []
        self.signalled: list[str] = []
        self.protocol: type[HttpProtocol] = OwnHttpProtocol if spec.own_http else HttpProtocol
        self.app = Sanic(
            f"app{'ours' if wrapped else 'bare'}",
            router=QueryRouter(),
            configure_logging=False,
            request_class=REQUEST_CLASSES[spec.request_class],
        )
        Sanic._app_registry.clear()
        self.app.config.update(
            AUTO_EXTEND=False, MOTD=False, ACCESS_LOG=False, TOUCHUP=False, FALLBACK_ERROR_FORMAT="text"
        )
        self.app.config.update(OWN_HOST_CONFIG.get(spec.own_host, {}))
        self.build()

    def build(self) -> None:
        """Declare everything in the order of the description."""
        spec, app = self.spec, self.app
        self.add_middleware(app, "app")
        if spec.served_by_middleware:
            self.serve_by_middleware(*spec.served_by_middleware)
        if spec.whole and self.wrapped:
            app.blueprint(cors_group(app, policy=MADE[spec.whole.policy]))
        for group in spec.groups:
            built = self.member(group)
            if built not in app.blueprints.values():
                app.blueprint(built)
            if spec.wraps_finalize:
                wrap_finalize(app.router)
        for route in spec.routes:
            declare(app, route)
        if spec.listens and self.wrapped:

            @app.signal("corsbp.page.refused")
            async def listener(request: Request, report_only: bool, **_: object) -> None:
                self.signalled += request.headers.getall("origin", ())

    def blueprint(self, spec: BlueprintSpec) -> Blueprint:
        """Build a blueprint."""
        bp = Blueprint(
            spec.name,
            url_prefix=spec.prefix,
            version=spec.version,
            host=spec.host,
            strict_slashes=spec.strict,
        )
        for route in spec.routes:
            declare(bp, route)
        self.add_middleware(bp, "bp")
        if spec.before:
            self.app.blueprint(bp)
        return bp

    def member(self, spec: Member) -> Any:
        """Build a blueprint or a group: a section if it is one and the app has sections."""
        if isinstance(spec, BlueprintSpec):
            return self.blueprint(spec)
        members = [self.member(each) for each in spec.members]
        if spec.section and self.wrapped:
            policy = MADE[spec.policy]
            return cors_group(*members, policy=policy, url_prefix=spec.prefix, version=spec.version)
        kept = [each for each in members if each not in self.app.blueprints.values()]
        return Blueprint.group(*kept, url_prefix=spec.prefix, version=spec.version)

    def add_middleware(self, where: Any, kind: str) -> None:
        """Add the middleware that the description has for an app, or for a blueprint."""
        for number, (place, when, priority) in enumerate(self.spec.middleware, 1):
            if place != kind:
                continue

            def act(request: Request, response: Any = None, number: int = number) -> HTTPResponse | None:
                self.events.append(f"{number} {request.method} {request.route is None}")
                if request.route is not None:
                    assert request.route.ctx.login  # every route of the app has it
                wanted, _, word = request.headers.get("x-act", "").partition(" ")
                return perform(word, request, response) if wanted == str(number) else None

            if when == "request":
                where.on_request(priority=priority)(lambda request, act=act: act(request))
            else:
                where.on_response(priority=priority)(act)

    def serve_by_middleware(self, prefix: str, status: int) -> None:
        """Respond to every request below a prefix in middleware, as code in front of an old app does."""

        @self.app.on_request
        def serve(request: Request) -> HTTPResponse | None:
            self.events.append("served")
            return text("legacy", status) if f"{request.path}/".startswith(f"{prefix}/legacy/") else None

    async def start(self) -> None:
        """Do all that Sanic does before it listens."""
        # As `sanic` and `app.run()` do: what Sanic does only for HTTP/3 is taken out of its code (`alt-svc`).
        self.app.state.server_info.append(ApplicationServerInfo(settings={"version": HTTP.VERSION_1}))
        with socket.create_server(("127.0.0.1", 0)) as unused:
            server: Any = await self.app.create_server(
                sock=unused,
                protocol=self.protocol,
                return_asyncio_server=True,
                asyncio_server_kwargs={"start_serving": False},
            )
            assert server is not None
            await server.startup()
            await server.before_start()
            await server.close()


OWN_HOST_CONFIG: dict[str | None, dict[str, Any]] = {
    "proxies": {"PROXIES_COUNT": 1},
    "secret": {"FORWARDED_SECRET": "s3cret"},
    "name": {"SERVER_NAME": "https://own.example"},
}


def wrap_finalize(router: Any) -> None:
    """Wrap `router.finalize`, as another package may do it."""
    inner = router.finalize

    def finalize(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    router.finalize = finalize


def perform(word: str, request: Request, response: Any) -> HTTPResponse | None:
    """Do in middleware what a request asks for."""
    if word == "raise":
        raise SanicException("the middleware", 401)
    if word == "respond":
        return text("responded", 203)
    if word == "proxy":
        request.stream = StreamProxy(request.stream)  # type: ignore[assignment]
    elif response is not None:
        response.headers["access-control-allow-origin"] = EVIL
        response.headers["x-seen"] = "1"
    return None


def declare(where: Any, route: RouteSpec) -> None:
    """Declare a route on an app or a blueprint."""

    async def handler(request: Request, *_: object, **parameters: object) -> HTTPResponse | None:
        wanted, __, word = request.headers.get("x-act", "").partition(" ")
        return await handle(route, request, word if wanted == "0" else "")

    more: dict[str, Any] = {"ctx_login": True}
    if route.cors is not None:
        more["ctx_cors"] = MADE[str(route.cors)] if route.cors else False
    add: Any = where.add_websocket_route if route.websocket else where.add_route
    if not route.websocket:
        more["methods"] = route.methods
    add(handler, route.uri, name=route.name, host=route.host, strict_slashes=route.strict, **more)


async def handle(route: RouteSpec, request: Request, word: str) -> HTTPResponse | None:
    """Respond with the name of the route, in the way that a request asks for."""
    if word == "raise":
        raise SanicException("the handler", 418)
    if word == "own class":
        return OwnResponse(route.name, content_type="text/plain")
    if word in ("stream", "mended", "concurrent"):
        await respond_in_parts(route, request, word)
        return None
    headers: dict[str, str] = {}
    if word == "cors":
        headers = {"vary": "Cookie", "access-control-allow-origin": EVIL}
    elif word in ("nul", "crlf"):
        headers = {("\0" if word == "nul" else "\r\n") + "access-control-allow-origin": EVIL}
    return text(route.name, headers=headers)


async def respond_in_parts(route: RouteSpec, request: Request, word: str) -> None:
    """Send a response as a stream: mended after a head that fails, or with two sends at the same time."""
    response: Any = await request.respond(content_type="text/plain")
    if word == "mended":
        response.headers["content-length"] = "zz"
        try:
            await response.send("lost")
        except ValueError:
            del response.headers["content-length"]
    if word == "concurrent":
        await asyncio.gather(response.send("one"), response.send("two"))
    await response.send(route.name)
    await response.eof()
