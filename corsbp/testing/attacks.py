"""`attack()`: origins that attackers can have, tried on every route of an app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import wraps
from typing import Any

from anyio.from_thread import start_blocking_portal
from sanic import HTTPResponse, Sanic, empty

from corsbp.app.inventory import RouteInfo, list_policies, list_routes
from corsbp.policy.policy import CorsPolicy, origin_entries, origin_set
from corsbp.spec.fetch import ALLOW_CREDENTIALS, ALLOW_ORIGIN, COOKIE, REQUEST_METHOD

from .call_kinds import FORM_TYPE
from .request_metadata import build_request_headers
from .result import Answer, Pairs, Sent
from .transports import SHORT_READING, AppSender, Sender
from .urls import check_origin, parse_url

ATTACKER = "https://attacker.example"
"""An origin that no policy allows by name."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An origin that can read a route's responses, or send the method, although no policy allows it.

        for grant in attack(app):
            assert isinstance(grant, Grant)
            print(grant.kind, grant.method, grant.path, grant.origin)

    A preflight that is allowed, and the request after it, are one grant.
    """

    method: str
    """The route's method: `"GET"`."""

    path: str
    """The path that was tried: `"/v1/items/1"`."""

    origin: str
    """The origin that was allowed: `"https://app.example.attacker.example"`."""

    kind: str
    """How the origin differs from an allowed one: `"suffix"`; `"any"` if every origin is allowed."""

    credentials: bool
    """Whether it can send cookies: `[grant for grant in attack(app) if grant.credentials]`."""


def look_alikes(origin: str) -> dict[str, str]:
    """Return origins that a careless comparison takes for `origin`, by the way in which they differ."""
    scheme, _, rest = origin.partition("://")
    host, _, port = rest.partition(":") if not rest.startswith("[") else (rest, "", "")
    tail = f":{port}" if port else ""
    found = {
        "suffix": f"{origin}.attacker.example",
        "suffix without dot": f"{scheme}://{host}attacker.example{tail}",
        "prefix": f"{scheme}://attacker-{host}{tail}",
        "prefix without dash": f"{scheme}://attacker{host}{tail}",
        "subdomain": f"{scheme}://attacker.{host}{tail}",
        "other scheme": f"{'http' if scheme == 'https' else 'https'}://{host}{tail}",
        "other port": f"{scheme}://{host}:1{port or '8443'}"[: len(scheme) + len(host) + 9],
        "user info": f"{origin}@attacker.example",
        "underscore": f"{scheme}://{host}_.attacker.example",
        "odd character": f"{scheme}://{host}{{.attacker.example",
        "backtick": f"{scheme}://{host}`.attacker.example",
        "path": f"{origin}/.attacker.example",
        "trailing slash": f"{origin}/",
        "trailing dot": f"{scheme}://{host}.{tail}",
        "upper case": origin.upper(),
        "two in one": f"{origin} {ATTACKER}",
        "list": f"{origin}, {ATTACKER}",
        "without scheme": rest,
    }
    if "." in host:
        found["dot for any"] = f"{scheme}://{host.replace('.', 'x', 1)}{tail}"
    if host.count(".") > 1:
        found["parent"] = f"{scheme}://{host.partition('.')[2]}{tail}"
    return found


FOREIGN_ORIGINS = {
    "null": "null",
    "local file": "file://",
    "local page": "http://localhost",
    "local page, other port": "http://localhost:3000",
    "loopback": "http://127.0.0.1",
    "like localhost": "http://localhost.attacker.example",
    "extension": "chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "empty": "",
    "star": "*",
}
"""Origins that imitate no other one, by their kind."""


def attack(
    app: Sanic[Any, Any],
    origins: Iterable[str] = (),
    *,
    leave_out: Iterable[str] = (),
    forge: bool = False,
) -> list[Grant]:
    """Try foreign origins, and ones that look like allowed ones, on every route of an app.

        assert attack(app, ["https://app.example"], leave_out=["/docs*"]) == []

    Args:
        app: a Sanic app, with or without sections of corsbp.
        origins: origins that the app allows on purpose. The ones that its sections name need not be here.
        leave_out: paths of routes that are not tried, in which `*` matches any text.
        forge: whether to send a forged POST, with a cookie, to each route of a section that serves POST.
            The app's middleware runs for it, but no handler.

    Returns:
        The origins that were allowed although neither `origins` nor the route's policy has them. A route that
        allows every origin without a policy of `"*"` is one grant, of kind `"any"`. A forged POST that
        would reach a handler is one, of kind `"forged"`.

    Raises:
        ValueError: `origins` or `leave_out` is a string, or an entry of `origins` is not an origin.

    Without `forge`, it sends preflights for every method, and requests only for GET and HEAD: it changes
    nothing. It leaves out WebSockets, and routes whose path has a regular expression.
    """
    for name, values in (("origins", origins), ("leave_out", leave_out)):
        # a string is a collection of characters, none of which is an origin
        if type(values) is str:
            raise ValueError(f"{name}: {values!r} is one string; meant: [{values!r}]")
    allowed = tuple(origins)
    for origin in allowed:
        check_origin(origin)
    with start_blocking_portal() as portal:
        grants: list[Grant] = portal.call(_attack_app, app, allowed, tuple(leave_out), forge)
    return grants


