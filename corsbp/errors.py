"""What can be wrong with a policy: every fault has a stable id, and this file documents all of them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import FrameType, MappingProxyType

from .journal import shown

PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        # fields that take a collection
        "bare-string": "One string where a collection belongs: Python would take it as a list of characters.",
        "not-a-collection": "Neither a list, tuple or set of strings nor another value that the field takes.",
        "star-not-alone": "`*` means all, so it stands alone: names beside it would change nothing.",
        "entry-type": "An entry of a collection is not a string.",
        "not-a-bool": "A switch that is neither True nor False.",
        # what stands where an origin belongs
        "origins-empty": "An empty collection of origins: a section that nobody may read needs no CORS.",
        "origin-function-arguments": "The origin function cannot be called with (origin, request).",
        "origin-regex": "A regular expression as an origin: write a pattern or a function.",
        "origin-empty": "An empty string is no origin.",
        "origin-null": "Every sandboxed frame and local file sends `null`: allowing it allows everyone.",
        "origin-several": "Several origins in one string.",
        "origin-network": "A network of addresses as an origin, which has one host: write a function.",
        "origin-pattern": "A pattern where one origin is asked for.",
        "origin-whitespace": "Spaces, tabs or line ends in or around an origin.",
        "origin-control-character": "A control character in an origin.",
        # its scheme
        "origin-scheme-missing": "An origin begins with its scheme and `://`; corsbp assumes none.",
        "origin-scheme-invalid": "What stands before `://` is no scheme.",
        "origin-scheme-never-sent": "A scheme that no page's origin has, so that no browser ever sends it.",
        "origin-file": "A file's address: browsers send `null` of it, or `file://` where they are told to.",
        # what follows or precedes the host
        "origin-userinfo": "User and password are no part of an origin.",
        "origin-trailing-slash": "An origin has no slash at its end.",
        "origin-path": "An origin has no path.",
        "origin-query": "An origin has no query.",
        "origin-fragment": "An origin has no fragment.",
        "origin-port-empty": "A colon without a port behind it.",
        "origin-port-invalid": "A port is a number from 1 to 65535 without leading zeros, or `*`.",
        "origin-port-default": "Browsers leave out the default port of http (80) and https (443).",
        # its host
        "origin-host-missing": "There is no host behind the scheme.",
        "origin-host-character": "A character that no host in an Origin header has.",
        "origin-upper-case": "Browsers send scheme and host in lower case.",
        "origin-unicode": "Browsers send international names in their ASCII form (`xn--`).",
        "origin-punycode": "A label that begins with `xn--`, but is no name that a browser can read.",
        "origin-label-empty": "Two dots in a row, or a dot at the start or end of the host.",
        "origin-label-too-long": "A part of the host between dots is longer than 63 characters.",
        "origin-name-too-long": "The host is longer than 253 characters.",
        "origin-ip-invalid": "An IP address not written as browsers send it, or a host that ends like one.",
        # patterns
        "origin-wildcard-place": "`*` stands for whole labels at the left of a host, or for the whole port.",
        "origin-wildcard-ip": "IP addresses have no subdomains.",
        # with credentials
        "credentials-any-origin": "With credentials, any origin could act as each of your users.",
        "credentials-any-exposed": "With credentials, browsers take `*` for the name of a header to expose.",
        "credentials-file": "With credentials, any file that a user opens could act as that user.",
        "credentials-insecure-origin": "With credentials, whoever can change an http page on its way can act "
        "as its users.",
        "credentials-public-suffix": "With credentials, a wildcard for names that anyone can register.",
        # names
        "name-not-token": "Not the name of a method or header: characters that HTTP does not allow there.",
        "name-wildcard": "`*` within a name: browsers take it for a letter, so it stands for nothing.",
        "method-forbidden": "A method that browsers never let a page use.",
        "header-forbidden": "A request header that browsers never let a page set.",
        "header-of-response": "A header of responses among the request headers.",
        "header-of-request": "A header of requests among the response headers.",
        "header-of-preflight": "A header of answers to preflights, which no page sees.",
        "header-media-type": "A media type where a header's name belongs: it is `content-type` that has it.",
        "header-set-cookie": "Browsers never show cookies to a page in a response's headers.",
        # ages
        "max-age-type": "`max_age` is neither a whole number of seconds, a timedelta nor None.",
        "max-age-fraction": "`max_age` is not in whole seconds.",
        "max-age-range": "`max_age` is not from 0 to 86400 seconds.",
        "origin-timeout-type": "`origin_timeout` is neither a number of seconds nor a timedelta.",
        "origin-timeout-range": "`origin_timeout` is not above 0 and up to 60 seconds.",
    }
)
"""Ids of what a policy is refused for, each with a line that explains it."""

WARNINGS: Mapping[str, str] = MappingProxyType(
    {
        "max-age-capped": "`max_age` is above the two hours that Chromium honours.",
        "origin-covered": "An origin that another entry allows already.",
        "header-set-by-browser": "A request header that browsers set themselves: no page has to ask for it.",
        "header-safelisted": "A header that browsers let through anyway, a request's but for unusual values.",
        "method-case": "Methods are case-sensitive: browsers send this one as the page spells it.",
        "method-unserved": "An allowed method that no route of the section serves.",
        "section-empty": "A section without any route.",
        "route-open": "A route's own policy lets in every origin, in a section that does not.",
        "blueprint-twice": "A blueprint of a section is registered beside it, too: CORS at both places.",
        "group-forgotten": "The result of `cors_group()` is registered on no app, but a blueprint of it is.",
        "two-layers": "The package sanic-cors is active in the same app.",
    }
)
"""Ids of what is legal but probably not meant, each with a line that explains it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a policy.

        problem = Problem("origin-path", "allow_origins", "https://app.example/a", "has a path")
        print(problem)  # allow_origins: 'https://app.example/a' has a path [origin-path]

    Raises LookupError for an id that is not documented here.
    """

    id: str
    """A key of `PROBLEMS` or `WARNINGS`, which never changes its meaning: `"origin-path"`."""

    field: str
    """The policy's field: `"allow_origins"`."""

    value: object
    """What stood there, or one entry of it where it is a collection: `"https://app.example/a"`."""

    message: str
    """What is wrong with the value, as the rest of a sentence that begins with it: `"has a path"`."""

    suggestion: str | None = None
    """The value that was probably meant, if there is one: `"https://app.example"`."""

    def __post_init__(self) -> None:
        if self.id not in PROBLEMS and self.id not in WARNINGS:
            raise LookupError(f"no such problem id: {self.id!r}")

    def __str__(self) -> str:
        meant = "" if self.suggestion is None else f"; meant: {self.suggestion}"
        return f"{self.field}: {shown(self.value)} {self.message}{meant} [{self.id}]"


