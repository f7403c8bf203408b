"""The innermost section of each blueprint, and of each path that has no route."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sanic import Blueprint
from sanic.blueprints import BlueprintGroup
from sanic_routing.route import Route

from ..decision.active_policy import ActivePolicy
from ..decision.prefix_tree import PrefixTree
from .routes import AnySanic, Prefix, path_segments, prefix_segments
from .section import Section, iterate_members


def sections_of_blueprints(
    sections: Iterable[Section],
    known: dict[Blueprint, Section] | None = None,
    whole: Section | None = None,
) -> tuple[dict[Blueprint, Section], Section | None]:
    """Return the innermost section of each blueprint, and the section of all other routes, if there is one.

    Args:
        known: the sections of blueprints that are known already; it is added to.
        whole: the section that has all other routes already.

    Raises:
        ValueError: two sections, neither inside the other, have the same blueprint, or the same app.
    """
    found = {} if known is None else known
    for section in sections:
        if section.whole is not None:
            if whole not in (None, section):
                raise ValueError(
                    f"The app is in two sections, {whole.label()} and {section.label()}, but can follow only "
                    "one policy. Leave it out of one; a route can have its own policy: "
                    "ctx_cors=CorsPolicy(...)."
                )
            whole = section
        for blueprint, innermost in section.innermost_sections().items():
            other = found.setdefault(blueprint, innermost)
            if other is not innermost:
                raise ValueError(
                    f"The blueprint {blueprint.name!r} is in two sections, {other.label()} and "
                    f"{innermost.label()}, but can follow only one policy. Put a copy into one of them: "
                    f"{blueprint.name}.copy({blueprint.name + '_copy'!r}, url_prefix=...)."
                )
    return found, whole


def group_prefixes(
    app: AnySanic,
    section: Section,
    options: Mapping[str, Any],
    routes: Mapping[Blueprint, Iterable[Route]],
) -> Iterator[Prefix]:
    """Iterate over the prefixes that a section, and plain groups in it, put before their blueprints.

    Each prefix comes with the hosts of the routes that stand below it. It is worked out as Sanic does, and
    then compared with those routes: a prefix that no route has is not used.

    Args:
        options: those of the section's registration.
    """
    pending: list[tuple[BlueprintGroup, Mapping[str, Any]]] = [(section.members, options)]
    while pending:
        group, options = pending.pop()
        prefix = prefix_segments(app, options)
        blueprints = [each for each, innermost in iterate_members(group, section) if innermost is section]
        below = [route for each in blueprints for route in routes.get(each, ())]
        # The options hold what groups around the section put, too: that is not the section's (R8).
        if prefix and (group.url_prefix or group.version is not None):
            hosts = {
                route.requirements.get("host")
                for route in below
                if path_segments(route)[: len(prefix)] == prefix
            }
            yield from ((host, prefix) for host in hosts)
        inner = [each for each in group.blueprints if isinstance(each, BlueprintGroup)]
        plain = [each for each in inner if not hasattr(each, "section")]
        pending += [(each, _options_of_inner_group(each, options)) for each in plain]


def _options_of_inner_group(group: BlueprintGroup, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options with which Sanic registers the blueprints of a group inside a group."""
    prefixes = [str(options.get("url_prefix") or ""), str(group.url_prefix or "")]
    version_prefix = group.version_prefix
    return {
        "url_prefix": "/".join(prefix.strip("/") for prefix in prefixes),
        "version": group.version or options.get("version"),
        # "/v" is the default, for which Sanic takes the one of the group around
        "version_prefix": options.get("version_prefix") if version_prefix == "/v" else version_prefix,
    }


def prefix_trees(
    prefixes: Iterable[tuple[Prefix, Section | None]],
) -> Mapping[str | None, PrefixTree[ActivePolicy]]:
    """Return the policies of paths without a route: a tree for each host, and one, None, for other hosts."""
    prefixes = list(prefixes)
    trees: dict[str | None, PrefixTree[ActivePolicy]] = {}
    for name in {None, *(host for (host, _), _ in prefixes)}:
        tree = trees[name] = PrefixTree[ActivePolicy]()
        for (host, prefix), section in prefixes:
            if host in (None, name):
                tree.add(prefix, section.active_policy if section else None)
    return trees
