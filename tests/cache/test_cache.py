"""Behind a shared cache that honours `Vary`: each client gets the headers that are right for it."""

from __future__ import annotations

from itertools import permutations

import pytest

from .conftest import A, B, Proxy

REFUSED = "https://refused.example"
ORDERS = list(permutations([A, B, REFUSED, None]))
LANGUAGES = ["en", "de"]

# What a section's answers carry, by section and origin
LIST: dict[str | None, dict[str, str]] = {
    origin: {"access-control-allow-origin": origin, "access-control-expose-headers": "x-total"}
    for origin in (A, B)
}
PRIVATE = {
    origin: {**headers, "access-control-allow-credentials": "true"} for origin, headers in LIST.items()
}
PER_ORIGIN = {"list": LIST, "private": PRIVATE}
STATIC = {"public": "*", "one": A}

CACHED = {"stays": 200, "moved": 307, "nowhere": 404, "error": 500}


def check_answers_per_origin(proxy: Proxy, section: str, path: str, status: int, *, kept: bool) -> None:
    """In every order, twice: what each origin may see, and one entry for each when it is `kept`."""
    for number, order in enumerate(ORDERS):
        for cache in ("MISS", "HIT" if kept else "MISS"):
            for origin in order:
                answer = proxy.get(f"{path}?order={number}", origin)
                assert answer.status == status
                assert answer.cors == PER_ORIGIN[section].get(origin, {})
                assert answer.vary == {"origin"}
                assert answer.cache == cache


def check_answers_alike(proxy: Proxy, section: str, path: str, status: int) -> None:
    """In every order, twice: the same answer to everyone, and one entry for all."""
    for number, order in enumerate(ORDERS):
        for asked, origin in enumerate(order * 2):
            answer = proxy.get(f"{path}?order={number}", origin)
            assert answer.status == status
            assert answer.cors == {"access-control-allow-origin": STATIC[section]}
            assert answer.vary == set()
            assert answer.cache == ("HIT" if asked else "MISS")


@pytest.mark.parametrize("path", CACHED)
@pytest.mark.parametrize("section", PER_ORIGIN)
def test_a_list_has_an_entry_for_each_origin(proxy: Proxy, section: str, path: str) -> None:
    check_answers_per_origin(proxy, section, f"/corsbp/{section}/{path}", CACHED[path], kept=True)


@pytest.mark.parametrize("section", PER_ORIGIN)
def test_a_list_is_right_for_each_origin_when_nothing_is_kept(proxy: Proxy, section: str) -> None:
    check_answers_per_origin(proxy, section, f"/corsbp/{section}/passes", 200, kept=False)


@pytest.mark.parametrize("path", CACHED)
@pytest.mark.parametrize("section", STATIC)
def test_a_static_policy_has_one_entry(proxy: Proxy, section: str, path: str) -> None:
    check_answers_alike(proxy, section, f"/corsbp/{section}/{path}", CACHED[path])


def test_a_list_and_a_handlers_own_vary(proxy: Proxy) -> None:
    for number, order in enumerate(ORDERS):
        for cache in ("MISS", "HIT"):
            for origin in order:
                for language in LANGUAGES:
                    answer = proxy.get(
                        f"/corsbp/list/speaks?order={number}", origin, accept_language=language
                    )
                    assert answer.body == language
                    assert answer.cors == LIST.get(origin, {})
                    assert answer.vary == {"accept-language", "origin"}
                    assert answer.cache == cache


def test_a_static_policy_and_a_handlers_own_vary(proxy: Proxy) -> None:
    for number, order in enumerate(ORDERS):
        for asked, origin in enumerate(order * 2):
            for language in LANGUAGES:
                answer = proxy.get(f"/corsbp/public/speaks?order={number}", origin, accept_language=language)
                assert answer.body == language
                assert answer.cors == {"access-control-allow-origin": "*"}
                assert answer.vary == {"accept-language"}
                assert answer.cache == ("HIT" if asked else "MISS")


def test_preflights_pass_the_cache_by(proxy: Proxy) -> None:
    for order in ORDERS:
        for origin in order:
            answer = proxy.get("/corsbp/list/stays", origin, "OPTIONS", access_control_request_method="PUT")
            assert answer.status == 204
            assert answer.cors.get("access-control-allow-origin") == (origin if origin in LIST else None)
            assert not answer.cache


@pytest.mark.parametrize("path", CACHED)
def test_control_without_vary_the_cache_mixes_origins_up(proxy: Proxy, path: str) -> None:
    """The checks can fail: an app that reflects every origin and says nothing about it fails them all."""
    with pytest.raises(AssertionError):
        check_answers_per_origin(proxy, "list", f"/everything/list/{path}", CACHED[path], kept=True)
    with pytest.raises(AssertionError):
        check_answers_alike(proxy, "public", f"/everything/public/{path}", CACHED[path])
    given = {
        proxy.get(f"/everything/list/{path}?mixed", origin).headers["access-control-allow-origin"]
        for origin in (A, B)
    }
    assert given == {A}, "the second origin gets the first one's header"
