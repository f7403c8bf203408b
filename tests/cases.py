"""A table of policies and requests, with exactly the CORS headers of each response.

The pure rules, the app and the benchmarks read the same table. The path of every request serves GET, POST
and DELETE. `ONE` is allowed by every policy, `TWO` by lists only, `EVIL` by none but the public one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

ONE = "https://app.example"
TWO = "https://two.example:8443"
SUB = "https://a.b.tenants.example"
EVIL = "https://evil.example"

POLICIES: dict[str, dict[str, Any]] = {
    "public": {},
    "one": {"allow_origins": [ONE], "allow_credentials": True},
    "one-headers": {"allow_origins": [ONE], "allow_headers": ["X-Two", "x-one"], "expose_headers": ["X-Out"]},
    "list": {"allow_origins": [ONE, TWO]},
    "list-credentials": {"allow_origins": [ONE, TWO], "allow_credentials": True, "expose_headers": ["ETag"]},
    "patterns": {"allow_origins": [ONE, "https://*.tenants.example", "http://localhost:*"]},
    "one-pattern": {"allow_origins": ["https://*.example"]},
    "function": {"allow_origins": lambda origin, request: origin == ONE},
    "methods": {"allow_methods": ["delete", "GET"], "max_age": None, "allow_headers": ()},
    "no-cache": {"max_age": 0, "expose_headers": "*"},
}

GET, LISTED, OPTIONS = "GET", "preflight", "OPTIONS"


class Case(NamedTuple):
    """A request under a policy and its CORS headers; `asks` is the method and the headers of a preflight."""

    policy: str
    kind: str
    origins: tuple[str, ...]
    headers: dict[str, str]
    asks: tuple[str, tuple[str, ...]] = ("GET", ())

    @property
    def name(self) -> str:
        asks = f" for {self.asks}" if self.kind == LISTED else ""
        return f"{self.policy}: {self.kind} from {self.origins}{asks}"


def _lists(
    methods: str = "GET,POST,DELETE,OPTIONS", names: str | None = "*,authorization", age: str | None = "600"
) -> dict[str, str]:
    lists = {"methods": methods, "headers": names}
    found = {f"access-control-allow-{name}": value for name, value in lists.items() if value is not None}
    return found | ({"access-control-max-age": age} if age is not None else {})


def _origin(origin: str, **more: str) -> dict[str, str]:
    return {
        "access-control-allow-origin": origin,
        **{key.replace("_", "-"): value for key, value in more.items()},
    }


VARY = {"vary": "origin"}
CREDENTIALS = {"access-control-allow-credentials": "true"}
REFLECTED = {"vary": "origin, access-control-request-headers"}

CASES = [
    # R1: a static origin is always sent
    *(
        Case("public", GET, origins, _origin("*"))
        for origins in [(), (ONE,), (EVIL,), ("null",), (ONE, EVIL), ("",)]
    ),
    *(
        Case("one", GET, origins, _origin(ONE) | CREDENTIALS)
        for origins in [(), (ONE,), (EVIL,), ("null",), (ONE, ONE)]
    ),
    Case("one-headers", GET, (ONE,), _origin(ONE, access_control_expose_headers="x-out")),
    Case("no-cache", GET, (EVIL,), _origin("*", access_control_expose_headers="*")),
    # R2, R3: with a list, the response depends on Origin
    *(Case("list", GET, (origin,), _origin(origin) | VARY) for origin in (ONE, TWO)),
    *(
        Case("list", GET, origins, VARY)
        for origins in [(), (EVIL,), ("null",), (ONE, TWO), (ONE, ONE), ("",), (f"{ONE}/",), (ONE.upper(),)]
    ),
    *(
        Case("list", GET, (origin,), VARY)
        for origin in (
            f"{ONE}.evil.example",
            f"{ONE}:443",
            f"{ONE} ",
            f"{ONE},{TWO}",
            "http://app.example",
            "https://xapp.example",
        )
    ),
    Case(
        "list-credentials",
        GET,
        (TWO,),
        _origin(TWO, access_control_expose_headers="etag") | CREDENTIALS | VARY,
    ),
    Case("list-credentials", GET, (EVIL,), VARY),
    # V0, R7: patterns
    *(
        Case("patterns", GET, (origin,), _origin(origin) | VARY)
        for origin in (ONE, SUB, "https://a.tenants.example", "http://localhost:3000", "http://localhost")
    ),
    *(
        Case("patterns", GET, (origin,), VARY)
        for origin in (
            "https://tenants.example",
            "https://xtenants.example",
            "https://a.tenants.example:8443",
            "http://a.tenants.example",
            "https://.tenants.example",
            "https://a..tenants.example",
            "https://a b.tenants.example",
            "https://a.tenants.example.evil.example",
            "http://localhost:0",
            "http://localhost:80",
            "http://localhost:65536",
            "https://localhost:3000",
            "https://a\x7f.tenants.example",
        )
    ),
    Case("one-pattern", GET, (ONE,), _origin(ONE) | VARY),
    Case("one-pattern", GET, (), VARY),
    # R6: functions
    Case("function", GET, (ONE,), _origin(ONE) | VARY),
    Case("function", GET, (EVIL,), VARY),
    Case("function", GET, (), VARY),
    # P2, P3, P4: preflights
    *(Case("public", LISTED, (origin,), _origin("*") | _lists()) for origin in (ONE, EVIL, "null")),
    Case("public", LISTED, (ONE,), _origin("*") | _lists(), ("PATCH", ("x-anything",))),
    Case(
        "one",
        LISTED,
        (EVIL,),
        _origin(ONE) | CREDENTIALS | _lists(names=None) | {"vary": "access-control-request-headers"},
    ),
    Case(
        "one",
        LISTED,
        (ONE,),
        _origin(ONE)
        | CREDENTIALS
        | _lists(names="x-a,authorization")
        | {"vary": "access-control-request-headers"},
        ("POST", ("x-a,authorization",)),
    ),
    Case("one-headers", LISTED, (ONE,), _origin(ONE) | _lists(names="x-one,x-two")),
    Case("list", LISTED, (TWO,), _origin(TWO) | _lists() | VARY, ("DELETE", ("content-type",))),
    *(Case("list", LISTED, (origin,), VARY) for origin in (EVIL, "null", f"{ONE}:443")),
    Case("list", LISTED, (ONE, TWO), VARY),
    Case("list-credentials", LISTED, (ONE,), _origin(ONE) | CREDENTIALS | _lists(names=None) | REFLECTED),
    Case(
        "list-credentials",
        LISTED,
        (ONE,),
        _origin(ONE) | CREDENTIALS | _lists(names="a,b") | REFLECTED,
        ("PUT", (" A ,,\tb", "", ",")),
    ),
    Case(
        "list-credentials",
        LISTED,
        (ONE,),
        _origin(ONE) | CREDENTIALS | _lists(names=None) | REFLECTED,
        ("PUT", ("a b",)),
    ),
    Case(
        "list-credentials",
        LISTED,
        (ONE,),
        _origin(ONE) | CREDENTIALS | _lists(names=None) | REFLECTED,
        ("PUT", ("x" * 4000 + "," * 4000,)),
    ),
    Case("list-credentials", LISTED, (EVIL,), REFLECTED, ("PUT", ("x-a",))),
    Case("patterns", LISTED, (SUB,), _origin(SUB) | _lists() | VARY),
    Case("function", LISTED, (ONE,), _origin(ONE) | _lists() | VARY),
    Case("function", LISTED, (EVIL,), VARY),
    Case("methods", LISTED, (ONE,), _origin("*") | _lists("GET,DELETE,OPTIONS", None, None)),
    Case("no-cache", LISTED, (ONE,), _origin("*") | _lists(age="0")),
    # P6: OPTIONS that is not a preflight
    Case("public", OPTIONS, (), _origin("*") | _lists()),
    Case("public", OPTIONS, (ONE,), _origin("*") | _lists()),
    Case(
        "one",
        OPTIONS,
        (),
        _origin(ONE) | CREDENTIALS | _lists(names=None) | {"vary": "access-control-request-headers"},
    ),
    Case(
        "one-headers",
        OPTIONS,
        (),
        _origin(ONE, access_control_expose_headers="x-out") | _lists(names="x-one,x-two"),
    ),
    Case("list", OPTIONS, (), VARY),
    Case("list", OPTIONS, (ONE,), _origin(ONE) | VARY),
    Case("list", OPTIONS, (EVIL,), VARY),
    Case("function", OPTIONS, (ONE,), _origin(ONE) | VARY),
]
