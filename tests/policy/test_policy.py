"""Policies as objects: frozen, compared, copied, pickled, printed, replaced; and the origins they allow."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import inspect
import pickle
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from corsbp import CorsPolicy
from corsbp.policy.policy import with_origins
from corsbp.policy.problems import CorsPolicyError
from corsbp.spec.wildcards import OriginSet

from ..cases import EVIL, ONE, SUB, TWO

APP = "https://app.example"


def f(origin: str, request: object) -> bool:
    return bool(origin and request)


def g(origin: str, request: object) -> bool:
    return f(origin, request)


def by_name(origin: str, request: object) -> bool:
    return bool(origin and request)


async def asynchronously(origin: str, request: object) -> bool:
    return by_name(origin, request)


class Tenants:
    def __call__(self, origin: str, request: object, more: int = 0) -> bool:
        return by_name(origin, request)

    def allows(self, origin: str, request: object) -> bool:
        return by_name(origin, request)


@pytest.mark.parametrize(
    "function",
    [
        by_name,
        asynchronously,
        lambda *args: True,
        Tenants(),
        Tenants().allows,
        partial(by_name),
        type("NoSignature", (), {"__call__": lambda *args: True, "__signature__": "none"})(),
    ],
)
def test_origin_functions(function: Callable[..., Any]) -> None:
    policy = CorsPolicy(allow_origins=function, allow_credentials=True)
    answer = function(APP, object())
    assert asyncio.run(answer) if inspect.iscoroutine(answer) else answer
    assert policy.allow_origins is function
    assert policy == CorsPolicy(allow_origins=function, allow_credentials=True)
    assert policy != CorsPolicy(allow_origins=Tenants(), allow_credentials=True)


def test_a_policy_cannot_be_changed() -> None:
    policy = CorsPolicy()
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.max_age = 1  # type: ignore[misc]  # frozen: it raises
    with pytest.raises(dataclasses.FrozenInstanceError):
        del policy.max_age
    # an attribute that no policy has: slots refuse it in Python 3.10 with a TypeError, from 3.15 on with this
    with pytest.raises((AttributeError, TypeError)):
        policy.allow_orgins = "*"  # type: ignore[attr-defined]  # wrong on purpose


def test_policies_are_equal_by_value() -> None:
    one = CorsPolicy(allow_origins=[APP], allow_headers=["X-B", "x-a"], max_age=timedelta(minutes=1))
    same = CorsPolicy(allow_origins=(APP, APP), allow_headers={"x-a", "X-b"}, max_age=60)
    assert one == same
    assert hash(one) == hash(same)
    assert len({one, same, CorsPolicy(), CorsPolicy(max_age=601), CorsPolicy(check_websockets=False)}) == 4


def test_copies_are_the_policy_itself_and_pickles_equal_it() -> None:
    policy = CorsPolicy(allow_origins=[APP, "https://*.example.com"], max_age=None)
    assert copy.copy(policy) is policy
    assert copy.deepcopy([policy])[0] is policy
    loaded = pickle.loads(pickle.dumps(policy))
    assert loaded == policy
    assert loaded.allows("https://a.example.com")
    assert pickle.loads(pickle.dumps(CorsPolicy(allow_origins=by_name))).allow_origins is by_name


def test_the_repr_shows_what_is_not_the_default_and_makes_the_policy_again() -> None:
    assert repr(CorsPolicy(max_age=600)) == "CorsPolicy()"
    policy = CorsPolicy(allow_origins=[APP], allow_credentials=True, expose_headers=["ETag"], max_age=0)
    assert repr(policy) == (
        "CorsPolicy(allow_origins=('https://app.example',), allow_credentials=True,"
        " expose_headers=('etag',), max_age=0)"
    )
    assert eval(repr(policy)) == policy


def test_the_repr_has_names_of_functions() -> None:
    assert repr(CorsPolicy(allow_origins=by_name)) == "CorsPolicy(allow_origins=by_name)"
    policy = CorsPolicy(allow_origins=[APP, by_name])
    assert repr(policy) == "CorsPolicy(allow_origins=('https://app.example', by_name))"
    assert eval(repr(policy)) == policy


def test_replace_makes_a_new_policy_that_is_checked() -> None:
    policy = CorsPolicy(allow_origins=[APP], allow_credentials=True)
    assert policy.replace(max_age=5) == CorsPolicy(allow_origins=[APP], allow_credentials=True, max_age=5)
    assert policy.max_age == 600
    with pytest.raises(CorsPolicyError, match="credentials-any-origin"):
        policy.replace(allow_origins="*")
    with pytest.raises(TypeError, match="allow_orgins"):
        policy.replace(allow_orgins="*")  # type: ignore[call-arg]  # wrong on purpose


def test_every_field_is_an_attribute_and_documented() -> None:
    declared = inspect.signature(CorsPolicy).parameters
    fields = dataclasses.fields(CorsPolicy)
    assert [field.name for field in fields] == [*declared, "_named", "_functions"]
    assert [field.name for field in fields if field.init] == [*declared]
    assert {parameter.kind for parameter in declared.values()} == {inspect.Parameter.KEYWORD_ONLY}
    text = inspect.getdoc(CorsPolicy) or ""
    assert [name for name in declared if not re.search(rf"^(\w+, )*{name}[:,]", text, re.M)] == []


@pytest.mark.parametrize(
    ("declared", "held"),
    [
        ([f, ONE, g, TWO], (f, ONE, g, TWO)),
        ((f, f, ONE, f), (f, ONE)),
        ({g, TWO, f, ONE}, (ONE, TWO, f, g)),
        (frozenset({g, f}), (f, g)),
        ([f], f),
        ({f}, f),
        (f, f),
    ],
)
def test_entries_and_functions_of_a_policy(declared: Any, held: object) -> None:
    policy = CorsPolicy(allow_origins=declared)
    assert policy.allow_origins == held
    assert policy.replace() == policy == CorsPolicy(allow_origins=held)
    assert hash(policy) == hash(CorsPolicy(allow_origins=held))


# --- asking the policy ---


@pytest.mark.parametrize(
    ("declared", "origin", "expected"),
    [
        ("*", EVIL, True),
        ("*", "null", True),
        ("*", "anything", True),
        ([ONE], ONE, True),
        ([ONE], EVIL, False),
        ([ONE], ONE.upper(), False),
        ([ONE], "null", False),
        (["https://*.tenants.example", "http://localhost:*"], SUB, True),
        (["https://*.tenants.example", "http://localhost:*"], "http://localhost:3000", True),
        (["https://*.tenants.example"], "https://tenants.example", False),
        (["https://*.tenants.example"], "https://*.tenants.example", False),
        (["file://", "app://."], "file://", True),
        ([ONE, f], ONE, True),
        ([ONE, f], "null", False),
        ([ONE, f], EVIL, TypeError),
        (f, ONE, TypeError),
        (f, "https://app.example/", False),
        ([ONE], None, TypeError),
        ("*", None, TypeError),
        ([ONE], ONE.encode(), TypeError),
    ],
)
def test_allows(declared: Any, origin: Any, expected: Any) -> None:
    policy = CorsPolicy(allow_origins=declared)
    if expected is TypeError:
        with pytest.raises(TypeError, match=r"group\.allows\(request\)|takes an origin"):
            policy.allows(origin)
    else:
        assert policy.allows(origin) is expected


def test_no_other_public_attribute_decides_about_origins() -> None:
    """`policy.origins.match` once returned False for an exact entry."""
    policy = CorsPolicy(allow_origins=[ONE])
    public = [name for name in dir(policy) if name[0] != "_"]
    assert [name for name in public if callable(getattr(policy, name))] == ["allows", "replace"]
    assert not hasattr(policy, "origins")


def test_functions_in_a_set_come_last() -> None:
    declared: set[Any] = {by_name, TWO, asynchronously, ONE}
    assert CorsPolicy(allow_origins=declared).allow_origins == (*sorted([ONE, TWO]), asynchronously, by_name)


def test_origins_of_a_store_replace_the_declared_ones() -> None:
    policy = CorsPolicy(allow_origins=[ONE], max_age=5)
    other = with_origins(policy, (TWO,), OriginSet([TWO]), ())
    assert other == policy.replace(allow_origins=[TWO])
    assert other.allows(TWO) and not other.allows(ONE)
    assert with_origins(policy, (), OriginSet(()), ()).allow_origins == ()  # a store can be empty


def test_replace_keeps_origins_without_another_check() -> None:
    """Of a store, they may be many, or none. What they depend on has them checked again."""
    policy = CorsPolicy(allow_origins=["http://intranet.example", "https://*.github.io", f], max_age=5)
    other = policy.replace(allow_methods=["GET"])
    assert other == CorsPolicy(allow_origins=policy.allow_origins, max_age=5, allow_methods=["GET"])
    assert other.allow_origins is policy.allow_origins
    assert [other.allows(each) for each in ("http://intranet.example", "https://a.github.io")] == [True, True]
    empty = with_origins(policy, (), OriginSet(()), ())
    assert empty.replace(max_age=7) == with_origins(policy.replace(max_age=7), (), OriginSet(()), ())
    for changes in ({"allow_credentials": True}, {"allow_origins": ["x"]}):
        with pytest.raises(CorsPolicyError):
            policy.replace(**changes)
    with pytest.raises(CorsPolicyError, match="max-age-range"):
        empty.replace(max_age=-1)


def test_functions_that_cannot_be_hashed() -> None:
    class Unhashable:
        __hash__: Any = None

        def __call__(self, origin: str, request: object) -> bool:
            return f(origin, request)

    one, two = Unhashable(), Unhashable()
    assert CorsPolicy(allow_origins=[one, ONE, two, one]).allow_origins == (one, ONE, two)
