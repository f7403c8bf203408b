"""The comparison of two responses: that of the app with sections, and that of the same app without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sanic_routing.exceptions import NoMethod, NotFound

from .apps import BuiltApp
from .descriptions import (
    EVIL,
    GOOD,
    METHODS,
    POLICIES,
    AppSpec,
    PolicyOf,
    RequestSpec,
    casts,
    owner_of,
    policy_of_section,
)


class DifferenceError(Exception):
    """Two responses differ where they must not."""


def require(kind: str, right: bool, words: str) -> None:
    """Raise DifferenceError unless something is right."""
    if not right:
        raise DifferenceError(f"{kind}: {words}")


class Response(NamedTuple):
    """A response as it was written."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def cors(self) -> list[tuple[str, str]]:
        """Return the `access-control-*` lines."""
        return sorted(line for line in self.headers if line[0].startswith("access-control-"))

    def vary(self) -> list[str]:
        """Return the names in `Vary`."""
        lines = ",".join(value for name, value in self.headers if name == "vary").lower()
        return sorted(filter(None, (token.strip() for token in lines.split(","))))

    def rest(self) -> list[tuple[str, str]]:
        """Return the lines that corsbp has nothing to do with."""
        apart = ("access-control-", "vary", "allow")
        return sorted(line for line in self.headers if not line[0].startswith(apart))

    def allow(self) -> set[str]:
        """Return the methods in `Allow`."""
        return {method for name, value in self.headers if name == "allow" for method in value.split(", ")}

    def comparable(self) -> tuple[Any, ...]:
        """Return all of it, but for the order in which Sanic takes methods out of a set."""
        return self.status, self.rest(), self.cors(), self.vary(), sorted(self.allow()), self.body


class Exchange(NamedTuple):
    """A request with the responses of both apps, and the events that their middleware noted meanwhile."""

    request: RequestSpec
    bare: Response
    ours: Response
    bare_events: list[str]
    our_events: list[str]

    @property
    def origin(self) -> str | None:
        """The origin of the page."""
        return self.request.headers.get("Origin")

    @property
    def acts(self) -> bool:
        """Whether middleware or the handler did what the request asked for, or middleware served it."""
        return "X-Act" in self.request.headers or self.bare.body == b"legacy"


class Path(NamedTuple):
    """The methods of a path, with the policies of their routes; and methods on which the router fails."""

    served: dict[str, PolicyOf | None]
    websocket: bool
    failing: set[str]


