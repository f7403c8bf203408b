"""The arguments of `cors_group()`: checked, and brought into one form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from inspect import isfunction
from typing import Any, ParamSpec, TypeVar

from .decision.active_policy import ReportOnly
from .policy.aliases import policy_hint
from .policy.fields import Fields
from .policy.policy import CorsPolicy

Args = ParamSpec("Args")
Group = TypeVar("Group")


def policy_or_fields(function: Callable[Args, Group]) -> Callable[Args, Group]:
    """Return the function with a policy made of its fields: only here is known which of them were given.

    Raises:
        TypeError: a policy came together with fields.
    """

    @wraps(function)
    def with_policy(*args: Args.args, **options: Args.kwargs) -> Group:
        fields: Any = {name: options.pop(name) for name in Fields.__annotations__ if name in options}
        given = options.get("policy")
        if given is None:
            options["policy"] = CorsPolicy(**fields)
        elif fields:
            changes = ", ".join(f"{name}={value!r}" for name, value in fields.items())
            raise TypeError(
                f"cors_group() takes policy= or its fields, not both: {', '.join(fields)} came with policy=. "
                f"Meant: policy=policy.replace({changes})"
            )
        group: Any = function(*args, **options)
        if given is None and "allow_origins" not in fields:
            group.section.declares_origins = False
        return group  # type: ignore[no-any-return]  # the attribute of a group is known to CorsGroup alone

    return with_policy


def check_policy(where: str, given: object) -> CorsPolicy:
    """Return a policy.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(given, CorsPolicy):
        raise TypeError(f"{where} takes a CorsPolicy, not {given!r}{policy_hint(given)}")
    return given


def check_report_only(given: object) -> ReportOnly | None:
    """Return a report-only policy, or the function that makes it; None for none.

    Raises:
        TypeError: it is something else.
    """
    if given is None or callable(given):
        return given
    return check_policy("report_only=", given)


def check_member(item: object, kinds: tuple[type, ...]) -> Any:
    """Return a member of a group: a blueprint, or a group.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(item, kinds):
        meant = "; meant: policy=..." if isinstance(item, CorsPolicy) else ""
        if isfunction(item):
            meant = "; meant: the blueprint of its route"
        raise TypeError(f"cors_group() wraps blueprints and groups of them, not {item!r}{meant}")
    return item


def flatten(items: Iterable[Any]) -> Iterator[Any]:
    """Iterate over items, and over those of nested lists and tuples, as `Blueprint.group` does."""
    for item in items:
        if isinstance(item, list | tuple):
            yield from flatten(item)
        else:
            yield item
