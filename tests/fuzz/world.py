"""An app with sections beside the same app without them, and the judge of their responses.

Both are driven through Sanic's own HTTP protocol, in memory: bytes in, in whatever pieces, and bytes out.
The response of the app without sections shows how Sanic reads the bytes; the oracle has what a section
adds to it. Nothing else may be in a response.
"""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sanic import Blueprint, Request, Sanic
from sanic.application.constants import Mode
from sanic.exceptions import MethodNotAllowed, NotFound, SanicException, Unauthorized
from sanic.http import Http
from sanic.response import HTTPResponse, redirect, text
from sanic.server.protocols.http_protocol import HttpProtocol

from corsbp import CorsGroup, CorsPolicy, CorsPolicyWarning, cors_group
from tests.benchmarks.driver import start
from tests.support import ROOT, run_server

from .cases import Case
from .meter import Meter
from .oracle import METHODS, OUTSIDE, Asked, Expected, Fields, expected

ONE, TWO = "https://app.example", "https://two.example:8443"

POLICIES: dict[str, Fields] = {
    "public": {},
    "one": {"allow_origins": [ONE], "allow_credentials": True},
    "list": {"allow_origins": [ONE, TWO], "expose_headers": ["X-Out", "etag"], "max_age": None},
    "reflects": {"allow_origins": [ONE, TWO], "allow_credentials": True},
    "patterns": {
        "allow_origins": [ONE, "https://*.tenants.example", "https://*.a.b:8443", "http://localhost:*"],
        "allow_credentials": True,
    },
    "asks": {"allow_origins": {"function": [ONE, "http://[::1]:3000"], "how": "async"}},
    "names": {
        "allow_methods": ["delete", "GET"],
        "allow_headers": ["X-Two", "x-one"],
        "expose_headers": "*",
        "max_age": 0,
    },
    "feed": {},
}
"""The policies that stay as they are: `feed` is that of single routes."""

FUZZED = "fuzzed"
"""The section whose policy is the case's, in a small app of its own: that is quickly bound anew."""


class Place(NamedTuple):
    """A blueprint: its prefix in segments of the router, its host, and the policy of its section."""

    prefix: str
    policy: str | None
    host: str | None = None


PLACES = {
    **{name: Place(f"/{name}", name) for name in (*POLICIES, FUZZED) if name != "feed"},
    "web": Place("/web", None),
    "inner": Place("/list/inner", None),
    "shared": Place("/shared", "list"),
    "sharing": Place("/shared", None),
    "tenant": Place("/t/<tenant:str>", "patterns"),
    "numbered": Place("/n/<number:int>", "reflects"),
    "hosted": Place("/hosted", "one", "api.example"),
    "elsewhere": Place("/hosted", "list", "two.example"),
    "root": Place("", "list"),
}

_PARAMETERS = {"<tenant:str>": r"[^/]+", "<number:int>": r"-?\d+"}


OTHER_POLICY = ("_outside", "_feed")
"""How names of routes end that do not have the policy of their section."""

SITE = [name for name in PLACES if name != FUZZED]
SMALL = [FUZZED, "web"]


def owner_of(path: str, host: str | None, places: Iterable[str]) -> str | None:
    """R5: return the place of a path without any route; None if it has none, or several."""
    segments = path[1:].split("/")
    best: dict[int, set[str]] = {}
    for name in places:
        place = PLACES[name]
        prefix = place.prefix[1:].split("/")
        if place.prefix and place.host in (None, host) and len(prefix) <= len(segments):
            patterns = [_PARAMETERS.get(part) or re.escape(part) for part in prefix]
            if all(map(re.fullmatch, patterns, segments)):
                best.setdefault(len(prefix), set()).add(name)
    names = best[max(best)] if best else set()
    return names.pop() if len(names) == 1 else None


# --- the two apps ---


