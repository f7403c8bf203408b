"""A section: the blueprint by which a group meets the app."""

from __future__ import annotations

from itertools import count
from types import EllipsisType
from typing import Any
from weakref import WeakValueDictionary

from sanic import Blueprint
from sanic.blueprints import BlueprintGroup

from ..decision.compiled import ActivePolicy
from ..live.follower import OriginFollower
from ..live.options import FollowOptions, Source
from ..live.sources import check_same_options
from ..policy.fields import Entries, OriginFunction
from ..policy.policy import CorsPolicy
from ..policy.problems import Problem, find_calling_line, make_problem, warn
from ..policy.warning_ids import RECONFIGURE_FOLLOWED
from .hooks import AppHooks
from .ownership import Owner, innermost_sections, iterate_members
from .routes import AnySanic, remove_listener

_numbers = count(1)
_made: WeakValueDictionary[int, Section] = WeakValueDictionary()


class Section(Owner, Blueprint):
    """Has no routes of its own, and knows whose policy holds.

    Its group yields it before its own blueprints. So Sanic hands it the app first, and it can tell the group
    which of them that app has already.
    """

    def __init__(
        self,
        members: BlueprintGroup,
        policy: CorsPolicy,
        report_only: CorsPolicy | None,
        whole: AnySanic | None,
    ) -> None:
        number = next(_numbers)
        super().__init__(f"corsbp-{number}")
        self.members = members
        self.whole = whole
        self.active_policy = ActivePolicy(policy, self.label, report_only=report_only)
        self.follower: OriginFollower | None = None
        self.made_at = find_calling_line()
        self.kept: dict[AnySanic, frozenset[Blueprint]] = {}
        self.arriving: frozenset[Blueprint] = frozenset()
        """What the app that has just registered this section had already."""
        self.warned_reconfigured = False
        self.told: set[str] = set()
        _made[number] = self
        if whole is not None:
            whole.register_listener(self.tell_if_forgotten, "before_server_start")

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
        self._check_follow(source, options, {*self.kept})
        self.follower = OriginFollower(self.active_policy, source, options, keep)
        for mount in filter(None, map(AppHooks.of, self.kept)):
            mount.start_follower(self.follower)

    def _check_follow(self, source: Source, options: FollowOptions, apps: set[AnySanic]) -> None:
        """Check that the sections of these apps, or those that are in no app yet, agree on a source."""
        others = []
        for section in existing_sections():
            shares_app = not apps.isdisjoint(section.kept) or not (apps or section.kept)
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
        """Called by Sanic before the group's own blueprints are registered.

        Raises:
            ValueError: the group has another app's routes, is in conflict with another section, or would move
                a blueprint that the app has already.
        """
        if self.whole not in (None, app):
            raise ValueError(f"{self.label()} wraps {self.whole!r}, and cannot be registered on {app!r}")
        if self.follower is not None:
            self._check_follow(self.follower.source, self.follower.options, {app})
        mount = AppHooks.of(app) or AppHooks(app)
        mount.admit(self)
        if app not in self.kept:
            self.kept[app] = self._kept(app, options)
        self.arriving = self.kept[app]
        mount.take(self, options)
        super().register(app, options)  # type: ignore[no-untyped-call]  # Sanic's has no types
        for blueprint in innermost_sections(self):
            remove_listener(blueprint, self.tell_if_forgotten)
        if self.follower is not None:
            mount.start_follower(self.follower)

    def _kept(self, app: AnySanic, options: dict[str, Any]) -> frozenset[Blueprint]:
        """The blueprints of the group that the app has already: their registration stays as it is."""
        mine = innermost_sections(self)
        has = [bp for bp, owner in mine.items() if owner is self and app.blueprints.get(bp.name) is bp]
        kept = frozenset(has).intersection(self.members.blueprints)
        for blueprint in has:
            moved = (options.get("url_prefix") or "").strip("/") or options.get("version")
            if moved or blueprint not in kept:
                why = f"cannot move it below {moved!r}" if moved else "has it in a group of its own"
                raise ValueError(
                    f"The blueprint {blueprint.name!r} is registered already, and {self.label()} {why}. "
                    f"Meant: cors_group({blueprint.name}), without url_prefix and version."
                )
        return kept

    def __deepcopy__(self, memo: object) -> Section:
        """Itself: whoever copies a blueprint copies its listeners, and with them whom they belong to."""
        return self

    # --- what was forgotten ---

    def watch(self, member: Blueprint | BlueprintGroup) -> None:
        """Have a blueprint say, when an app starts with it, whether this group was forgotten."""
        for blueprint, _ in iterate_members(member, self):
            if blueprint.registered:  # a listener of its own would register it anew, without its prefix
                for app in blueprint.apps:
                    app.register_listener(self.tell_if_forgotten, "before_server_start")
            else:
                blueprint.listener("before_server_start")(self.tell_if_forgotten)

    def tell_if_forgotten(self, app: AnySanic) -> None:
        """At an app's start: warn if this group was registered nowhere, but what it wraps is here.

        Once, though each of its blueprints has this listener.
        """
        problem = None if app.name in self.told else self.forgotten(app)
        if problem is not None:
            self.told.add(app.name)
            warn(problem)

    def forgotten(self, app: AnySanic) -> Problem | None:
        """What is wrong if this group was registered on no app, but what it wraps is on this one."""
        if self.registered:
            return None
        here = [repr(bp.name) for bp in innermost_sections(self) if app.blueprints.get(bp.name) is bp]
        if not here and self.whole is not app:
            return None
        names = f"the blueprint {' and '.join(here)} is" if here else "the app serves its routes"
        message = f"is registered on no app, but {names}: app.blueprint(cors_group(...)) registers it"
        return Problem("group-forgotten", "cors_group", f"{self.label()} at {self.made_at}", message)


def existing_sections() -> list[Section]:
    """The sections that there are, in the order in which they were made."""
    return list(_made.values())


def unregistered_groups(app: AnySanic, blueprint: str | None = None) -> list[Problem]:
    """The groups that were made for this app, or around this blueprint of it, and never registered."""
    around = (
        each
        for each in existing_sections()
        if blueprint is None or blueprint in {bp.name for bp in innermost_sections(each)}
    )
    found = (each.forgotten(app) for each in around)
    return [problem for problem in found if problem is not None]
