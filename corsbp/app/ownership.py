"""Who owns what: the innermost section around a blueprint, and the paths that have no route."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sanic import Blueprint
from sanic.blueprints import BlueprintGroup

from ..decision.compiled import ActivePolicy
from ..decision.prefix_tree import PrefixTree
from .routes import AnySanic, Prefix


class Owner:
    """A section, as far as it matters to routes."""

    active_policy: ActivePolicy
    members: BlueprintGroup
    whole: AnySanic | None
    """The app, where the section has all that no other section has."""

    def label(self) -> str:
        """The section in words, for logs and errors."""
        names = ["app"] if self.whole else []
        names += [blueprint.name for blueprint, owner in innermost_sections(self).items() if owner is self]
        more = f" and {len(names) - 3} more" if len(names) > 4 else ""
        return f"cors_group({', '.join(names[:3] if more else names)}{more})"


def innermost_sections(owner: Owner) -> dict[Blueprint, Owner]:
    """Each blueprint of a section, however deep, with the innermost section around it."""
    return dict(iterate_members(owner.members, owner))


def iterate_members(member: Any, owner: Owner) -> Iterator[tuple[Blueprint, Owner]]:
    """The same of a group, or of a blueprint alone, in a section; those of inner sections come last."""
    if isinstance(member, BlueprintGroup):
        owner = getattr(member, "section", owner)
        for each in sorted(member.blueprints, key=lambda each: isinstance(each, BlueprintGroup)):
            yield from iterate_members(each, owner)
    else:
        yield member, owner


def sections_of_blueprints(
    sections: Iterable[Owner],
    known: dict[Blueprint, Owner] | None = None,
    whole: Owner | None = None,
) -> tuple[dict[Blueprint, Owner], Owner | None]:
    """Whose each blueprint is, the innermost section's; and who has all the rest, if anybody.

    Args:
        known: whose blueprints are already; it is added to.
        whole: who has all the rest already.

    Raises:
        ValueError: two sections, neither inside the other, have the same blueprint, or the same app.
    """
    found = {} if known is None else known
    for section in sections:
        if section.whole is not None and whole not in (None, section):
            raise ValueError(
                f"The app is in two sections, {whole.label()} and {section.label()}, but can follow only one "
                "policy. Leave it out of one; a route can have its own policy: ctx_cors=CorsPolicy(...)."
            )
        whole = section if section.whole is not None else whole
        for blueprint, owner in innermost_sections(section).items():
            other = found.setdefault(blueprint, owner)
            if other is not owner:
                raise ValueError(
                    f"The blueprint {blueprint.name!r} is in two sections, {other.label()} and "
                    f"{owner.label()}, but can follow only one policy. Put a copy into one of them: "
                    f"{blueprint.name}.copy({blueprint.name + '_copy'!r}, url_prefix=...)."
                )
    return found, whole


def prefix_trees(
    owned: Iterable[tuple[Prefix, Owner | None]],
) -> Mapping[str | None, PrefixTree[ActivePolicy]]:
    """Whose the paths are that have no route, for each host that has prefixes; None for all others."""
    owned = list(owned)
    trees: dict[str | None, PrefixTree[ActivePolicy]] = {}
    for name in {None, *(host for (host, _), _ in owned)}:
        tree = trees[name] = PrefixTree[ActivePolicy]()
        for (host, prefix), owner in owned:
            if host in (None, name):
                tree.add(prefix, owner.active_policy if owner else None)
    return trees