def add_routes(bp: Blueprint, name: str) -> None:
    """Add the routes of a place: all kinds of responses."""

    @bp.get("/alone" if name == "sharing" else "/item", name="item")
    async def item(_: Request, **__: Any) -> HTTPResponse:
        return text("item")

    if name == "sharing":
        return
    if name == "root":
        bp.add_route(cast(Any, item), "/", name="home")  # the type of the decorator is that of its result

    @bp.route("/item", methods=["POST", "PUT"], name="post_item")
    async def post_item(request: Request, **__: Any) -> HTTPResponse:
        return text(f"{len(request.body)} bytes")

    @bp.get("/items/<id:int>", name="numbered_item")
    @bp.get("/days/<day:ymd>", name="day")
    @bp.delete("/words/<word:str>", name="word")
    @bp.get(r"/codes/<code:[a-z]{2,3}\d*>", name="code")
    async def parameter(_: Request, **__: Any) -> HTTPResponse:
        return text("parameter")

    # One path with three policies. In no section, `ctx_cors` would be an error.
    inside = PLACES[name].policy is not None
    feed: dict[str, Any] = {"ctx_cors": policy_of(POLICIES["feed"])} if inside else {}
    outside: dict[str, Any] = {"ctx_cors": False} if inside else {}

    @bp.get("/mixed", name="mixed")
    @bp.put("/mixed", name="mixed_feed", **feed)
    @bp.delete("/mixed", name="mixed_outside", **outside)
    @bp.options("/own", name="own_options")
    @bp.get("/own", name="own")
    @bp.patch("/own", name="own_outside", **outside)
    @bp.get("/aside", name="aside")
    @bp.options("/aside", name="aside_outside", **outside)
    async def mixed(_: Request, **__: Any) -> HTTPResponse:
        return text("mixed", headers={"vary": "Accept, Origin"})

    @bp.get("/sets", name="sets")
    async def sets(_: Request, **__: Any) -> HTTPResponse:
        theirs = {
            "Access-Control-Allow-Origin": "https://evil.example",
            "access-control-allow-credentials": "true",
            "x-other": "1",
        }
        return text("sets", headers=theirs)

    @bp.get("/fails", name="fails")
    async def fails(_: Request, **__: Any) -> HTTPResponse:
        raise ZeroDivisionError

    @bp.get("/denied", name="denied")
    async def denied(_: Request, **__: Any) -> HTTPResponse:
        raise Unauthorized("no", scheme="Basic", realm="here")

    @bp.get("/moved", name="moved")
    async def moved(_: Request, **__: Any) -> HTTPResponse:
        return redirect("/web/item")

    @bp.get("/stream", name="stream")
    async def stream(request: Request, **__: Any) -> None:
        response = await request.respond(content_type="text/plain")
        for _ in range(3):
            await asyncio.sleep(0)
            await response.send("part")

    @bp.post("/upload", name="upload", stream=True)
    async def upload(request: Request, **__: Any) -> HTTPResponse:
        length = 0
        assert isinstance(request.stream, Http)
        async for part in request.stream:
            length += len(part)
        return text(f"{length} bytes")

    @bp.websocket("/socket", name="socket")
    async def socket(_: Request, __: Any, **___: Any) -> None:
        """Never run: `Wire.websocket_handshake` ends a handshake that came so far."""

    if name in ("web", "patterns"):
        bp.static("/file", ROOT / "LICENSE", name="file")


def policy_of(fields: Fields) -> CorsPolicy:
    """Return the policy of these fields of the oracle."""
    return CorsPolicy(**{**fields, "allow_origins": _origins_of(fields)})


def _origins_of(fields: Fields) -> Any:
    declared = fields.get("allow_origins", "*")
    if not isinstance(declared, Mapping):
        return declared
    allowed, how = frozenset(declared["function"]), declared["how"]

    async def later(origin: str, _: Request) -> bool:
        await asyncio.sleep(0)
        return origin in allowed

    def at_once(origin: str, _: Request) -> Any:
        if how == "raises":
            raise LookupError(origin)
        return None if how == "none" else origin in allowed

    return later if how == "async" else at_once


