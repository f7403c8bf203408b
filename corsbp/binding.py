"""Pure: what each route is bound to, worked out from a table of routes and owners, without the app."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .decision import Follow
from .dialects import instead_of
from .policy import CorsPolicy

if TYPE_CHECKING:
    from sanic_routing.route import Route


class Owner(Protocol):
    """Who has routes: a section."""

    follow: Follow


class Bound(NamedTuple):
    """A route, the section that it is in, and what it follows; None where it is in none, or has no CORS."""

    route: Route
    owner: Any
    follow: Follow | None


def bind(paths: Iterable[Sequence[Route]], owner_of: Callable[[Route], Owner | None]) -> Iterator[Bound]:
    """What each route is bound to; `paths` has the routes of each path of the router.

    Raises:
        ValueError: a route's `ctx_cors` is neither a CorsPolicy nor False.
    """
    own: dict[tuple[int, int], Follow] = {}
    for routes in paths:
        for route in routes:
            like = made_for(route, routes)
            owner = None if is_automatic_options(route) else owner_of(like)
            policy: object = getattr(like.ctx, "cors", None)
            if not hasattr(like.ctx, "cors"):
                follow = owner.follow if owner else None
            elif policy is False:
                follow = None
            elif isinstance(policy, CorsPolicy):
                # By identity: hashing a thousand origins for each of a thousand routes would be felt.
                key = (id(policy), id(owner))
                if key not in own:
                    own[key] = (
                        Follow(policy, owner.follow.rules.label, owner.follow)
                        if owner
                        else Follow(policy, _label(like))
                    )
                follow = own[key]
            else:
                # No TypeError: Sanic takes that for a listener that wants more arguments.
                raise ValueError(
                    f"ctx_cors={policy!r} of the route {like.name!r} (/{like.path}) "
                    f"is neither a CorsPolicy nor False{instead_of(policy)}"
                )
            yield Bound(route, owner, follow)


def _label(route: Route) -> Callable[[], str]:
    return lambda: f"ctx_cors of {route.name}"


def made_for(route: Route, routes: Sequence[Route]) -> Route:
    """The route that this one was made for, if it is one of sanic-ext's automatic HEAD; else itself."""
    if getattr(route.handler, "__auto_handler__", False) and route.name.endswith("_head"):
        return next((other for other in routes if f"{other.name}_head" == route.name), route)
    return route


def is_automatic_options(route: Route) -> bool:
    """Whether a route is one of sanic-ext's automatic OPTIONS, which is nobody's."""
    return getattr(route.handler, "__auto_handler__", False) and route.name.endswith("_options")
