"""Random requests to sections that check requests, and an oracle of its own.

`python -m tests.fuzz.forgery 100000 --seed 1` sends so many. The oracle reads the rules from the request
alone: it shares no code with corsbp.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import warnings
from types import SimpleNamespace
from typing import Any

from sanic import Blueprint, HTTPResponse, Sanic, text
from sanic import Request as SanicRequest
from sanic.http import Http

from corsbp import CorsPolicyWarning, cors_group

from ..support import as_handler, new_app

ONE, TWO, EVIL, OWN = "https://app.example", "https://two.example:8443", "https://evil.example", "api.example"
PART = 10_000
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ALLOWED = {
    "any": "*",
    "one": [ONE],
    "list": [ONE, TWO],
    "patterns": [TWO, "https://*.app.example:*"],
    "function": lambda origin, _: origin in (ONE, TWO),
}
LINES: dict[str, list[str]] = {
    "origin": [
        *(ONE, ONE, TWO, EVIL, "null", "NULL", "", f"https://{OWN}", f"http://{OWN}", f"https://{OWN}:443"),
        *(
            f"HTTPS://{OWN.upper()}",
            f"https://{OWN}.",
            f"{ONE}/",
            f"{ONE}:443",
            ONE.upper(),
            "file://",
            "x",
            "*",
        ),
        *(
            f"https://{OWN}:8443",
            "chrome-extension://abc",
            "https://a b",
            f"{ONE},{EVIL}",
            "https://app.example:0",
            *(
                "https://a.app.example",
                "https://a.b.app.example:8443",
                "https://.app.example",
                "http://a.app.example",
            ),
        ),
    ],
    "sec-fetch-site": [
        *("same-origin", "same-site", "cross-site", "cross-site", "none", "", "Same-Origin", "other"),
    ],
    "sec-fetch-mode": ["navigate", "cors", "no-cors", "Navigate", ""],
    "sec-fetch-dest": ["document", "iframe", "image", "empty"],
    "cookie": ["a=1", ""],
    "authorization": ["Bearer a", "bearer", "Basic YTpi", "", "Bearer2 a", "Negotiate a"],
}
HOSTS = [OWN, OWN, OWN, OWN.upper(), f"{OWN}:443", f"{OWN}:80", f"{OWN}:8443", f"{OWN}.", "other.example", ""]
Pairs = list[tuple[str, str]]


def random_request(chance: random.Random) -> tuple[str, str, Pairs]:
    """Return a method, a Host and header lines."""
    pairs: Pairs = []
    for name, values in LINES.items():
        share = 0.75 if name in ("origin", "sec-fetch-site") else 0.25
        while chance.random() < share:
            pairs.append((name, chance.choice(values)))
            share = 0.04
    chance.shuffle(pairs)
    return chance.choice(METHODS), chance.choice(HOSTS), pairs


def oracle(fields: dict[str, Any], method: str, host: str, pairs: Pairs) -> str | None:
    """Return the id with which a request has to be refused; None if it has to be served."""
    lines: dict[str, list[str]] = {name: [v for n, v in pairs if n == name] for name in LINES}
    origins, sites = lines["origin"], lines["sec-fetch-site"]
    checks = fields["check_requests"]
    reads = method in ("GET", "HEAD")
    if not checks or method == "OPTIONS" or (checks == "writes" and reads):
        return None
    origin, site = next(iter(origins), None), next(iter(sites), None)
    if len(origins) > 1 or len(sites) > 1 or (origin is not None and not _is_well_formed(origin)):
        return "request-cross-origin"
    allowed = fields["allow_origins"] == "*" or (origin is not None and _is_named(fields, origin))
    is_own = origin is not None and _is_own(origin, host)
    is_web = origin is not None and origin.lower().startswith(("http://", "https://"))
    trusted = site == "same-origin" or (site == "none" and (not is_web or is_own or allowed))
    if trusted or (site is None and (origin is None or is_own)):
        return None
    names = fields.get("allow_methods", "*")
    has_method = names == "*" or method in names
    schemes = [value.split(" ")[0].lower() for value in lines["authorization"]]
    carries = bool(lines["cookie"]) or any(scheme != "bearer" for scheme in schemes)
    carries = carries or lines["sec-fetch-mode"] == ["navigate"]
    is_bare = bool(fields.get("allow_credentials")) or not carries
    is_link = reads and lines["sec-fetch-mode"] == ["navigate"] and lines["sec-fetch-dest"] == ["document"]
    if (allowed and has_method and is_bare) or is_link:
        return None
    only = {(False, True): "request-method", (True, False): "request-with-credentials"}
    return only.get((has_method, is_bare), "request-cross-origin") if allowed else "request-cross-origin"


def _is_named(fields: dict[str, Any], origin: str) -> bool:
    declared = fields["allow_origins"]
    if callable(declared):
        return bool(declared(origin, None))
    is_below = re.fullmatch(r"https://([a-z0-9_-]+\.)+app\.example(:[1-9][0-9]*)?", origin) is not None
    return origin in declared or ("https://*.app.example:*" in declared and is_below)


def _is_well_formed(origin: str) -> bool:
    found = re.fullmatch(
        r"([a-z][a-z0-9+.-]*)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?)(?::([0-9]+))?", origin.lower()
    )
    is_file = origin.lower() in ("null", "file://")
    return is_file or (found is not None and (found[3] is None or 0 < int(found[3]) < 65536))


def _is_own(origin: str, host: str) -> bool:
    scheme, _, rest = origin.lower().partition("://")
    if scheme not in ("http", "https") or not host:
        return False
    default = {"http": ":80", "https": ":443"}[scheme]
    return re.sub(f"{default}$", "", rest) == re.sub(f"{default}$", "", host.lower())


def random_policies() -> dict[str, dict[str, Any]]:
    """Return the fields of each section, by its name."""
    sections: dict[str, dict[str, Any]] = {}
    for name, origins in ALLOWED.items():
        for checks in (False, "writes", "all"):
            for credentials in (False, True) if origins != "*" else (False,):
                for place, methods in enumerate(("*", ["GET", "PUT"])):
                    key = f"{name}-{checks}-{credentials}-{place}"
                    sections[key] = {
                        "allow_origins": origins,
                        "check_requests": checks,
                        "allow_credentials": credentials,
                        "allow_methods": methods,
                    }
    return sections


def make_app(sections: dict[str, dict[str, Any]]) -> Sanic:
    """Return an app with a section for each policy."""
    app = new_app(TOUCHUP=False)  # it changes the classes of Sanic for one app
    app.ctx.handled = []
    app.ctx.refused = []

    async def handle(request: SanicRequest) -> HTTPResponse:
        app.ctx.handled.append((request.method, len(request.body)))
        return text("handled")

    for name, fields in sections.items():
        bp = Blueprint(name, url_prefix=f"/{name}")
        bp.add_route(handle, "/item", methods=METHODS, name="item")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CorsPolicyWarning)
            app.blueprint(cors_group(bp, **fields))

    @app.signal("corsbp.page.refused")
    @as_handler
    def refused(refusal: Any, **_: Any) -> None:
        app.ctx.refused.append(refusal.id)

    return app


async def send(app: Sanic, raw: bytes) -> bytes:
    """Send a request through Sanic's HTTP/1 stream in memory."""
    sent: list[bytes] = []

    async def write(data: bytes) -> None:
        sent.append(bytes(data))

    async def more() -> None:
        raise EOFError

    protocol = SimpleNamespace(
        access_log=False,
        app=app,
        conn_info=None,
        receive_more=more,
        recv_buffer=bytearray(raw),
        request_class=SanicRequest,
        request_handler=app.handle_request,
        request_max_size=10**6,
        send=write,
        state={"requests_count": 0},
        transport=None,
    )
    await Http(protocol).http1()  # type: ignore[no-untyped-call]  # Sanic's has no types
    return b"".join(sent)