def make_app(places: list[str], wrapped: bool) -> tuple[Sanic, CorsGroup | None]:
    """Return an app with these places, and the section that gets the policy of a case."""

    class Noted(Request):
        """A request that its app can find; one without a head stands for bytes that are not a request."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            kwargs["app"].ctx.noted = self

    app = Sanic(f"fuzz_{wrapped}_{'_'.join(places)}", request_class=Noted, configure_logging=False)
    config = {"ACCESS_LOG": False, "AUTO_EXTEND": False, "MOTD": False, "TOUCHUP": False}
    app.config.update(config, FALLBACK_ERROR_FORMAT="text", REQUEST_MAX_SIZE=40_000)
    fuzzed = None
    for name in places:
        place = PLACES[name]
        bp = Blueprint(name, url_prefix=place.prefix or None, host=place.host)
        add_routes(bp, name)
        if wrapped and place.policy is not None:
            fields = dict(POLICIES.get(place.policy, {}))
            group = cors_group(bp, policy=policy_of({**fields, "check_websockets": True}))
            fuzzed = group if name == FUZZED else fuzzed
            app.blueprint(group)
        else:
            app.blueprint(bp)

    @app.middleware("request", priority=100)
    async def auth(request: Request) -> None:
        if "x-deny" in request.headers:
            raise Unauthorized("no")

    @app.on_response
    async def others(_: Request, response: HTTPResponse) -> None:
        response.headers["x-app"] = "1"
        if "access-control-allow-origin" not in response.headers:
            response.headers["access-control-allow-origin"] = "https://others.example"

    @app.on_response
    async def ends(request: Request, _: HTTPResponse) -> HTTPResponse | None:
        """Replace the response, or raise."""
        if replaced(request):
            return text("replaced", headers={"vary": "x-replace"})
        if "x-raise" in request.headers:
            raise ZeroDivisionError
        return None

    return app, fuzzed


def replaced(request: Request) -> bool:
    """Return whether middleware replaces the response."""
    return "x-replace" in request.headers


# --- driving them ---

_CORS = b"access-control-"
_NO_PAGE = b"An error occurred while handling an error"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Answer:
    """A response as it was written, and its request: None where Sanic could not read one."""

    def __init__(self, request: Request, raw: bytes, interim: int) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        self.request = request if request.head else None
        self.status = int(line.split()[1])
        pairs = (line.partition(b": ") for line in lines)
        self.head = [(name.lower(), value) for name, _, value in pairs]
        self.interim = interim

    def cors(self) -> list[tuple[str, str]]:
        return [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self.head
            if name.startswith(_CORS)
        ]

    def vary(self) -> list[str]:
        """Return the names in `Vary`, of which there may be one line."""
        lines = [value.decode("latin-1") for name, value in self.head if name == b"vary"]
        assert len(lines) < 2, f"vary: {lines}"
        return [name.strip().lower() for name in lines[0].split(",")] if lines else []

    def rest(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that corsbp has nothing to do with."""
        return [pair for pair in self.head if pair[0] != b"vary" and not pair[0].startswith(_CORS)]


class Wire(asyncio.Transport):
    """A connection in memory: it delivers a request in pieces, when Sanic reads or early."""

    def __init__(self, app: Sanic, pieces: list[bytes], early: bool) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 80)})
        self.app = app
        self.loop = asyncio.get_running_loop()
        self.pieces = deque(pieces)
        self.early = early
        self.done = asyncio.Event()
        self.closing = self.gone = False
        self.interim = 0
        self.answers: list[Answer] = []
        self.protocol: Any = HttpProtocol(loop=self.loop, app=app, connections=set())

    async def run(self) -> list[Answer]:
        """Return the responses; the client goes away when no more can come."""
        others = asyncio.all_tasks()
        self.protocol.connection_made(self)
        self.tasks = asyncio.all_tasks() - others
        if self.early:
            self.loop.call_soon(self.hand_over)
        await self.done.wait()
        self.gone = self.closing = True
        self.protocol.connection_lost(None)
        while rest := asyncio.all_tasks() - others:
            await asyncio.wait(rest)
        return self.answers

    def resume_reading(self) -> None:
        if self.gone:  # Sanic still waits for the rest of a body, until a timeout
            for task in self.tasks:
                self.loop.call_soon(task.cancel)
        elif not self.pieces:
            self.done.set()
        elif not self.early:
            self.loop.call_soon(self.hand_over)

    def hand_over(self) -> None:
        if not self.closing:
            self.protocol.data_received(self.pieces.popleft())
            if self.early and self.pieces:
                self.loop.call_soon(self.hand_over)

    def write(self, data: Any) -> None:
        data = bytes(data)
        while data.startswith(_CONTINUE):
            self.interim += 1
            data = data[len(_CONTINUE) :]
        if data.startswith(b"HTTP/1.1 "):
            self.answers.append(Answer(self.app.ctx.noted, data, self.interim))
            self.interim = 0
        elif data:
            self.answers[-1].body += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.done.set()

    abort = close

    def get_protocol(self) -> Any:
        return self

    async def websocket_handshake(self, *_: Any) -> None:
        """End a handshake that nothing has refused: Sanic calls this to open the socket."""
        raise SanicException("shaken hands", status_code=418, quiet=True)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...


