"""The rules, written once more: slow, obvious, and without a look at the code that they judge.

A policy is the mapping of its declared fields, as in JSON: an origin function is
`{"function": [the origins that it allows], "how": "sync"}`, or another of `HOW`.
"""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

Fields: TypeAlias = Mapping[str, Any]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
HOW = ("sync", "async", "raises", "none")
"""The ways of an origin function; only the first two ever return True."""

_LABEL = set(string.ascii_lowercase + string.digits + "-_")
_TOKEN = set(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")
_NO_PAGE = {"about", "blob", "data", "file", "ftp", "javascript", "mailto", "ws", "wss"}


# --- V0, V2: origins and patterns ---


def valid_origin(text: str) -> bool:
    """Return whether a browser could send this as the origin of a page."""
    scheme, separator, rest = text.partition("://")
    if not separator or not _valid_scheme(scheme):
        return False
    if rest.startswith("["):
        inside, bracket, behind = rest[1:].partition("]")
        return bool(bracket) and _valid_ipv6(inside) and _valid_port(behind, scheme)
    host, colon, port = rest.partition(":")
    return _valid_name(host) and _valid_port(colon + port, scheme)


def valid_entry(text: str) -> bool:
    """Return whether a policy may declare this: an origin, or a pattern of origins."""
    scheme, separator, rest = text.partition("://")
    wild = rest.startswith("*.")
    instance = f"{scheme}{separator}{rest[2:] if wild else rest}"
    if instance.endswith(":*"):
        instance = instance[:-2]
    name = instance.partition("://")[2].partition(":")[0]
    address = name.startswith("[") or re.fullmatch(r"[0-9.]+", name)
    fits = len(rest.partition(":")[0]) <= 253 or rest.startswith("[")
    return valid_origin(instance) and fits and not (wild and address)


def matches(entry: str, origin: str) -> bool:
    """Return whether a declared origin or pattern allows an origin."""
    if not valid_origin(origin):
        return False
    naive = re.escape(entry).replace(r"://\*\.", r"://.+\.").replace(r":\*", "(:[0-9]+)?")
    return re.fullmatch(naive, origin) is not None


def _valid_scheme(scheme: str) -> bool:
    letters = set(string.ascii_lowercase)
    rest = letters | set(string.digits + "+.-")
    return 0 < len(scheme) <= 32 and scheme[0] in letters and set(scheme) <= rest and scheme not in _NO_PAGE


def _valid_name(host: str) -> bool:
    labels = host.split(".")
    if len(host) > 253 or any(not 1 <= len(label) <= 63 or not set(label) <= _LABEL for label in labels):
        return False
    last = labels[-1]
    hexadecimal = last.startswith("0x") and set(last[2:]) <= set(string.hexdigits)
    if not hexadecimal and not set(last) <= set(string.digits):
        return True
    return len(labels) == 4 and all(label in map(str, range(256)) for label in labels)


def _valid_ipv6(text: str) -> bool:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return str(address) == text and address.ipv4_mapped is None and "%" not in text


def _valid_port(text: str, scheme: str) -> bool:
    if not text:
        return True
    ports = {"http": ":80", "https": ":443"}
    digits = set(string.digits)
    return (
        text[0] == ":"
        and 2 <= len(text) <= 6
        and set(text[1:]) <= digits
        and text[1] != "0"
        and int(text[1:]) < 65536
        and text != ports.get(scheme)
    )


# --- V2, V3, V5: policies ---


def acceptable(fields: Fields) -> bool:
    """Return whether a policy with these fields is valid; names of headers and methods are not checked."""
    declared = fields.get("allow_origins", "*")
    credentials = fields.get("allow_credentials", False)
    age = fields.get("max_age", 600)
    if age is not None and not 0 <= age <= 86400:
        return False
    if credentials and fields.get("expose_headers", ()) in ("*", ["*"]):
        return False
    if isinstance(declared, Mapping):
        return True
    if declared in ("*", ["*"]):
        return not credentials
    if not declared or not all(map(valid_entry, declared)):
        return False
    insecure = credentials and not fields.get("dangerously_allow_insecure_origins", False)
    return not (insecure and any(map(_insecure, declared)))


def _insecure(entry: str) -> bool:
    scheme, _, rest = entry.partition("://")
    if scheme != "http":
        return False
    host = rest if rest.endswith("]") else re.sub(r":(\*|[0-9]+)$", "", rest)
    loopback = re.fullmatch(r"127\.[0-9]+\.[0-9]+\.[0-9]+", host)
    return not (host in ("localhost", "[::1]") or host.endswith(".localhost") or loopback)


# --- P, R: requests ---


class Asked(NamedTuple):
    """A request as the server read it: header names in lower case."""

    method: str
    headers: Sequence[tuple[str, str]]

    def lines(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class Expected(NamedTuple):
    """The CORS headers of a response, the names that corsbp adds to Vary, and the kind of the response."""

    kind: str  # outside, ordinary, plain (an OPTIONS of ours) or preflight
    headers: Mapping[str, str] = {}
    vary: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


OUTSIDE = Expected("outside")


def expected(
    served: Mapping[str, Fields | None], owner: Fields | None, methods: Iterable[str], asked: Asked
) -> Expected:
    """Return the CORS headers of the response to a request.

    `served`: the methods of its path, each with its route's policy, None for a route without CORS;
    `owner`: the policy of the section that a path without any route belongs to;
    `methods`: those that this section serves somewhere.
    """
    ordered = [served[method] for method in METHODS if method in served] if served else [owner]
    default = next((policy for policy in ordered if policy is not None), None)
    if default is None:
        return OUTSIDE
    shared = any(policy is not default for policy in ordered)
    if asked.method == "OPTIONS" and asked.lines("origin") and asked.lines("access-control-request-method"):
        somewhere = served or dict.fromkeys(methods, owner)
        return _preflight(default, somewhere, shared, asked)
    if not served:
        return Expected("ordinary", *_ordinary(default, asked))
    if asked.method in served:
        policy = served[asked.method]
        return OUTSIDE if policy is None else Expected("ordinary", *_ordinary(policy, asked))
    allow = (*(method for method in METHODS if method in served and method != "OPTIONS"), "OPTIONS")
    headers, vary = _ordinary(default, asked)
    if asked.method != "OPTIONS":
        return Expected("ordinary", headers, vary, allow)
    if _static(default):
        lists, vary = _lists(default, served, shared, Asked("OPTIONS", ()))
        headers.update(lists)
    return Expected("plain", headers, vary, allow)


def _preflight(default: Fields, served: Mapping[str, Fields | None], shared: bool, asked: Asked) -> Expected:
    """Return the headers of a preflight, by the policy of the method that it names."""
    policy = served.get(asked.lines("access-control-request-method")[0], default)
    if policy is not None:
        return Expected("preflight", *_lists(policy, served, shared, asked))
    if "OPTIONS" not in served:
        return Expected("plain", {}, ("access-control-request-method",))
    # a handler of the user responds: without a grant, if it is in the section at all
    own = served["OPTIONS"]
    return OUTSIDE if own is None else Expected("ordinary", {}, ("access-control-request-method",))


def _ordinary(policy: Fields, asked: Asked) -> tuple[dict[str, str], tuple[str, ...]]:
    grant = granted(policy, asked.lines("origin"))
    vary = () if _static(policy) else ("origin",)
    if grant is None:
        return {}, vary
    headers = {"access-control-allow-origin": grant}
    if policy.get("allow_credentials"):
        headers["access-control-allow-credentials"] = "true"
    if exposed := policy.get("expose_headers"):
        headers["access-control-expose-headers"] = ",".join(sorted({name.lower() for name in exposed}))
    return headers, vary


def _lists(
    policy: Fields, served: Mapping[str, Fields | None], shared: bool, asked: Asked
) -> tuple[dict[str, str], tuple[str, ...]]:
    reflects = bool(policy.get("allow_credentials")) and policy.get("allow_headers", "*") in ("*", ["*"])
    depends = {
        "origin": not _static(policy),
        "access-control-request-method": shared,
        "access-control-request-headers": reflects,
    }
    vary = tuple(name for name, yes in depends.items() if yes)
    headers, _ = _ordinary(policy, asked)
    headers.pop("access-control-expose-headers", None)
    if not headers:
        return headers, vary
    allowed = policy.get("allow_methods", "*")
    upper = {
        method.upper() if method.upper() in METHODS and method != "patch" else method for method in allowed
    }
    methods = [
        method
        for method in METHODS
        if served.get(method) is policy and (allowed in ("*", ["*"]) or method in upper)
    ]
    headers["access-control-allow-methods"] = ",".join(dict.fromkeys([*methods, "OPTIONS"]))
    if reflects:
        names = requested(asked.lines("access-control-request-headers"))
    elif policy.get("allow_headers", "*") in ("*", ["*"]):
        names = "*,authorization"
    else:
        names = ",".join(sorted({name.lower() for name in policy["allow_headers"]}))
    if names:
        headers["access-control-allow-headers"] = names
    age = policy.get("max_age", 600)
    if age is not None:
        headers["access-control-max-age"] = str(age)
    return headers, vary


def granted(policy: Fields, origins: Sequence[str]) -> str | None:
    """Return the `access-control-allow-origin` of a granted response, or None."""
    declared = policy.get("allow_origins", "*")
    if declared in ("*", ["*"]):
        return "*"
    if _static(policy):
        return str(declared[0])
    if len(origins) != 1:
        return None
    (origin,) = origins
    if isinstance(declared, Mapping):
        says_yes = declared["how"] in ("sync", "async") and origin in declared["function"]
        return origin if says_yes and valid_origin(origin) else None
    return origin if any(matches(entry, origin) for entry in declared) else None


def _static(policy: Fields) -> bool:
    declared = policy.get("allow_origins", "*")
    if declared in ("*", ["*"]):
        return True
    return not isinstance(declared, Mapping) and len(set(declared)) == 1 and "*" not in declared[0]


def requested(lines: Sequence[str]) -> str:
    """Return the header names in a preflight, if all of them are valid; else nothing."""
    text = ",".join(lines)
    names = [name.strip(" \t") for name in text.split(",")]
    if len(text) > 8192 or len(names) > 128 or not all(set(name) <= _TOKEN for name in names):
        return ""
    return ",".join(name.lower() for name in names if name)