class Judge:
    """The rules for the response of the app with sections, given that of the app without."""

    def __init__(self, spec: AppSpec, bare: BuiltApp, ours: BuiltApp) -> None:
        self.spec = spec
        self.bare = bare
        self.ours = ours
        self.websockets = {route.name for route in spec.all_routes() if route.websocket}
        self.paths: dict[tuple[str, str], Path] = {}
        self.methods: dict[PolicyOf, set[str]] = {}
        """The methods that are served somewhere under a policy."""
        for route in spec.all_routes():
            if policy := spec.policies[route.name]:
                self.methods.setdefault(policy, set()).update(route.methods)

    def path(self, path: str, host: str) -> Path:
        """Look a path up with the router of the app without sections."""
        key = (path, host)
        if key not in self.paths:
            served: dict[str, PolicyOf | None] = {}
            websocket, failing = False, set()
            for method in (*METHODS, "BREW"):
                casts.clear()
                try:
                    route, *_ = self.bare.app.router.resolve(path, method=method, extra={"host": host})
                except (NotFound, NoMethod):
                    continue
                except Exception:  # the router cannot read this path
                    failing.add(method)
                    continue
                name = route.name.rpartition(".")[2]
                served[method] = self.spec.policies[name]
                websocket = websocket or name in self.websockets
            self.paths[key] = Path(served, websocket, failing)
        return self.paths[key]

    def judge(self, exchange: Exchange) -> str:
        """Return the kind of a request. Raises DifferenceError."""
        request = exchange.request
        if request.raw_bytes:
            return self.without_route("unreadable", exchange)
        self.own_pages_are_not_signalled()
        sent_path, host = self.bare.app.ctx.last.path, request.headers["Host"]
        path = self.path(sent_path, host)
        served = path.served
        # Sanic responds 500; or the router fails for another method, so that the path has no known policy.
        if request.method in path.failing or (path.failing and not served):
            return self.without_route("the router fails", exchange)
        if not served:
            served = dict.fromkeys(METHODS, owner_of(self.spec, sent_path, host))
        if not any(served.values()):
            return self.same("outside", exchange)
        if path.failing or "odd-twice" in request.path:
            return self.doubtful(served, exchange)
        return self.in_section(path, served, exchange)

    def in_section(self, path: Path, served: Mapping[str, PolicyOf | None], exchange: Exchange) -> str:
        """Return the kind of a request for a path that is in a section, at least for some methods."""
        request = exchange.request
        if request.method == "OPTIONS":
            return self.options(served, bool(path.served), exchange)
        if request.method == "GET" and path.websocket:  # whatever its headers say
            return self.handshake(served["GET"], exchange)
        return self.ordinary(served, bool(path.served), exchange)

    # --- requests of each kind ---

    def without_route(self, kind: str, exchange: Exchange) -> str:
        """R9: an error before routing has headers only where the app is one section with a static policy."""
        section = self.spec.whole
        if not (section and self.spec.is_one_section() and is_static(section.policy)):
            return self.same(kind, exchange)
        return self.responds_alike(f"{kind} in one section", policy_of_section(section), exchange)

    def own_pages_are_not_signalled(self) -> None:
        """O2: an own page is never signalled as refused."""
        own = [origin for origin in self.ours.signalled if self.is_own(origin)]
        self.ours.signalled.clear()
        require("signal", not own, f"the own page {own}")

    def is_own(self, origin: str) -> bool:
        """Return whether a page of this origin is the server's own for the last request (O1, O3)."""
        last = self.bare.app.ctx.last
        scheme, _, own = origin.partition("://")
        if scheme not in ("http", "https") or (scheme == "http" and last.scheme in ("https", "wss")):
            return False
        port = {"http": ":80", "https": ":443"}[scheme]
        return own.removesuffix(port) == str(last.host).lower().removesuffix(port)

    def doubtful(self, served: Mapping[str, PolicyOf | None], exchange: Exchange) -> str:
        """S10: where the router fails on the way to a decision, only the true policy may grant."""
        request = exchange.request
        wanted = request.headers.get("Access-Control-Request-Method", "")
        preflight = request.method == "OPTIONS" and wanted and exchange.origin is not None
        policy = served.get(wanted if preflight else request.method, next(filter(None, served.values())))
        allowed = {EVIL} if exchange.acts else set()
        if policy:
            allowed.add(grant_of(POLICIES[policy[1]], exchange.origin)[1] or "no grant")
        found = {value for name, value in exchange.ours.cors() if name == "access-control-allow-origin"}
        require("doubtful", found <= allowed, "granted")
        return "doubtful"

    def options(self, served: Mapping[str, PolicyOf | None], known: bool, exchange: Exchange) -> str:
        """Judge preflights, and other OPTIONS requests."""
        wanted = exchange.request.headers.get("Access-Control-Request-Method")
        default = next(filter(None, served.values()))
        if exchange.origin is not None and wanted is not None:
            policy = served.get(wanted, default)
            if policy is None:
                return self.preflight_without_policy(served, exchange)
            if known:
                return self.preflight("preflight", policy, served, exchange)
            somewhere = dict.fromkeys(self.methods.get(policy, ()), policy)
            return self.preflight("preflight of an unknown path", policy, somewhere, exchange)
        if not known or "OPTIONS" in served:
            return self.ordinary(served, known, exchange)
        ours, acts = exchange.ours, exchange.acts
        numbers = [
            sorted(event.split()[0] for event in events)
            for events in (exchange.bare_events, exchange.our_events)
        ]
        require("options", numbers[0] == numbers[1] or acts, "the middleware differs")
        if not acts:
            allow = {*served, "OPTIONS"}
            require("options", (ours.status, ours.body, ours.allow()) == (204, b"", allow), "not 204")
        # where middleware responds, it is an ordinary response, unless ours was there before
        listed = any(name == "access-control-allow-methods" for name, _ in ours.cors())
        self.granted(default, exchange.origin, ours, options=served if ours.status == 204 or listed else None)
        return "options"

    def preflight(
        self, kind: str, policy: PolicyOf, served: Mapping[str, PolicyOf | None], exchange: Exchange
    ) -> str:
        """P1, P2, P5, P7: 204 without any middleware, and exactly the lists of the policy."""
        ours = exchange.ours
        require(kind, (ours.status, ours.body, exchange.our_events) == (204, b"", []), "not 204 at once")
        fields = POLICIES[policy[1]]
        static, grant = grant_of(fields, exchange.origin)
        more, vary = lists_of(policy, served)
        cors = {"access-control-allow-origin": grant, **more} if grant else {}
        if grant and fields.get("allow_credentials"):
            cors["access-control-allow-credentials"] = "true"
        require(kind, ours.cors() == sorted(cors.items()), f"not {cors}")
        vary |= set() if static else {"origin"}
        require(kind, set(ours.vary()) == vary, f"Vary: not {vary}")
        return kind

    def preflight_without_policy(self, served: Mapping[str, PolicyOf | None], exchange: Exchange) -> str:
        """S3: the method that it names has no CORS, whatever responds to OPTIONS."""
        kind, ours = "preflight outside", exchange.ours
        if "OPTIONS" in served and served["OPTIONS"] is None:
            return self.same(kind, exchange)
        require(kind, [line for line in ours.cors() if line[1] != EVIL] == [], "granted")
        if not exchange.acts:
            require(kind, "access-control-request-method" in ours.vary(), "Vary")
            require(kind, ours.cors() == [], "CORS headers")
            if "OPTIONS" not in served:
                vary = ["access-control-request-method"]
                require(kind, (ours.status, ours.vary()) == (204, vary), "not 204")
        return kind

    def handshake(self, policy: PolicyOf | None, exchange: Exchange) -> str:
        """W1: it passes without Origin, from an own page (O1, O3) or from an allowed one."""
        if policy is None:
            return self.same("outside beside", exchange)
        origin = exchange.origin
        grant = grant_of(POLICIES[policy[1]], origin)[1]
        if origin is None or self.is_own(origin) or grant in ("*", origin):
            return self.responds_alike("handshake", policy, exchange)
        status = exchange.ours.status
        require("refused handshake", (status, exchange.our_events) == (403, []), "not 403 at once")
        self.granted(policy, origin, exchange.ours)
        return "refused handshake"

    def ordinary(self, served: Mapping[str, PolicyOf | None], known: bool, exchange: Exchange) -> str:
        """R1 to R5: the same response, with the headers of the policy."""
        default = next(filter(None, served.values()))
        method = exchange.request.method
        policy = served.get(method, default) if known else default
        if policy is None:
            return self.same("outside beside", exchange)
        if known and method in served:
            return self.responds_alike("inside", policy, exchange)
        if exchange.bare.status < 400:
            return self.same("served by middleware", exchange)
        allow = {*served, "OPTIONS"} if known and exchange.bare.status == 405 else None
        return self.responds_alike("error", policy, exchange, allow)

    def responds_alike(
        self, kind: str, policy: PolicyOf, exchange: Exchange, allow: set[str] | None = None
    ) -> str:
        """Compare everything but CORS, which must be that of the policy."""
        bare, ours = exchange.bare, exchange.ours
        same = (ours.status, ours.body, ours.rest()) == (bare.status, bare.body, bare.rest())
        require(kind, same, "the response differs")
        require(kind, exchange.bare_events == exchange.our_events, "the middleware differs")
        require(kind, ours.allow() == (bare.allow() if allow is None else allow), "Allow")
        self.granted(policy, exchange.origin, ours, bare)
        return kind

    def same(self, kind: str, exchange: Exchange) -> str:
        """Compare everything (S2)."""
        require(kind, exchange.ours.comparable() == exchange.bare.comparable(), "the response differs")
        require(kind, exchange.bare_events == exchange.our_events, "the middleware differs")
        return kind

    # --- the headers of a policy ---

    def granted(
        self,
        policy: PolicyOf,
        origin: str | None,
        ours: Response,
        bare: Response | None = None,
        options: Mapping[str, PolicyOf | None] | None = None,
    ) -> None:
        """Require exactly the grant of the policy, and its Vary beside that of the app."""
        fields = POLICIES[policy[1]]
        static, grant = grant_of(fields, origin)
        cors = {"access-control-allow-origin": grant} if grant else {}
        if grant and fields.get("allow_credentials"):
            cors["access-control-allow-credentials"] = "true"
        if grant and fields.get("expose_headers"):
            cors["access-control-expose-headers"] = ",".join(fields["expose_headers"])
        vary = set(bare.vary() if bare else ()) | (set() if static else {"origin"})
        if options and static:
            more, varies = lists_of(policy, options)
            cors.update(more if grant else {})
            vary |= varies
        require("grant", ours.cors() == sorted(cors.items()), f"not {cors}")
        require("vary", set(ours.vary()) == vary, f"not {vary}")


