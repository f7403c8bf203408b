"""Whose route it is that a page called, and which argument of which section to change."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from sanic import Sanic

from corsbp.errors import CorsPolicyError
from corsbp.fields import name_of
from corsbp.policy import CorsPolicy, compiled, functions, named
from corsbp.surface import Served, surface


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page wanted."""

    origin: str
    method: str
    headers: tuple[str, ...]
    credentials: bool


def route_of(app: Sanic[Any, Any], url: str, method: str) -> Served | None:
    """The route that a URL leads to; where the method has none, any of that path."""
    names: dict[str, None] = {}
    parts = urlsplit(url)
    for each in (method.upper(), "GET", "POST", "PUT", "PATCH", "DELETE"):
        try:
            route, *_ = app.router.get(parts.path or "/", each, parts.netloc)
        except Exception:  # NotFound and MethodNotAllowed, and what a router does with an odd path
            continue
        names.setdefault(route.name, None)
    served = {each.name: each for each in surface(app)}
    return next((served[name] for name in names if name in served), None)


def nearest(app: Sanic[Any, Any], url: str) -> str | None:
    """The path of a route that looks most like a URL's."""
    near = get_close_matches(urlsplit(url).path, [each.example or each.path for each in surface(app)], 1)
    return near[0] if near else None


def whose(route: Served | None, method: str, near: str | None = None) -> str:
    """Whose route it is that was called."""
    if route is None:
        meant = f"; near it is {near}" if near else ""
        return f"No route has this path{meant}. A 404 belongs to a section by its url_prefix."
    serves = "" if method in route.methods else f" It serves {', '.join(route.methods)}, not {method}."
    name = f"The route {route.name} ({route.path})"
    if route.whose is None:
        return (
            f"{name} is in no section: app.blueprint(cors_group(...)) around its blueprint makes one.{serves}"
        )
    if route.policy is None:
        return f"{name} is in {route.section}, and left out by ctx_cors=False.{serves}"
    if route.section is None:
        return f"{name} is in no section, and has a policy of its own, ctx_cors={route.policy!r}.{serves}"
    return f"{name} is in {route.section}: {route.policy!r}.{serves}"


def argument(route: Served | None, stop: str, asked: Asked) -> str | None:
    """The argument to change, and of which section; None where no argument is to blame.

    What is proposed has been tried: where the policy would be refused, it says so.
    """
    policy = route.policy if route else None
    if route is None or policy is None:
        return None
    more: dict[str, Any] = {}
    remark = ""
    if stop.removeprefix("preflight-") in ("origin-missing", "origin-other", "origin-any", "credentials"):
        allowed, known = policy.allow_origins, asked.origin in compiled(policy)
        if functions(policy) and not known:
            asking = " or ".join(f"{name_of(each)}()" for each in functions(policy))
            named_too = ", or allow_origins to name it" if named(policy) else ""
            return f"{route.whose}: {asking} has to return True for {asked.origin!r}{named_too}"
        if asked.origin == "null":
            return f"{route.whose}: only allow_origins='*' lets null in, as everyone, and without credentials"
        if allowed == "*" and not asked.credentials:
            return None  # it lets everyone in: the answer came from elsewhere
        if not known:
            more["allow_origins"] = [*named(policy), asked.origin]
        if asked.credentials and not policy.allow_credentials:
            more["allow_credentials"] = True
        if allowed == "*":
            remark = ", which shuts out every other origin; or leave out credentials: 'include' in the page"
    elif stop == "preflight-method":
        if policy.allow_methods == "*" or asked.method in policy.allow_methods:
            return f"{route.whose}: no route of it serves {asked.method} on this path"
        more["allow_methods"] = [*policy.allow_methods, asked.method]
    elif stop == "preflight-header" and policy.allow_headers != "*":
        names = [name.lower() for name in asked.headers if name.lower() not in policy.allow_headers]
        more["allow_headers"] = [*policy.allow_headers, *names]
    changed = ", ".join(f"{name}={value!r}" for name, value in more.items())
    return f"{route.whose}: {changed}{_refused(policy, more) or remark}" if changed else None


def _refused(policy: CorsPolicy, more: dict[str, Any]) -> str:
    """Why a policy with these changes would be refused; nothing if it is not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            policy.replace(**more)
    except CorsPolicyError as error:
        return f" would be refused: {error.problems[0]}"
    return ""
