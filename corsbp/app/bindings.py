"""Pure: what each route is bound to, worked out from a table of routes and owners, without the app."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..decision.compiled import Follow
from ..policy.aliases import instead_of
from ..policy.policy import CorsPolicy

if TYPE_CHECKING:
    from sanic_routing.route import Route


class Bound(NamedTuple):
    """A route, what the section that it is in follows, and what it follows itself.

    None where it is in no section, or has no CORS.
    """

    route: Route
    section: Follow | None
    follow: Follow | None


def bind(paths: Iterable[Sequence[Route]], section_of: Callable[[Route], Follow | None]) -> Iterator[Bound]:
    """What each route is bound to; `paths` has the routes of each path of the router.

    Raises:
        ValueError: a route's `ctx_cors` is neither a CorsPolicy nor False.
    """
    own: dict[tuple[int, int], Follow] = {}
    for routes in paths:
        for route in routes:
            like = made_for(route, routes)
            section = None if is_automatic_options(route) else section_of(like)
            policy: object = getattr(like.ctx, "cors", None)
            if not hasattr(like.ctx, "cors"):
                follow = section
            elif policy is False:
                follow = None
            elif isinstance(policy, CorsPolicy):
                # By identity: hashing a thousand origins for each of a thousand routes would be felt.
                key = (id(policy), id(section))
                if key not in own:
                    own[key] = Follow(policy, section.rules.label if section else _label(like), section)
                follow = own[key]
            else:
                # No TypeError: Sanic takes that for a listener that wants more arguments.
                raise ValueError(
                    f"ctx_cors={policy!r} of the route {like.name!r} (/{like.path}) "
                    f"is neither a CorsPolicy nor False{instead_of(policy)}"
                )
            yield Bound(route, section, follow)


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
