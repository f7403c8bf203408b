"""A section: the blueprint that registers a group on an app, and the policy of the group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from types import EllipsisType
from typing import Any, Protocol
from weakref import WeakValueDictionary

from sanic import Blueprint
from sanic.blueprints import BlueprintGroup

from ..decision.active_policy import ActivePolicy, ReportOnly
from ..live.follower import OriginFollower
from ..live.options import FollowOptions, Source
from ..live.sources import check_same_options
from ..policy.fields import Entries, OriginFunction
from ..policy.policy import CorsPolicy
from ..policy.problems import Problem, find_calling_line, make_problem, warn
from ..policy.warning_ids import GROUP_FORGOTTEN, RECONFIGURE_FOLLOWED
from .routes import AnySanic, remove_listener

_numbers = count(1)
_sections: WeakValueDictionary[int, Section] = WeakValueDictionary()


class Hooks(Protocol):
    """The part of `AppHooks` that a section calls."""

    def check_conflicts(self, section: Section) -> None:
        """Raise a ValueError if a blueprint of the section is in another section, too."""

    def add_section(self, section: Section, options: dict[str, Any]) -> None:
        """Add a section, with the options of its registration."""

    def start_follower(self, follower: OriginFollower) -> None:
        """Start a follower with the app, and stop it with the app."""


class Section(Blueprint):
    """A blueprint without routes that stands for one `cors_group()`.

    The group yields it before its own blueprints. Sanic therefore registers it first, and it can tell the
    group which of them the app has already.
    """

    # Sanic gives each class of blueprints empty slots, unless it has its own.
    __slots__ = ("__dict__", "__weakref__")

    def __init__(
        self,
        members: BlueprintGroup,
        policy: CorsPolicy,
        report_only: ReportOnly | None,
        whole: AnySanic | None,
        hooks_of: Callable[[AnySanic], Hooks],
    ) -> None:
        number = next(_numbers)
        super().__init__(f"corsbp-{number}")
        self.members = members
        self.whole = whole
        """The app, where the section has every route that no other section has."""
        self.hooks_of = hooks_of
        self.active_policy: ActivePolicy = ActivePolicy(policy, self.label, report_only=report_only)
        self.declares_origins = True
        """Whether the user wrote `allow_origins=` or `policy=`; False for the default, every origin."""
        self.follower: OriginFollower | None = None
        self.made_at: str = find_calling_line()
        self.registered_before: dict[AnySanic, frozenset[Blueprint]] = {}
        """The blueprints that each app had already."""
        self.skipped: frozenset[Blueprint] = frozenset()
        """Those of the app that is registering this section now."""
        self.warned_reconfigured: bool = False
        self.warned_apps: set[str] = set()
        _sections[number] = self
        if whole is not None:
            whole.register_listener(self.warn_if_unregistered, "before_server_start")

    def label(self) -> str:
        """Return the section in words, for logs and errors."""
        names = ["app"] if self.whole else []
        names += [
            blueprint.name for blueprint, section in self.innermost_sections().items() if section is self
        ]
        more = f" and {len(names) - 3} more" if len(names) > 4 else ""
        return f"cors_group({', '.join(names[:3] if more else names)}{more})"

    def innermost_sections(self) -> dict[Blueprint, Section]:
        """Return the blueprints, however deep, each with the innermost section around it."""
        return dict(iterate_members(self.members, self))

    def follow(
        self, source: Source, options: FollowOptions, keep: Entries | OriginFunction | EllipsisType
    ) -> None:
        """Let the origins come from a source, in every app that has this section, or will have it.

        Raises:
            ValueError: the section follows a source already, or another section follows this one with other
                options.
        """
        if self.follower is not None:
            raise ValueError(f"{self.label()} follows {self.follower.source!r} already")
        self._check_follow(source, options, {*self.registered_before})
        self.follower = OriginFollower(self.active_policy, source, options, keep)
        for app in self.registered_before:
            self.hooks_of(app).start_follower(self.follower)

    def _check_follow(self, source: Source, options: FollowOptions, apps: set[AnySanic]) -> None:
        """Check that the sections of these apps, or those that are in no app yet, agree on a source."""
        others = []
        for section in existing_sections():
            shares_app = not apps.isdisjoint(section.registered_before)
            shares_app = shares_app or not (apps or section.registered_before)
            if section is not self and section.follower is not None and shares_app:
                others.append(section.follower)
        check_same_options(self.label(), source, options, others)

    def warn_reconfigured(self) -> None:
        """Warn once, if this section follows a source, that the next value replaces another policy."""
        if self.follower is not None and not self.warned_reconfigured:
            self.warned_reconfigured = True
            warn(make_problem(RECONFIGURE_FOLLOWED, "reconfigure()", self.label()))

    # --- registration ---

    def register(self, app: AnySanic, options: dict[str, Any]) -> None:
        """Register the section. Sanic calls this before it registers the group's own blueprints.

        Raises:
            ValueError: the group has another app's routes, is in conflict with another section, or would move
                a blueprint that the app has already.
        """
        if self.whole not in (None, app):
            raise ValueError(f"{self.label()} wraps {self.whole!r}, and cannot be registered on {app!r}")
        if self.follower is not None:
            self._check_follow(self.follower.source, self.follower.options, {app})
        hooks = self.hooks_of(app)
        hooks.check_conflicts(self)
        if app not in self.registered_before:
            self.registered_before[app] = self._find_registered(app, options)
        self.skipped = self.registered_before[app]
        hooks.add_section(self, options)
        super().register(app, options)  # type: ignore[no-untyped-call]  # Sanic's has no types
        for blueprint in self.innermost_sections():
            remove_listener(blueprint, self.warn_if_unregistered)
        if self.follower is not None:
            hooks.start_follower(self.follower)

    def _find_registered(self, app: AnySanic, options: dict[str, Any]) -> frozenset[Blueprint]:
        """Return the blueprints of the group that the app has already: they keep their registration."""
        own = [blueprint for blueprint, section in self.innermost_sections().items() if section is self]
        registered = [blueprint for blueprint in own if app.blueprints.get(blueprint.name) is blueprint]
        direct = frozenset(registered).intersection(self.members.blueprints)
        moved = (options.get("url_prefix") or "").strip("/") or options.get("version")
        for blueprint in registered:
            if moved or blueprint not in direct:
                why = f"cannot move it below {moved!r}" if moved else "has it in a group of its own"
                raise ValueError(
                    f"The blueprint {blueprint.name!r} is registered already, and {self.label()} {why}. "
                    f"Meant: cors_group({blueprint.name}), without url_prefix and version."
                )
        return direct

    def __deepcopy__(self, memo: object) -> Section:
        """Return the section itself: a copied blueprint has its listeners copied, and this is behind one."""
        return self

    # --- groups that were never registered ---

    def watch(self, member: Blueprint | BlueprintGroup) -> None:
        """Have a blueprint warn at the start of an app if this group was not registered there."""
        for blueprint, _ in iterate_members(member, self):
            if blueprint.registered:  # a listener of its own would register it anew, without its prefix
                for app in blueprint.apps:
                    app.register_listener(self.warn_if_unregistered, "before_server_start")
            else:
                blueprint.listener("before_server_start")(self.warn_if_unregistered)

    def warn_if_unregistered(self, app: AnySanic) -> None:
        """Warn, when an app starts, if it has what the group wraps, and the group is on no app.

        Each blueprint of the group calls this; the warning comes once.
        """
        problem = None if app.name in self.warned_apps else self.find_unregistered(app)
        if problem is not None:
            self.warned_apps.add(app.name)
            warn(problem)

    def find_unregistered(self, app: AnySanic) -> Problem | None:
        """Return the problem if the group is registered on no app, and this app has what it wraps."""
        if self.registered:
            return None
        members = self.innermost_sections()
        here = [repr(each.name) for each in members if app.blueprints.get(each.name) is each]
        if not here and self.whole is not app:
            return None
        names = f"the blueprint {' and '.join(here)} is" if here else "the app serves its routes"
        return make_problem(GROUP_FORGOTTEN, "cors_group", f"{self.label()} at {self.made_at}", members=names)


def iterate_members(member: Any, section: Section) -> Iterator[tuple[Blueprint, Section]]:
    """Iterate over a group, or a blueprint alone, with sections; the members of inner sections come last."""
    if isinstance(member, BlueprintGroup):
        section = getattr(member, "section", section)
        for each in sorted(member.blueprints, key=lambda each: isinstance(each, BlueprintGroup)):
            yield from iterate_members(each, section)
    else:
        yield member, section


def existing_sections() -> list[Section]:
    """Return all sections of the process, in the order in which they were made."""
    return list(_sections.values())


def unregistered_groups(app: AnySanic, blueprint: str | None = None) -> list[Problem]:
    """Return a problem for each group that has routes of the app, or this blueprint, and is on no app."""
    problems = []
    for section in existing_sections():
        names = {member.name for member in section.innermost_sections()}
        if blueprint is None or blueprint in names:
            problems.append(section.find_unregistered(app))
    return [problem for problem in problems if problem is not None]
