"""A short run of the fuzzer: random cases, cases that once found a fault, and the work for a request."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corsbp import CorsPolicy, CorsPolicyError, CorsPolicyWarning
from corsbp.policy.origin_diagnosis import origin_problems
from corsbp.spec.fetch import parse_requested_headers
from corsbp.spec.origins import is_origin
from corsbp.spec.wildcards import OriginSet

from .__main__ import main
from .cases import Case, Maker
from .meter import Meter
from .oracle import OUTSIDE, acceptable, granted, requested, valid_entry
from .world import BrokenError, World

pytestmark = pytest.mark.no_cover
CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())

chance = st.randoms(use_true_random=False)
SPLITS = st.lists(st.integers(0, 400))
quickly = settings(max_examples=150, deadline=None, print_blob=True)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@quickly
@given(random=chance)
def test_random_requests_break_no_invariant(world: World, random: Random) -> None:
    world.judge(Maker(random).case())


@quickly
@given(random=chance, raw=st.binary(max_size=200), place=st.integers(0, 200), splits=SPLITS)
def test_random_bytes_in_a_request_break_no_invariant(
    world: World, random: Random, raw: bytes, place: int, splits: list[int]
) -> None:
    whole = Maker(random).request()
    world.judge(Case(whole[:place] + raw + whole[place:], None, tuple(splits), early=len(splits) % 2 == 0))


def test_random_requests_are_of_every_kind(world: World) -> None:
    """Otherwise, invariants that are never broken would say little."""
    maker = Maker(Random(2))
    kinds: Counter[str] = Counter()
    for _ in range(400):
        for verdict in world.judge(maker.case()):
            grants = " granted" if verdict.headers else ""
            kinds[f"{verdict.kind}{grants}"] += 1
    both = {f"{kind}{granted}" for kind in ("ordinary", "plain", "preflight") for granted in ("", " granted")}
    assert both | {"outside", "server"} <= set(kinds), kinds
    assert world.notes.explanations > 10, "nothing to judge in the log"


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_kept_cases_break_no_invariant(world: World, path: Path) -> None:
    """Each of them once found a fault, or shows a behaviour of Sanic."""
    case = Case.from_bytes(path.read_bytes())
    assert Case.from_bytes(case.to_bytes()) == case
    world.judge(case)


# --- policies and origins, without an app ---

SCHEMES = ["https://", "http://", "x-1.2://", "wss://", "Http://", "://", "1a://", "s" * 32 + "://", "http:/"]
WILDCARDS = ["", "*.", "*", "a."]
HOSTS = [
    *("localhost", "app.localhost", "example.com", "a_b.-", "", "a..b", "é", "a b", "a/", "x" * 63, "x" * 64),
    *("127.0.0.1", "127.1", "1.2.3.256", "0x1", "0xg", "a.1", ".".join(["x" * 63] * 4)[:253], "a.\n"),
    *("[::1]", "[::0]", "[::ffff:1.2.3.4]", "[::ffff:102:304]", "[::1%a]", "[v1.a]", "[::1", "[2001:db8::1]"),
]
PORTS = ["", ":*", ":1", ":443", ":80", ":0", ":65535", ":65536", ":", ":01", ":a", ":٣", "/", "\n", ":1*"]
PARTS = (SCHEMES, WILDCARDS, HOSTS, PORTS)
ENTRY = st.tuples(*map(st.sampled_from, PARTS)).map("".join)


def test_every_entry_of_these_parts_is_valid_or_refused_as_by_the_oracle() -> None:
    entries = list(map("".join, product(*PARTS)))
    taken = [entry for entry in entries if not origin_problems(entry, patterns=True)]
    assert taken == [entry for entry in entries if valid_entry(entry)]
    assert 100 < len(taken) < len(entries) / 2


@quickly
@given(entries=st.lists(ENTRY, max_size=3), credentials=st.booleans(), insecure=st.booleans())
def test_policies_are_made_or_refused_as_by_the_oracle(
    entries: list[str], credentials: bool, insecure: bool
) -> None:
    fields: dict[str, Any] = {
        "allow_origins": entries,
        "allow_credentials": credentials,
        "dangerously_allow_insecure_origins": insecure,
        "dangerously_allow_public_suffixes": True,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorsPolicyWarning)
        with nullcontext() if acceptable(fields) else pytest.raises(CorsPolicyError):
            CorsPolicy(**fields)


@settings(quickly, max_examples=300)
@given(random=chance, others=st.lists(ENTRY, max_size=5))
def test_origins_are_allowed_as_by_the_oracle(random: Random, others: list[str]) -> None:
    maker = Maker(random)
    entries = [maker.entry(), *maker.some(maker.entry, 3), "https://two.example"]
    origins = OriginSet(entries)
    for origin in [maker.origin(), maker.origin(), *others]:
        allowed = origin in origins.exact or origins.match(origin)
        assert allowed is (granted({"allow_origins": entries}, [origin]) is not None), (entries, origin)
        assert is_origin(origin) is (valid_entry(origin) and "*" not in origin), origin


@settings(quickly, max_examples=300)
@given(
    lines=st.lists(st.text(st.sampled_from("aZ9-_,, \t\x00é:;"), max_size=12), max_size=3),
    more=st.integers(0, 129),
)
def test_requested_names_are_read_as_by_the_oracle(lines: list[str], more: int) -> None:
    lines = [*lines, "," * more]
    assert (parse_requested_headers(lines) or "") == requested(lines)


# --- work: instructions, not seconds ---

GROWS: dict[str, Callable[[int], bytes]] = {
    "a long label": lambda size: b"Origin: https://" + b"a" * size + b".tenants.example",
    "many labels": lambda size: b"Origin: https://" + b"a." * (size // 2) + b"tenants.example",
    "many colons": lambda size: b"Origin: http://localhost" + b":" * size,
    "many schemes": lambda size: b"Origin: " + b"http://" * (size // 7),
    "many digits": lambda size: b"Origin: http://localhost:" + b"1" * size,
    "many origins": lambda size: b"\r\n".join([b"Origin: https://app.example"] * (size // 29)),
    "a long method": lambda size: b"Access-Control-Request-Method: " + b"A" * size,
    "many methods": lambda size: b"\r\n".join([b"Access-Control-Request-Method: GET"] * (size // 36)),
    "a long name": lambda size: b"Access-Control-Request-Headers: " + b"x" * size,
    "many names": lambda size: b"Access-Control-Request-Headers: " + b"x," * (size // 2),
    "some long names": lambda size: (
        b"Access-Control-Request-Headers: " + b",".join([b"x" * (size // 60)] * 60)
    ),
    "many spaces": lambda size: b"Access-Control-Request-Headers: x" + b" " * size + b"y",
    "many lines of names": lambda size: b"\r\n".join([b"Access-Control-Request-Headers: x"] * (size // 35)),
    "other headers": lambda size: b"\r\n".join([b"x: y"] * (size // 6)),
}
PATHS: dict[str, Callable[[int], str]] = {
    "a short path": lambda _: "/patterns/item",
    "an unknown path": lambda _: "/patterns/none",
    "an outer path of an inner prefix": lambda size: "/list/inner" * (size // 11),
    "many segments": lambda size: "/t" + "/a" * (size // 2),
    "a long segment": lambda size: "/n/" + "7" * size,
}


def instructions(world: World, method: str, path: str, lines: bytes) -> int:
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n".encode()
    if lines.startswith(b"Origin"):
        head = head.replace(b"Origin: https://app.example\r\n", b"")
    if method == "OPTIONS" and not lines.startswith(b"Access-Control-Request-Method"):
        head += b"Access-Control-Request-Method: GET\r\n"
    meter = Meter()
    verdicts = world.judge(Case(head + lines + b"\r\n\r\n"), meter)
    assert verdicts, "no answer"
    return meter.count


def test_the_meter_counts_alike_every_time(world: World) -> None:
    _, second, third = (instructions(world, "GET", "/patterns/item", b"x: y") for _ in range(3))
    assert 100 < second == third


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("grows", GROWS)
def test_work_is_linear_in_the_length_of_headers(world: World, grows: str, method: str) -> None:
    make = GROWS[grows]
    small, large = (instructions(world, method, "/patterns/item", make(size)) for size in (3500, 7000))
    assert min(small, large) > 100, "it did not get to corsbp"
    assert large <= 2.2 * small, (small, large)


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
def test_work_is_linear_in_the_length_of_paths(world: World, path: str, method: str) -> None:
    make = PATHS[path]
    small, large = (instructions(world, method, make(size), b"x: y") for size in (3000, 6000))
    assert min(small, large) > 100, "it did not get to corsbp"
    assert large <= 2.2 * small, (small, large)


def test_work_is_bounded_beyond_the_limits_of_a_server() -> None:
    """Other servers have other limits: origins and names are read only up to limits of corsbp."""
    origins = OriginSet(["https://*.tenants.example", "https://*.b:*"])

    def work(size: int) -> int:
        with Meter() as meter:
            for text in (
                "a" * size,
                "a." * size,
                "http://" * size,
                "https://" + "a" * size + ".tenants.example",
            ):
                assert not origins.match(text)
                assert not is_origin(text)
                assert parse_requested_headers([f"{text} {text}"] * 2) is None
        return meter.count

    small, large = work(10_000), work(200_000)
    assert 0 < large <= small


# --- the fuzzer itself ---


def test_the_judge_finds_faults_that_are_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that accepts everything would make all other tests pass."""
    case = Case(b"GET /list/item HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\n\r\n")
    world.judge(case)
    monkeypatch.setitem(
        world.fields, "list", {"allow_origins": ["https://evil.example", "https://b.example"]}
    )
    with pytest.raises(BrokenError, match=r"^missing: .*\n.*https://evil\.example") as raised:
        world.judge(case)
    assert raised.value.invariant == "missing"


def test_the_campaign_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    monkeypatch.setattr(sys, "argv", ["python -m tests.fuzz", "--minutes", "1"])
    assert main() == 2
    assert capsys.readouterr() == ("", "atheris is not installed: pip install '.[test,fuzz]'\n")


def test_a_finding_can_be_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no case").write_bytes(b"{}\nGET / HTTP/1.1")
    (tmp_path / "case").write_bytes(Case(b"GET /list/item HTTP/1.1\r\n\r\n").to_bytes())
    monkeypatch.setattr(sys, "argv", ["python -m tests.fuzz", "--replay", str(tmp_path)])
    assert (main(), capsys.readouterr().out) == (0, "2 files, 0 findings\n")
    monkeypatch.setattr("tests.fuzz.world.expected", lambda *_: OUTSIDE)
    assert main() == 1
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'case'}\noutside: differs")