class Notes(logging.Handler):
    """A log handler that keeps errors by their kind, and lines with characters that are not printable."""

    NAMES = ("sanic.root", "sanic.error", "sanic.server", "corsbp", "asyncio")

    def __init__(self) -> None:
        super().__init__()
        self.kinds: list[str] = []
        self.explanations = 0
        self.before = {name: (log.handlers, log.propagate, log.level) for name, log in self.loggers()}
        for name, log in self.loggers():
            log.handlers, log.propagate = [self], False
            log.setLevel(logging.DEBUG if name == "corsbp" else logging.ERROR)

    def loggers(self) -> Iterator[tuple[str, logging.Logger]]:
        return ((name, logging.getLogger(name)) for name in self.NAMES)

    def give_back(self) -> None:
        for name, log in self.loggers():
            log.handlers, log.propagate, level = self.before[name]
            log.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.ERROR:
            what = repr(record.exc_info[1]) if record.exc_info else message
            self.kinds.append(f"{record.name}: {what}")
        elif message.isprintable():
            self.explanations += 1
        else:
            self.kinds.append(f"not printable: {message!r}")

    def take(self) -> list[str]:
        kinds, self.kinds = self.kinds, []
        return kinds


class BrokenError(AssertionError):
    """An error: an invariant is broken for a case."""

    def __init__(self, invariant: str, detail: str, case: Case) -> None:
        super().__init__(f"{invariant}: {detail}\n{case!r}")
        self.invariant = invariant
        self.detail = detail