async def _attack_app(
    app: Sanic[Any, Any], origins: tuple[str, ...], leave_out: tuple[str, ...], forge: bool
) -> list[Grant]:
    async with AppSender(app, SHORT_READING) as sender:
        routes = [route for route in list_routes(app) if _is_tried(route, leave_out)]
        declared = [entry for policy in list_policies(routes) for entry in _matching_origins(policy)]
        trusted = tuple(dict.fromkeys([*origins, *declared])) or ("https://app.example",)
        attacker = _Attacker(sender, trusted)
        grants = []
        for route in routes:
            # a policy of "*" allows every origin on purpose
            if route.policy is None or route.policy.allow_origins != "*":
                for method in route.methods:
                    grants += [grant async for grant in attacker.attack_route(route, method)]
            if forge and route.section and "POST" in route.methods:
                with _watch_handlers(app) as reached:
                    grants += await attacker.forge_post(route, reached)
        # several routes of one path have the same grants
        return list(dict.fromkeys(grants))


def _is_tried(route: RouteInfo, leave_out: tuple[str, ...]) -> bool:
    if route.example is None or route.websocket:
        return False
    paths = (route.path, route.example)
    return not any(fnmatchcase(path, pattern) for path in paths for pattern in leave_out)


def _matching_origins(policy: CorsPolicy) -> Iterator[str]:
    """Yield an origin for each entry of a policy: the entry itself, or one that its pattern matches."""
    for entry in origin_entries(policy):
        # `:*` matches the default port too
        yield entry.replace("*.", "www.", 1).removesuffix(":*")


@contextmanager
def _watch_handlers(app: Sanic[Any, Any]) -> Iterator[Collection[object]]:
    """Replace the handlers of an app that take POST; yield the ones that have been called."""
    reached: list[object] = []
    originals = [(route, route.handler) for route in app.router.routes if "POST" in route.methods]

    def watch(handler: Callable[..., object]) -> Callable[..., object]:
        # with the attributes of the handler: Sanic marks those that read the body as a stream
        @wraps(handler)
        def record(*_: object, **__: object) -> HTTPResponse:
            reached.append(handler)
            return empty()

        return record

    try:
        for route, handler in originals:
            route.handler = watch(handler)
        # the router keeps what it has found
        app.router.get.cache_clear()
        yield reached
    finally:
        for route, handler in originals:
            route.handler = handler
        app.router.get.cache_clear()


class _Attacker:
    """Sends requests with foreign origins, each one only once, even if several routes have one path."""

    def __init__(self, sender: Sender, trusted: tuple[str, ...]) -> None:
        self._sender, self._trusted = sender, trusted
        self._answers: dict[Sent, Answer | None] = {}

    async def attack_route(self, route: RouteInfo, method: str) -> AsyncIterator[Grant]:
        """Yield the grants of one route and method."""
        if grant := await self._try_origin(route, method, ATTACKER, "any"):
            # every other origin is allowed too
            yield grant
            return
        allowed = origin_set(route.policy) if route.policy else ()
        for origin, kind in self._list_candidates().items():
            if origin in self._trusted or origin in allowed:
                continue
            if grant := await self._try_origin(route, method, origin, kind):
                yield grant

    async def forge_post(self, route: RouteInfo, reached: Collection[object]) -> list[Grant]:
        """Post a form with a cookie as a page of another site; return a grant if it reaches a handler."""
        url = parse_url(f"https://{route.host or 'api.example'}{route.example}")
        assert url is not None, "the example of a route is a valid path"
        headers = build_request_headers(
            ATTACKER, [url], "navigate", (("content-type", FORM_TYPE),), ATTACKER, destination="document"
        )
        sent = Sent("POST", str(url), (*headers, (COOKIE, "session=1")), b"a=1")
        await self._sender.send(sent)
        return [Grant("POST", f"{route.example}", ATTACKER, "forged", True)] if reached else []

    def _list_candidates(self) -> dict[str, str]:
        """Return the origins to try, each with its kind."""
        candidates = {origin: kind for kind, origin in FOREIGN_ORIGINS.items()}
        for trusted in self._trusted:
            imitations = look_alikes(trusted).items()
            candidates = {origin: f"{kind} of {trusted}" for kind, origin in imitations} | candidates
        return candidates

    async def _try_origin(self, route: RouteInfo, method: str, origin: str, kind: str) -> Grant | None:
        """Send a preflight, and the request if it is safe. Returns a grant if one of them is allowed."""
        answers = [await self._send(route, "OPTIONS", origin, ((REQUEST_METHOD, method),))]
        if method in ("GET", "HEAD"):
            answers.append(await self._send(route, method, origin, ()))
        for answer in answers:
            if answer is not None and answer.get(ALLOW_ORIGIN) in ("*", origin):
                # with `*`, browsers send no credentials
                named = answer.get(ALLOW_ORIGIN) != "*"
                credentials = named and answer.get(ALLOW_CREDENTIALS) == "true"
                return Grant(method, f"{route.example}", origin, kind, credentials)
        return None

    async def _send(self, route: RouteInfo, method: str, origin: str, headers: Pairs) -> Answer | None:
        url = parse_url(f"https://{route.host or 'api.example'}{route.example}")
        assert url is not None, "the example of a route is a valid path"
        sent = Sent(method, str(url), build_request_headers(origin, [url], "cors", headers, origin))
        if sent not in self._answers:
            answer = await self._sender.send(sent)
            self._answers[sent] = answer if isinstance(answer, Answer) else None
        return self._answers[sent]
