"""Pure: which headers an answer gets, and why not.

A `CorsPolicy` becomes `Rules` once; a path of the router becomes a `Path` once. Headers are bytes, as they
leave. What is left per request is a look-up and the joining of two short tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from .fetch import (
    ALLOW_CREDENTIALS,
    ALLOW_HEADERS,
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    EXPOSE_HEADERS,
    FORBIDDEN_METHODS,
    MAX_AGE,
    ORIGIN,
    REQUEST_HEADERS,
    REQUEST_METHOD,
    SAFELISTED_METHODS,
    VARY,
    in_order,
    requested_names,
)
from .policy import CorsPolicy, compiled, functions, may_be_asked_about, named
from .refusals import (
    REFUSALS,  # noqa: F401  # who reads the answers of this room looks for their ids here, too
    Refusal,
    elsewhere,
    of_header,
    of_method,
    of_names,
    of_origin,
)

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""The `access-control-*` headers of an answer; the last is a Vary, where there is one."""

_ALLOW_ORIGIN: Final = ALLOW_ORIGIN.encode()
_ALLOW_HEADERS: Final = ALLOW_HEADERS.encode()
_OPTIONS: Final = "OPTIONS"


class Rules:
    """One policy in the form that requests are answered from. `label()` tells in words whose it is.

    `trial`: those of the policy that is on trial beside it.
    """

    __slots__ = (
        "always",
        "ask",
        "credentials",
        "exact",
        "exposed",
        "label",
        "match",
        "policy",
        "reflects",
        "refused",
        "static",
        "tail",
        "told",
        "trial",
        "watched",
    )

    def __init__(
        self, policy: CorsPolicy, label: Callable[[], str] = str, trial: Rules | None = None
    ) -> None:
        self.policy = policy
        self.label = label
        self.trial = trial
        self.told: dict[str, set[str]] = {}
        """Of rules on trial: what has been logged of them."""
        origins = compiled(policy)
        # Asked, in this order, about what no entry allows.
        self.ask = functions(policy) or None
        self.exact = origins.exact
        self.match = origins.match
        # A static origin is the same for everyone: sent always, never a reason to vary.
        # https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
        self.static: str | None = None
        if policy.allow_origins == "*":
            self.static = "*"
        elif self.ask is None and len(named(policy)) == len(self.exact) == 1:
            (self.static,) = self.exact
        # Where browsers take "*" literally, the names they ask for are the answer.
        self.reflects = policy.allow_credentials and policy.allow_headers == "*"
        self.credentials = _headers((ALLOW_CREDENTIALS, "true" if policy.allow_credentials else ""))
        self.exposed = _headers((EXPOSE_HEADERS, ",".join(policy.expose_headers)))
        self.refused = _headers((VARY, "" if self.static else ORIGIN))
        self.tail = (*self.credentials, *self.exposed, *self.refused)
        self.always = self.ordinary(self.static) if self.static else None
        # Whether an answer that is not `refused` may have something to tell.
        self.watched = self.trial is not None or self.static not in (None, "*")

    def grant(self, origins: Sequence[str]) -> str | None:
        """The `access-control-allow-origin` for a request with these Origin lines; None refuses.

        Where there are functions (`ask`), they have the last word on what is refused here.
        """
        if self.static is not None:
            return self.static
        if len(origins) == 1 and (origins[0] in self.exact or self.match(origins[0])):
            return origins[0]  # a valid origin, or no pattern had matched it
        return None

    def open(self, origins: Sequence[str]) -> bool:
        """Whether functions have a say in a request with these Origin lines, which no entry allows."""
        return self.ask is not None and len(origins) == 1 and may_be_asked_about(self.policy, origins[0])

    def answer(self, origins: Sequence[str]) -> Headers:
        """The headers of an answer that is no preflight's, to a request with these Origin lines.

        As `ordinary(grant(origins))`, and every answer's way. `refused` where functions may know better.
        """
        if self.always is not None:
            return self.always
        if len(origins) == 1:
            origin = origins[0]
            if origin in self.exact or self.match(origin):
                return ((_ALLOW_ORIGIN, origin.encode()), *self.tail)
        return self.refused

    def ordinary(self, grant: str | None) -> Headers:
        """The headers of an answer that is no preflight's."""
        return self.refused if grant is None else ((_ALLOW_ORIGIN, grant.encode()), *self.tail)

    def allows(self, origins: Sequence[str], grant: str | None) -> bool:
        """Whether a page of this origin may read the answer: also a static policy looks here."""
        return grant == "*" or (len(origins) == 1 and grant == origins[0])

    def lets(self, origins: Sequence[str]) -> bool:
        """As `allows(origins, grant(origins))`, in short: functions aside, whether a page may read."""
        if len(origins) != 1:
            return self.static == "*"
        return origins[0] in self.exact or self.static == "*" or self.match(origins[0])

    def refusal(self, origins: Sequence[str], grant: str | None, failed: bool = False) -> Refusal | None:
        """Why the origin is refused; None where it is granted, or where no browser asked."""
        if not origins or self.allows(origins, grant):
            return None
        return of_origin(self.policy, origins, failed)


class Follow:
    """Whose rules a route follows: a section's, or those of its own policy.

    All routes of a section share one, so that another policy takes one assignment, whole, however many routes
    there are. `section` is the section's, where this is a route's own.
    """

    __slots__ = ("rules", "section")

    def __init__(
        self, policy: CorsPolicy, label: Callable[[], str] = str, section: Follow | None = None
    ) -> None:
        self.rules = Rules(policy, label)
        self.section = section or self

    @property
    def trial(self) -> CorsPolicy | None:
        """The policy that is on trial now."""
        trial = self.rules.trial
        return trial.policy if trial else None

    def change(self, policy: CorsPolicy) -> None:
        """Follow another policy from now on."""
        self.rules = Rules(policy, self.rules.label, self.rules.trial)

    def put_on_trial(self, policy: CorsPolicy | None) -> None:
        """Have another policy on trial from now on, or none."""
        rules = self.rules
        self.rules = Rules(rules.policy, rules.label, Rules(policy, rules.label) if policy else None)


class Path:
    """One path of one host: whose each of its methods is.

    `served`: each method of the path with what its route follows; None for a route without CORS.
    `known`: it has routes, and is not just below the prefix of a section.
    """

    __slots__ = ("_lists", "_tried", "allow", "default", "known", "served", "shared")

    elsewhere: Final = ((VARY.encode(), REQUEST_METHOD.encode()),)
    """The headers for a method that is served here by a route without CORS."""

    def __init__(self, served: Mapping[str, Follow | None], known: bool = True) -> None:
        self.known = known
        self.served = {method: served[method] for method in in_order(served)}
        self.allow = tuple(dict.fromkeys([*self.served, _OPTIONS]))
        # A method that nothing serves follows the first route that has CORS: a page may see that 405.
        self.default = next((follow for follow in self.served.values() if follow), None)
        self.shared = len(set(map(id, self.served.values()))) > 1
        self._lists: dict[Follow, Lists] = {}
        self._tried: dict[Follow, Lists] = {}

    def follow(self, method: str | None) -> Follow | None:
        """What a preflight for this method follows; None: no CORS here."""
        if not self.shared:
            return self.default
        return self.served.get(method or "", self.default)

    def lists(self, follow: Follow, rules: Rules) -> Lists:
        """What OPTIONS answers here to who follows this, under the rules that it has, or had a moment ago."""
        return self._cached(self._lists, follow, rules)

    def tried(self, follow: Follow, trial: Rules) -> Lists:
        """What OPTIONS would answer under the rules on trial."""
        return self._cached(self._tried, follow, trial)

    def _cached(self, kept: dict[Follow, Lists], follow: Follow, rules: Rules) -> Lists:
        lists = kept.get(follow)
        if lists is None or lists.rules is not rules:
            mine = [method for method, other in self.served.items() if other is follow]
            lists = kept[follow] = Lists(rules, mine, self.shared)
        return lists

    def elsewhere_refusal(self, method: str) -> Refusal:
        """Why a preflight for a method of a route without CORS is refused."""
        methods = self.lists(self.default, self.default.rules).methods if self.default else ()
        return elsewhere(method, methods)


class Lists:
    """What OPTIONS answers on a path, to those who follow these rules.

    `served`: the path's methods under these rules. `shared`: it has others that follow something else.
    """

    __slots__ = ("_refused", "_served", "_tail", "methods", "rules")

    def __init__(self, rules: Rules, served: Sequence[str], shared: bool) -> None:
        policy = rules.policy
        self.rules = rules
        self._served = served
        allowed = policy.allow_methods
        # Browsers let no page use some methods, whatever serves them.
        mine = [m for m in served if (allowed == "*" or m in allowed) and m not in FORBIDDEN_METHODS]
        self.methods = (*(method for method in mine if method != _OPTIONS), _OPTIONS)
        names = [
            *([] if rules.static else [ORIGIN]),
            *([REQUEST_METHOD] if shared else []),
            *([REQUEST_HEADERS] if rules.reflects else []),
        ]
        self._refused = _headers((VARY, ", ".join(names)))
        self._tail: Headers = (
            *rules.credentials,
            *_headers(
                (ALLOW_METHODS, ",".join(self.methods)),
                (ALLOW_HEADERS, "" if rules.reflects else _header_list(policy)),
                (MAX_AGE, "" if policy.max_age is None else str(policy.max_age)),
            ),
            *self._refused,
        )

    def preflight(self, grant: str | None, requested: Sequence[str]) -> Headers:
        """The headers of the answer to a preflight, given its Access-Control-Request-Headers lines.

        https://fetch.spec.whatwg.org/#cors-preflight-fetch
        """
        if grant is None:
            return self._refused
        origin = (_ALLOW_ORIGIN, grant.encode())
        if self.rules.reflects and (names := requested_names(requested)):
            return (origin, (_ALLOW_HEADERS, names.encode()), *self._tail)
        return (origin, *self._tail)

    def plain(self, grant: str | None) -> Headers:
        """The headers of an OPTIONS that is no preflight: an ordinary grant, and a static policy's lists."""
        rules = self.rules
        if grant is None or rules.static is None:
            return rules.ordinary(grant)
        return ((_ALLOW_ORIGIN, grant.encode()), *rules.exposed, *self._tail)

    def refusal(self, method: str, requested: Sequence[str]) -> Refusal | None:
        """The step at which a browser would stop after this preflight, its origin being granted."""
        if method not in self.methods and method not in SAFELISTED_METHODS:
            return of_method(method, self.methods, self._served)
        names = requested_names(requested)
        if names is None:
            return of_names(requested)
        allowed = self.rules.policy.allow_headers
        if allowed == "*":
            return None
        # Browsers ask for a safelisted name where its value is not.
        return next(
            (of_header(name, allowed) for name in names.split(",") if name and name not in allowed), None
        )


def _headers(*pairs: tuple[str, str]) -> Headers:
    """These headers as they leave, without those that have no value."""
    return tuple((name.encode(), value.encode()) for name, value in pairs if value)


def _header_list(policy: CorsPolicy) -> str:
    # "*" never covers Authorization in the standard, so it is named beside it.
    # https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
    return "*,authorization" if policy.allow_headers == "*" else ",".join(policy.allow_headers)