class CorsPolicyError(ValueError):
    """A policy that was refused.

        try:
            CorsPolicy(allow_origins=["https://app.example/"])
        except CorsPolicyError as error:
            print(error.problems[0].suggestion)  # https://app.example

    As a string, it shows all that is wrong, one on each line.
    """

    problems: tuple[Problem, ...]
    """All that is wrong with the policy: `[problem.id for problem in error.problems]`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)  # so that pickle and copy find the constructor's argument

    def __str__(self) -> str:
        count = len(self.problems)
        title = f"{count} problem{'' if count == 1 else 's'} in a CORS policy:"
        return "\n".join([title, *(f"- {problem}" for problem in self.problems)])


class CorsPolicyWarning(UserWarning):
    """A policy that is legal but probably not what was meant.

        import warnings
        warnings.simplefilter("error", CorsPolicyWarning)  # such an app does not start

    Issued where a policy is made, and at startup for what only the app's routes show.
    """

    problem: Problem
    """What is odd, and what was meant: `warning.message.problem.suggestion`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)

    def __str__(self) -> str:
        return str(self.problem)


def warn(problem: Problem) -> None:
    """Issue a `CorsPolicyWarning` that points to the line that called into corsbp, however deep we are."""
    _, depth = _caller()
    warnings.warn(CorsPolicyWarning(problem), stacklevel=depth)


def line_of_user() -> str:
    """The file and line that called into corsbp, however deep we are."""
    frame, _ = _caller()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "?"


def _caller() -> tuple[FrameType | None, int]:
    """The frame that called into corsbp, and its distance from the function that asks."""
    frame: FrameType | None = sys._getframe(2)
    depth = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        frame = frame.f_back
        depth += 1
    return frame, depth
