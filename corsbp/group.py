"""The front door: `cors_group()` turns blueprints and a policy into a blueprint group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar, cast

from sanic import Blueprint, Sanic
from sanic.blueprints import BlueprintGroup

from .fields import DEFAULT_MAX_AGE, DEFAULT_ORIGIN_TIMEOUT, Names, OriginFunction, Star
from .policy import CorsPolicy
from .routing import AnySanic
from .section import Section

Value = TypeVar("Value")


class Default:
    """The default of an argument that was not given: help() shows the value, the call sees the difference."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


def _default(value: Value) -> Value:
    return cast(Value, Default(value))


class CorsGroup(BlueprintGroup):
    """A blueprint group whose routes, and nothing else of the app, have CORS: a section.

        section: CorsGroup = cors_group(v1)
        section.append(v2)
        app.blueprint(section)
        section.reconfigure(section.policy.replace(max_age=60))

    It nests in other groups, and takes `append`, `on_request`, `on_response`, `middleware` and `exception`
    as every `BlueprintGroup` does. Made by `cors_group`.

    Iterating it yields one more than its blueprints, first and without routes: that is how the section meets
    the app. `blueprints`, `len()` and indexing show just what was wrapped.
    """

    __slots__ = ("section",)

    def __init__(self, policy: CorsPolicy, whole: AnySanic | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.section = Section(self, policy, whole)

    @property
    def policy(self) -> CorsPolicy:
        """The policy that holds now: `group.policy.allow_origins`."""
        return self.section.policy

    def reconfigure(self, policy: CorsPolicy) -> None:
        """Follow another policy from the next answer on, in this process.

        Whole or not at all, in one step, however many routes there are. Sections inside this one and routes
        with a `ctx_cors` keep theirs. Other workers do not hear of it: where the allowed origins change
        while a fleet is running, give `allow_origins` a function and keep them in a database.

        Raises:
            TypeError: `policy` is no CorsPolicy.
        """
        if not isinstance(policy, CorsPolicy):
            raise TypeError(f"reconfigure() takes a CorsPolicy, not {policy!r}")
        self.section.reconfigure(policy)

    def __iter__(self) -> Iterator[Blueprint]:
        yield self.section
        # Where it is Sanic that iterates, to register what we yield, it has registered the section by now.
        kept = self.section.arrived()
        yield from (each for each in self.blueprints if each not in kept)

    def append(self, value: Blueprint | BlueprintGroup) -> None:
        """Add a blueprint, or a group, to the section."""
        super().append(cast(Blueprint, _checked(value)))
        self.section.watch(value)

    def insert(self, index: int, item: Blueprint | BlueprintGroup) -> None:
        """Add a blueprint, or a group, at a place."""
        super().insert(index, cast(Blueprint, _checked(item)))
        self.section.watch(item)


def cors_group(
    *blueprints: Blueprint | BlueprintGroup | AnySanic | Iterable[Blueprint | BlueprintGroup],
    policy: CorsPolicy | None = None,
    allow_origins: Star | Names | OriginFunction = _default("*"),
    allow_credentials: bool = _default(False),
    allow_methods: Star | Names = _default("*"),
    allow_headers: Star | Names = _default("*"),
    expose_headers: Star | Names = _default(()),
    max_age: int | timedelta | None = _default(DEFAULT_MAX_AGE),
    origin_timeout: float | timedelta = _default(DEFAULT_ORIGIN_TIMEOUT),
    check_websockets: bool = _default(True),
    dangerously_allow_insecure_origins: bool = _default(False),
    dangerously_allow_public_suffixes: bool = _default(False),
    url_prefix: str | None = None,
    version: int | str | float | None = None,
    strict_slashes: bool | None = None,
    version_prefix: str = "/v",
    name_prefix: str | None = "",
) -> CorsGroup:
    """Wrap blueprints into a group that gives CORS to just their routes.

        app.blueprint(cors_group(api_bp))                                   # any origin, no credentials
        app.blueprint(cors_group(v1, v2, allow_origins=["https://app.example"], allow_credentials=True))

    Args:
        *blueprints: blueprints and groups, other sections among them: the innermost section decides. The app
            itself stands for every route that no other section has. A blueprint that the app has already
            keeps its path.
        policy: a policy made before, instead of the fields that follow.
        allow_origins: see `CorsPolicy`, as for the other fields up to `dangerously_allow_public_suffixes`.
        url_prefix: as in `Blueprint.group`, like the four arguments after it.

    Returns:
        A `CorsGroup`, which is registered and nested like every `BlueprintGroup`.

    Raises:
        TypeError: no blueprint, something that is none, two apps, or `policy` together with fields.
        CorsPolicyError: the policy cannot work, or would be a hole; it lists everything that is wrong.
    """
    members = list(_flat(blueprints))
    if not members:
        raise TypeError("cors_group() needs at least one blueprint: cors_group(api_bp)")
    apps = list(dict.fromkeys(member for member in members if isinstance(member, Sanic)))
    if len(apps) > 1:
        raise TypeError(f"cors_group() wraps the routes of one app, not of {' and '.join(map(repr, apps))}")
    given = {
        "allow_origins": allow_origins,
        "allow_credentials": allow_credentials,
        "allow_methods": allow_methods,
        "allow_headers": allow_headers,
        "expose_headers": expose_headers,
        "max_age": max_age,
        "origin_timeout": origin_timeout,
        "check_websockets": check_websockets,
        "dangerously_allow_insecure_origins": dangerously_allow_insecure_origins,
        "dangerously_allow_public_suffixes": dangerously_allow_public_suffixes,
    }
    fields: dict[str, Any] = {name: value for name, value in given.items() if not isinstance(value, Default)}
    if policy is None:
        policy = CorsPolicy(**fields)
    elif fields:
        raise TypeError(
            f"cors_group() takes policy= or its fields, not both: {', '.join(fields)} came with policy=. "
            f"Meant: policy=policy.replace({', '.join(f'{n}={v!r}' for n, v in fields.items())})"
        )
    elif not isinstance(policy, CorsPolicy):
        raise TypeError(f"policy= takes a CorsPolicy, not {policy!r}")
    group = CorsGroup(
        policy,
        apps[0] if apps else None,
        url_prefix=url_prefix,
        version=version,
        strict_slashes=strict_slashes,
        version_prefix=version_prefix,
        name_prefix=name_prefix,
    )
    for member in members:
        if not isinstance(member, Sanic):
            group.append(member)
    return group


def _flat(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list | tuple):
            yield from _flat(item)
        else:
            yield item


def _checked(item: object) -> Blueprint | BlueprintGroup:
    if not isinstance(item, Blueprint | BlueprintGroup):
        meant = "; meant: policy=..." if isinstance(item, CorsPolicy) else ""
        raise TypeError(f"cors_group() wraps blueprints and groups of them, not {item!r}{meant}")
    return item