class Pair:
    """An app with sections and the same app without them, started."""

    def __init__(self, places: list[str], loop: asyncio.AbstractEventLoop, *, explains: bool) -> None:
        self.places = places
        self.explains = explains
        self.bare, _ = make_app(places, wrapped=False)
        self.app, self.fuzzed = make_app(places, wrapped=True)
        with self.explaining():
            for app in (self.bare, self.app):
                loop.run_until_complete(start(app))
                Sanic.unregister_app(app)
        loop.set_debug(False)  # the debug mode of Sanic turns on that of the loop, which is slow
        self.served = lru_cache(maxsize=1000)(self._served)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Bind the routes as under `sanic --debug`, without its error pages, which differ each time."""
        mode = self.app.state.mode
        self.app.state.mode = Mode.DEBUG if self.explains else mode
        yield
        self.app.state.mode = mode

    def reconfigure(self, policy: CorsPolicy) -> None:
        """Give the section the policy of a case."""
        assert self.fuzzed is not None
        with self.explaining():
            self.fuzzed.reconfigure(policy)

    def _served(self, path: str, host: str | None) -> dict[str, tuple[str | None, bool]]:
        """Return the methods of a path, each with the name of its policy, and whether it is a WebSocket."""
        found: dict[str, tuple[str | None, bool]] = {}
        for method in METHODS:
            try:
                route, *_ = self.bare.router.get(path, method, host)
            except (NotFound, MethodNotAllowed):
                continue
            _, place, name = route.name.split(".")
            ours = PLACES[place].policy
            if name.endswith(OTHER_POLICY[0]):
                ours = None
            elif name.endswith(OTHER_POLICY[1]):
                ours = ours and "feed"
            found[method] = ours, name == "socket"
        return found

    def owner(self, path: str, host: str | None) -> tuple[str | None, set[str]]:
        """Return the name of the policy of a path without any route, and the methods of its section."""
        place = owner_of(path, host, self.places)
        if place is None:
            return None, set()
        names = ((route, route.name.split(".")) for route in self.bare.router.routes)
        own = [
            route for route, (_, where, name) in names if where == place and not name.endswith(OTHER_POLICY)
        ]
        return PLACES[place].policy, {method for route in own for method in route.methods}


class World:
    """The apps, with and without sections, and the judge of their responses."""

    def __init__(self) -> None:
        run_server(asyncio.sleep(0))  # restores what TOUCHUP has removed from Sanic for another app
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _, context: self.notes.kinds.append(f"loop: {context}"))
        self.site = Pair(SITE, self.loop, explains=False)
        self.small = Pair(SMALL, self.loop, explains=True)
        self.fields: dict[str, Fields] = {**POLICIES, FUZZED: {}}
        self.notes = Notes()

    def close(self) -> None:
        self.notes.give_back()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def judge(self, case: Case, meter: Meter | None = None) -> list[Expected]:
        """Return the kind of each request of a case. Raises BrokenError where an invariant breaks."""
        pair = self.site if case.policy is None else self.small
        self._set(case.policy)
        bare, told = self._send(pair.bare, case), self.notes.take()
        with meter or nullcontext():
            responses = self._send(pair.app, case)
        verdicts = []
        for there, here in zip(bare, responses, strict=False):
            verdict = self._expected(pair, there)
            verdicts.append(verdict)
            try:
                self._judge_answer(verdict, there, here)
            except AssertionError as broken:
                invariant, _, detail = str(broken).partition(": ")
                about = f"{verdict}: {here.status} {here.head}, bare {there.status} {there.head}"
                raise BrokenError(invariant, f"{detail}: {about}", case) from None
        raised = sum(
            verdict.kind in ("preflight", "refused socket") and "x-raise" in there.request.headers
            for verdict, there in zip(verdicts, bare, strict=False)
            if there.request is not None
        )
        self._judge_log(case, told, self.notes.take(), raised)
        if len(bare) != len(responses):
            # Where Sanic responds 405 at once, OPTIONS of a section reads the body first.
            last = bare[len(responses)].request if len(responses) == len(bare) - 1 else None
            if not (last and last.method == "OPTIONS" and _has_body(last)):
                raise BrokenError("answers", f"{len(responses)} instead of {len(bare)}", case)
        return verdicts

    def _set(self, fields: Fields | None) -> None:
        if fields is not None and fields is not self.fields[FUZZED]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CorsPolicyWarning)
                self.small.reconfigure(policy_of({**fields, "check_websockets": True}))
            self.fields[FUZZED] = fields

    def _send(self, app: Sanic, case: Case) -> list[Answer]:
        return self.loop.run_until_complete(_run(app, case))

    def _expected(self, pair: Pair, bare: Answer) -> Expected:
        request = bare.request
        if request is None or not _has_path(request):
            return OUTSIDE
        host = request.headers.getone("host", None)
        served = pair.served(request.path, host)
        # Sanic routes `OPTIONS *` to the root; but for Sanic `*list/item` is `/list/item`, too.
        if request.path == "*" and request.method not in served:
            return Expected("server")
        policy, methods = pair.owner(request.path, host)
        owner = self.fields[policy] if policy else None
        asked = Asked(request.method, [(name.lower(), value) for name, value in request.headers.items()])
        fields = {method: self.fields[name] if name else None for method, (name, _) in served.items()}
        verdict = expected(fields, owner, methods, asked)
        outside = verdict.vary == ("access-control-request-method",)  # a preflight for a route outside
        served_by_middleware = request.method not in served and bare.status < 400
        denied = verdict.kind == "plain" and "x-deny" in request.headers
        if (verdict.kind == "ordinary" and served_by_middleware) or (denied and outside):
            return OUTSIDE
        if denied:
            return expected(fields, owner, methods, Asked("BREW", asked.headers))._replace(allow=())
        socket = served.get(request.method, (None, False))[1]
        origins = asked.lines("origin")
        if socket and verdict.kind == "ordinary" and origins:
            grant = verdict.headers.get("access-control-allow-origin")
            if len(origins) > 1 or grant not in ("*", origins[0]):
                return verdict._replace(kind="refused socket")
        return verdict

    def _judge_answer(self, verdict: Expected, bare: Answer, ours: Answer) -> None:
        grants = [value for name, value in ours.cors() if name == "access-control-allow-origin"]
        assert len(grants) < 2, f"two grants: {grants}"
        for name, value in ours.head:
            assert not re.search(rb"[\x00-\x1f\x7f-\xff:]", name), f"bytes: the name {name!r}"
            assert not re.search(rb"[\x00\r\n]", value), f"bytes: a line break in {value!r}"
        if verdict.kind == "outside":
            theirs, mine = ((a.status, _settled(a.head), a.body) for a in (bare, ours))
            assert theirs == mine, "outside: differs"
            assert bare.interim == ours.interim, "outside: 100 Continue differs"
            return
        if verdict.kind == "server":
            assert ours.cors() == bare.cors(), "grant: to a request for the server"
            return
        surplus = [pair for pair in ours.cors() if pair not in verdict.headers.items()]
        granting = any(name == "access-control-allow-origin" for name, _ in surplus)
        assert not surplus, f"{'grant' if granting else 'bytes'}: {surplus}"
        missing = dict(verdict.headers.items() - dict(ours.cors()).items())
        assert not missing, f"missing: {missing}"
        assert len(ours.cors()) == len(verdict.headers), "two grants: a header came twice"
        self._judge_status(verdict, bare, ours)
        self._judge_rest(verdict, bare, ours)

    def _judge_status(self, verdict: Expected, bare: Answer, ours: Answer) -> None:
        assert bare.request is not None
        assert ours.status < 500 or bare.status >= 500, f"5xx: {ours.status}"
        headers = bare.request.headers
        by_ours = verdict.kind == "preflight" or (verdict.kind == "plain" and "x-deny" not in headers)
        if ours.body == bare.body == _NO_PAGE:
            return  # for some values of Accept, Sanic cannot write an error page
        if verdict.kind == "refused socket":
            assert ours.status == 403, f"status: {ours.status}"
        elif not by_ours or (replaced(bare.request) and verdict.kind != "preflight"):
            assert ours.status == bare.status, f"status: {ours.status}"
        elif not (ours.status in (400, 413) and _has_body(bare.request)):
            assert (ours.status, ours.body) == (204, b""), f"status: {ours.status}"

    def _judge_rest(self, verdict: Expected, bare: Answer, ours: Answer) -> None:
        assert bare.request is not None
        read_on = verdict.kind in ("plain", "preflight") and _has_body(bare.request)
        # preflights and refused handshakes run no middleware
        same_status = ours.status == bare.status and verdict.kind not in ("preflight", "refused socket")
        same_answer = same_status and not read_on
        theirs = bare.vary() if same_status else []
        vary = list(dict.fromkeys([*theirs, *verdict.vary]))
        assert sorted(ours.vary()) == sorted(vary), f"vary: {ours.vary()}"
        allow = ", ".join(verdict.allow).encode()
        if same_answer:
            assert ours.body == bare.body, "body: differs"
            mine, rest = ours.rest(), bare.rest()
            if verdict.allow and ours.status == 405:  # on some paths the router does not know the methods
                assert (b"allow", allow) in mine, f"allow: not {allow!r}"
                mine, rest = ([pair for pair in pairs if pair[0] != b"allow"] for pairs in (mine, rest))
            assert _settled(mine) == _settled(rest), "bytes: in a header that the app did not set"
            return
        known = {
            b"connection": rb"close|keep-alive",
            b"x-app": rb"1",
            b"alt-svc": rb"",
            b"allow": re.escape(allow),
            b"content-length": rb"[0-9]+",
            b"content-type": rb"text/plain; charset=utf-8|None",  # None: without an error page
        }
        surplus = [pair for pair in ours.rest() if not re.fullmatch(known.get(pair[0], rb"(?!)"), pair[1])]
        assert not surplus, f"bytes: {surplus}"

    def _judge_log(self, case: Case, bare: list[str], ours: list[str], raised: int) -> None:
        """Require that no traceback or error is logged that the app without sections does not log.

        `raised`: how often its middleware, which does not run for preflights of sections, raised for one.
        """
        for _ in range(raised):
            with suppress(ValueError):
                bare.remove("sanic.error: ZeroDivisionError()")
        declared = (case.policy or {}).get("allow_origins")
        if isinstance(declared, Mapping) and declared["how"] in ("raises", "none"):
            ours = [kind for kind in ours if not kind.startswith("corsbp")]
        # Sanic logs it for every 2xx with an unread body; preflights of pages have none.
        bare, ours = (
            [kind for kind in kinds if not re.search(r"OPTIONS \S+> body not consumed\.$", kind)]
            for kinds in (bare, ours)
        )
        if bare != ours:
            raise BrokenError("log", f"{ours} instead of {bare}", case)


async def _run(app: Sanic, case: Case) -> list[Answer]:
    return await Wire(app, case.pieces(), case.early).run()


def _settled(head: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return headers with `Allow` in order, since Sanic makes it from a set."""
    return [
        (name, b", ".join(sorted(value.split(b", "))) if name == b"allow" else value) for name, value in head
    ]


def _has_path(request: Request) -> bool:
    """Return whether a request has a path: `GET http://a HTTP/1.1` has none, and Sanic responds 500."""
    try:
        return bool(request.path)
    except AttributeError:
        return False


def _has_body(request: Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers
