"""Pure: which headers an answer gets, and why not.

A `CorsPolicy` becomes a `CompiledPolicy` once. Headers are bytes, as they leave. What is left per request is
a look-up and the joining of two short tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from ..policy.policy import CorsPolicy, calls_functions_for, origin_entries, origin_functions, origin_set
from ..spec.fetch import ALLOW_CREDENTIALS, ALLOW_ORIGIN, EXPOSE_HEADERS, ORIGIN, VARY
from .refusal import Refusal, origin_refusal

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""The `access-control-*` headers of an answer; the last is a Vary, where there is one."""

_ALLOW_ORIGIN: Final = ALLOW_ORIGIN.encode()


class CompiledPolicy:
    """One policy in the form that requests are answered from. `label()` tells in words whose it is.

    `report_only`: the report-only policy beside it. `followed`: its origins come and go, so that responses
    vary with them, also where there is just one: caches must not be wrong when a second arrives.
    """

    def __init__(
        self,
        policy: CorsPolicy,
        label: Callable[[], str] = str,
        report_only: CompiledPolicy | None = None,
        followed: bool = False,
    ) -> None:
        self.policy = policy
        self.label = label
        self.report_only = report_only
        self.followed = followed
        self.told: dict[str, set[str]] = {}
        """Of report-only policy: what has been logged of them."""
        origins = origin_set(policy)
        # Asked, in this order, about what no entry allows.
        self.ask = origin_functions(policy) or None
        self.exact = origins.exact
        self.match = origins.match
        # A static origin is the same for everyone: sent always, never a reason to vary.
        # https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
        self.static: str | None = None
        if policy.allow_origins == "*":
            self.static = "*"
        elif not followed and self.ask is None and len(self.exact) == len(origin_entries(policy)) == 1:
            (self.static,) = self.exact
        # Where browsers take "*" literally, the names they ask for are the answer.
        self.reflects = policy.allow_credentials and policy.allow_headers == "*"
        self.credentials = encode_headers((ALLOW_CREDENTIALS, "true" if policy.allow_credentials else ""))
        self.exposed = encode_headers((EXPOSE_HEADERS, ",".join(policy.expose_headers)))
        self.vary = () if self.static and not followed else (ORIGIN,)
        self.refused = encode_headers((VARY, "".join(self.vary)))
        self.tail = (*self.credentials, *self.exposed, *self.refused)
        self.always = self.ordinary(self.static) if self.static else None
        # Whether an answer that is not `refused` may have something to tell.
        self.watched = self.report_only is not None or self.static not in (None, "*")

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
        return self.ask is not None and len(origins) == 1 and calls_functions_for(self.policy, origins[0])

    def answer(self, origins: Sequence[str]) -> Headers:
        """The headers of an answer that is no preflight's, to a request with these Origin lines.

        As `ordinary(grant(origins))`, where that is not `always` the same, and in short: every answer's way.
        `refused` where functions may know better.
        """
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
        return origin_refusal(self.policy, origins, failed)


class ActivePolicy:
    """Whose rules a route follows: a section's, or those of its own policy.

    All routes of a section share one, so that another policy takes one assignment, whole, however many routes
    there are. `section` is the section's, where this is a route's own.
    """

    __slots__ = ("compiled", "section")

    def __init__(
        self,
        policy: CorsPolicy,
        label: Callable[[], str] = str,
        section: ActivePolicy | None = None,
        report_only: CorsPolicy | None = None,
    ) -> None:
        self.compiled = CompiledPolicy(
            policy, label, CompiledPolicy(report_only, label) if report_only else None
        )
        self.section = section or self

    @property
    def policy(self) -> CorsPolicy:
        """The policy that holds now."""
        return self.compiled.policy

    @property
    def report_only(self) -> CorsPolicy | None:
        """The policy that is report-only now."""
        report_only = self.compiled.report_only
        return report_only.policy if report_only else None

    def change(
        self, policy: CorsPolicy, report_only: CorsPolicy | None, followed: bool | None = None
    ) -> None:
        """Follow another policy from now on, with this one report-only, or none."""
        compiled = self.compiled
        tried = (
            compiled.report_only
            if report_only == self.report_only
            else CompiledPolicy(report_only, compiled.label)
            if report_only
            else None
        )
        self.compiled = CompiledPolicy(
            policy, compiled.label, tried, compiled.followed if followed is None else followed
        )


def encode_headers(*pairs: tuple[str, str]) -> Headers:
    """These headers as they leave, without those that have no value."""
    return tuple((name.encode(), value.encode()) for name, value in pairs if value)