async def run(seed: int, count: int) -> tuple[int, int]:
    """Send random requests, and compare each; return how many were served and refused.

    Raises:
        AssertionError: a verdict is another one than that of the oracle.
    """
    chance, sections = random.Random(seed), random_policies()
    app, names, refused = make_app(sections), [*sections], 0
    await app._startup()  # type: ignore[no-untyped-call]  # Sanic's has no types
    for _ in range(count):
        name = chance.choice(names)
        method, host, pairs = random_request(chance)
        expected = oracle(sections[name], method, host, pairs)
        body = b"abc" if method in ("POST", "PUT", "PATCH") else b""
        head = [f"{method} /{name}/item HTTP/1.1", f"host: {host}", f"content-length: {len(body)}"]
        head += [f"{key}: {value}" for key, value in pairs]
        app.ctx.handled.clear()
        app.ctx.refused.clear()
        raw = "\r\n".join([*head, "connection: close", "", ""]).encode() + body
        status = int((await send(app, raw)).split(maxsplit=2)[1])
        await asyncio.sleep(0)
        found = [id_ for id_ in app.ctx.refused if id_.startswith("request-")]
        case = f"seed {seed}, {name}: {raw!r}: expected {expected}, got {status} {found} {app.ctx.handled}"
        assert status == (200 if expected is None else 403), case
        assert app.ctx.handled == ([(method, len(body))] if expected is None else []), case
        assert found == ([] if expected is None else [expected]), case
        refused += expected is not None
    return count - refused, refused


def main() -> None:
    """Send random requests to apps that are started anew for each part of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.forgery")
    parser.add_argument("requests", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the first part")
    arguments = parser.parse_args()
    for part in range(-(-arguments.requests // PART)):
        served, refused = asyncio.run(run(arguments.seed + part, min(PART, arguments.requests - part * PART)))
        print(f"seed {arguments.seed + part}: served {served}, refused {refused}", flush=True)


if __name__ == "__main__":
    main()