def is_static(policy: str) -> bool:
    """Return whether a policy does not depend on Origin (R1)."""
    return grant_of(POLICIES[policy], None)[0]


def grant_of(fields: Mapping[str, Any], origin: str | None) -> tuple[bool, str | None]:
    """Return whether a policy is static, and its access-control-allow-origin."""
    declared = fields.get("allow_origins", "*")
    if declared == "*":
        return True, "*"
    if callable(declared):
        return False, GOOD if origin == GOOD else None
    if len(declared) == 1:
        return True, declared[0]
    return False, origin if origin in declared else None


def lists_of(policy: PolicyOf, served: Mapping[str, PolicyOf | None]) -> tuple[dict[str, str], set[str]]:
    """Return the lists of a preflight, and the names that its Vary has beside the origin."""
    fields = POLICIES[policy[1]]
    allowed = fields.get("allow_methods", METHODS)
    methods = [m for m in METHODS[:-1] if m in served and served[m] == policy and m in allowed]
    reflects = bool(fields.get("allow_credentials"))
    lists = {
        "access-control-allow-methods": ",".join([*methods, "OPTIONS"]),
        "access-control-max-age": str(fields.get("max_age", 600)),
    }
    if not reflects:
        lists["access-control-allow-headers"] = ",".join(fields.get("allow_headers", ["*", "authorization"]))
    vary = {"access-control-request-method"} if len(set(served.values())) > 1 else set()
    return lists, vary | ({"access-control-request-headers"} if reflects else set())
