"""Pure: what each route is bound to, worked out from a table of routes and owners, without the app."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..decision.active_policy import ActivePolicy
from ..policy.aliases import policy_hint
from ..policy.policy import CorsPolicy

if TYPE_CHECKING:
    from sanic_routing.route import Route


class RouteBinding(NamedTuple):
    """A route, what the section that it is in follows, and what it follows itself.

    None where it is in no section, or has no CORS.
    """

    route: Route
    section: ActivePolicy | None
    active: ActivePolicy | None


def bind_routes(
    paths: Iterable[Sequence[Route]], section_of: Callable[[Route], ActivePolicy | None]
) -> Iterator[RouteBinding]:
    """What each route is bound to; `paths` has the routes of each path of the router.

    Raises:
        ValueError: a route's `ctx_cors` is neither a CorsPolicy nor False.
    """
    own: dict[tuple[int, int], ActivePolicy] = {}
    for routes in paths:
        for route in routes:
            like = original_route(route, routes)
            section = None if is_automatic_options(route) else section_of(like)
            policy: object = getattr(like.ctx, "cors", None)
            if not hasattr(like.ctx, "cors"):
                active = section
            elif policy is False:
                active = None
            elif isinstance(policy, CorsPolicy):
                # By identity: hashing a thousand origins for each of a thousand routes would be felt.
                key = (id(policy), id(section))
                if key not in own:
                    own[key] = ActivePolicy(
                        policy, section.compiled.label if section else _label(like), section
                    )
                active = own[key]
            else:
                # No TypeError: Sanic takes that for a listener that wants more arguments.
                raise ValueError(
                    f"ctx_cors={policy!r} of the route {like.name!r} (/{like.path}) "
                    f"is neither a CorsPolicy nor False{policy_hint(policy)}"
                )
            yield RouteBinding(route, section, active)


def _label(route: Route) -> Callable[[], str]:
    return lambda: f"ctx_cors of {route.name}"


def original_route(route: Route, routes: Sequence[Route]) -> Route:
    """The route that this one was made for, if it is one of sanic-ext's automatic HEAD; else itself."""
    if getattr(route.handler, "__auto_handler__", False) and route.name.endswith("_head"):
        return next((other for other in routes if f"{other.name}_head" == route.name), route)
    return route


def is_automatic_options(route: Route) -> bool:
    """Whether a route is one of sanic-ext's automatic OPTIONS, which is nobody's."""
    return getattr(route.handler, "__auto_handler__", False) and route.name.endswith("_options")
