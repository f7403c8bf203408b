"""Pure: what each route is bound to, worked out from a table of routes and owners, without the app."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..decision.active_policy import ActivePolicy
from ..policy.aliases import policy_hint
from ..policy.policy import CorsPolicy

if TYPE_CHECKING:
    from sanic_routing.route import Route


class RouteBinding(NamedTuple):
    """A route, the policy of the section that it is in, and its own policy in force.

    section: None if the route is in no section.
    active: None if it has no CORS.
    """

    route: Route
    section: ActivePolicy | None
    active: ActivePolicy | None


def bind_routes(
    paths: Iterable[Sequence[Route]], section_of: Callable[[Route], ActivePolicy | None]
) -> Iterator[RouteBinding]:
    """Iterate over routes with their policies; `paths` has the routes of each path of the router.

    Raises:
        ValueError: a route's `ctx_cors` is neither a CorsPolicy nor False.
    """
    own: dict[tuple[int, int], ActivePolicy] = {}
    for routes in paths:
        for route in routes:
            original = original_route(route, routes)
            section = None if is_automatic_options(route) else section_of(original)
            active = section
            if hasattr(original.ctx, "cors"):
                active = _own_policy(original, section, own)
            yield RouteBinding(route, section, active)


def _own_policy(
    route: Route, section: ActivePolicy | None, known: dict[tuple[int, int], ActivePolicy]
) -> ActivePolicy | None:
    """Return the policy that `ctx_cors` gives to a route; None for False.

    Raises:
        ValueError: it is neither a CorsPolicy nor False.
    """
    policy: object = route.ctx.cors
    if policy is False:
        return None
    if not isinstance(policy, CorsPolicy):
        # A TypeError would not do: Sanic takes it for a listener that wants more arguments.
        raise ValueError(  # noqa: TRY004
            f"ctx_cors={policy!r} of the route {route.name!r} (/{route.path}) "
            f"is neither a CorsPolicy nor False{policy_hint(policy)}"
        )
    # By identity: to hash a thousand origins for each of a thousand routes would take long.
    key = (id(policy), id(section))
    if key not in known:
        label = section.compiled.label if section else partial(_label, route.name)
        known[key] = ActivePolicy(policy, label, section)
    return known[key]


def _label(name: str) -> str:
    """Return the name of a policy of a route in no section, for logs."""
    return f"ctx_cors of {name}"


def original_route(route: Route, routes: Sequence[Route]) -> Route:
    """Return the route for which sanic-ext made an automatic HEAD; for any other, the route itself."""
    if _is_automatic(route, "_head"):
        return next((other for other in routes if f"{other.name}_head" == route.name), route)
    return route


def is_automatic_options(route: Route) -> bool:
    """Return whether a route is an automatic OPTIONS of sanic-ext, which is in no section."""
    return _is_automatic(route, "_options")


def _is_automatic(route: Route, ending: str) -> bool:
    """Return whether sanic-ext made a route; it marks its handlers, and appends this to their names."""
    return getattr(route.handler, "__auto_handler__", False) and route.name.endswith(ending)
