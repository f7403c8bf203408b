"""The origins that attackers have, against every route of an app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from anyio.from_thread import start_blocking_portal
from sanic import Sanic

from corsbp.app.inventory import RouteInfo, list_policies, list_routes
from corsbp.policy.policy import CorsPolicy, origin_entries, origin_set
from corsbp.spec.fetch import ALLOW_CREDENTIALS, ALLOW_ORIGIN, REQUEST_METHOD

from .request_metadata import headers_of_browsers
from .result import Answer, Sent
from .transports import GLANCE, AppSender, Sender
from .urls import check_origin, parse

STRANGER = "https://attacker.example"
"""The origin of somebody whom nobody let in."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An origin that may read a route's answers, or may send the method, although nobody named it.

        for grant in attack(app):
            assert isinstance(grant, Grant)
            print(grant.kind, grant.method, grant.path, grant.origin)

    Of a method's preflight and its request, the first that is granted counts.
    """

    method: str
    """The route's method: `"GET"`."""

    path: str
    """The path that was tried: `"/v1/items/1"`."""

    origin: str
    """The origin that was let in: `"https://app.example.attacker.example"`."""

    kind: str
    """What the origin is to those that are allowed: `"suffix"`; `"any"` where every page is let in."""

    credentials: bool
    """Whether it may send cookies: `[grant for grant in attack(app) if grant.credentials]`."""


def look_alikes(origin: str) -> dict[str, str]:
    """Origins that a careless comparison takes for `origin`, by what they are to it."""
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
        "two in one": f"{origin} {STRANGER}",
        "list": f"{origin}, {STRANGER}",
        "without scheme": rest,
    }
    if "." in host:
        found["dot for any"] = f"{scheme}://{host.replace('.', 'x', 1)}{tail}"
    if host.count(".") > 1:
        found["parent"] = f"{scheme}://{host.partition('.')[2]}{tail}"
    return found


STRANGERS = {
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
"""Origins that are nobody's look-alike, by what they are."""


def attack(
    app: Sanic[Any, Any], origins: Iterable[str] = (), *, leave_out: Iterable[str] = ()
) -> list[Grant]:
    """Try origins that look like allowed ones, and strangers, on every route of an app.

        assert attack(app, ["https://app.example"], leave_out=["/docs*"]) == []

    Args:
        app: a Sanic app, with or without sections of corsbp.
        origins: those that the app means to allow; what its sections name is known without.
        leave_out: paths of routes that are not tried, in which `*` stands for anything.

    Returns:
        What was granted to an origin that is neither among those nor allowed by the route's own policy. A
        route that lets in every page, though no policy says `"*"`, is one grant, of kind `"any"`.

    Raises:
        ValueError: `origins` or `leave_out` is one string, or an entry of the first is no origin.

    Preflights are sent for every method, and requests for GET and HEAD only: nothing that changes anything. A
    route whose path has an expression of its own is left out, as are WebSockets.
    """
    for name, values in (("origins", origins), ("leave_out", leave_out)):
        if type(values) is str:
            raise ValueError(f"{name}: {values!r} is one string; meant: [{values!r}]")
    for origin in (listed := tuple(origins)):
        check_origin(origin)
    with start_blocking_portal() as portal:
        found: list[Grant] = portal.call(_attack, app, listed, tuple(leave_out))
    return found


async def _attack(app: Sanic[Any, Any], origins: tuple[str, ...], leave_out: tuple[str, ...]) -> list[Grant]:
    def wanted(route: RouteInfo) -> bool:
        paths = (route.path, f"{route.example}")
        left_out = any(fnmatchcase(path, pattern) for path in paths for pattern in leave_out)
        return route.example is not None and not route.websocket and not left_out

    async with AppSender(app, GLANCE) as sender:
        routes = [route for route in list_routes(app) if wanted(route)]
        named = {entry: None for policy in list_policies(routes) for entry in _entries(policy)}
        trusted = tuple(dict.fromkeys([*origins, *named])) or ("https://app.example",)
        asking = _Asking(sender)
        found = [
            grant
            for route in routes
            if route.policy is None or route.policy.allow_origins != "*"  # which lets every page in
            for method in route.methods
            async for grant in _try(asking, route, method, trusted)
        ]
        return list(dict.fromkeys(found))


def _entries(policy: CorsPolicy) -> Iterator[str]:
    """Origins that a policy allows: its entries, and for its patterns one that matches."""
    for entry in origin_entries(policy):
        yield entry.replace("*.", "www.", 1).removesuffix(":*")


async def _try(
    asking: _Asking, route: RouteInfo, method: str, trusted: tuple[str, ...]
) -> AsyncIterator[Grant]:
    async def tried(origin: str, kind: str) -> Grant | None:
        for answer in [await asking.answer(route, each, origin, method) for each in _methods(method)]:
            if answer is not None and answer.get(ALLOW_ORIGIN) in ("*", origin):
                # with `*`, browsers send no credentials
                credentials = answer.get(ALLOW_ORIGIN) != "*" and answer.get(ALLOW_CREDENTIALS) == "true"
                return Grant(method, f"{route.example}", origin, kind, credentials)
        return None

    if any_origin := await tried(STRANGER, "any"):
        yield any_origin
        return
    candidates = {origin: kind for kind, origin in STRANGERS.items()}
    for origin in trusted:
        candidates = {each: f"{kind} of {origin}" for kind, each in look_alikes(origin).items()} | candidates
    meant = origin_set(route.policy) if route.policy else ()
    for origin, kind in candidates.items():
        if origin not in trusted and origin not in meant and (grant := await tried(origin, kind)):
            yield grant


def _methods(method: str) -> tuple[str, ...]:
    return ("OPTIONS", method) if method in ("GET", "HEAD") else ("OPTIONS",)


class _Asking:
    """Asks each address once for an origin and a method, however many routes lead to it."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._answers: dict[Sent, Answer | None] = {}

    async def answer(self, route: RouteInfo, method: str, origin: str, wanted: str) -> Answer | None:
        url = parse(f"https://{route.host or 'api.example'}{route.example}")
        assert url is not None, "an example is the path of a route"
        asks = ((REQUEST_METHOD, wanted),) if method == "OPTIONS" else ()
        sent = Sent(method, str(url), headers_of_browsers(origin, [url], "cors", asks, origin))
        if sent not in self._answers:
            answer = await self._sender.send(sent)
            self._answers[sent] = answer if isinstance(answer, Answer) else None
        return self._answers[sent]
