"""A user's file with right uses of every public name and field. Checked by mypy and pyright, and run."""

from __future__ import annotations

import asyncio
import dataclasses
import time
import warnings
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import TypeAlias

from sanic import Blueprint, Config, Forbidden, Request, Sanic, text
from sanic.blueprints import BlueprintGroup
from sanic.response import HTTPResponse

from corsbp import (
    CorsGroup,
    CorsPolicy,
    CorsPolicyError,
    CorsPolicyWarning,
    Difference,
    Differences,
    Live,
    OriginFunction,
    Problem,
    Refusal,
    Source,
    cors_group,
    origin_problems,
)
from corsbp.testing import (
    STOPS,
    Answer,
    Browser,
    Grant,
    Result,
    Sent,
    Step,
    SyncBrowser,
    assert_policy,
    attack,
)

app = Sanic("right")
first, second, third, fourth, fifth = (Blueprint(f"bp{n}", url_prefix=f"/{n}") for n in range(5))


async def asks(origin: str, request: Request) -> bool:
    return origin in {"https://app.example", f"https://{request.host}"}


def knows(origin: str, _: Request) -> bool:
    return origin.endswith(".example")


class ShopConfig(Config):
    """The configuration of the app, as in `Sanic("shop", config=ShopConfig())`."""


class ShopContext:
    partners: frozenset[str] = frozenset()


class SessionContext(SimpleNamespace):
    partner: str


Shop: TypeAlias = "Sanic[ShopConfig, ShopContext]"


def is_partner(origin: str, request: Request[Shop, SimpleNamespace]) -> bool:
    return origin in request.app.ctx.partners


async def is_partner_of_session(origin: str, request: Request[Shop, SessionContext]) -> bool:
    return request.ctx.partner == origin


def make_function(name: str) -> OriginFunction:
    return is_partner if name == "partner" else lambda origin, request: request.app.name == origin


functions: list[OriginFunction] = [asks, knows, is_partner, is_partner_of_session, make_function("partner")]
optional: OriginFunction | None = None

partners = CorsPolicy(
    allow_origins=["https://app.example", "https://*.partner.example", "http://localhost:*"],
    allow_credentials=True,
    allow_methods=("GET", "PUT"),
    allow_headers={"x-token"},
    expose_headers=frozenset({"x-total"}),
    max_age=timedelta(hours=1),
    origin_timeout=timedelta(seconds=1),
    check_websockets=True,
    check_requests="writes",
    dangerously_allow_insecure_origins=False,
    dangerously_allow_public_suffixes=False,
)
public = CorsPolicy()
by_function: list[CorsPolicy] = [
    CorsPolicy(allow_origins=asks),
    CorsPolicy(allow_origins=knows, max_age=None),
    CorsPolicy(allow_origins=lambda origin, request: request.ip == origin),
    CorsPolicy(allow_origins=["https://app.example", knows, asks]),
    CorsPolicy(allow_origins=("https://app.example", lambda origin, request: request.ip == origin)),
    CorsPolicy(allow_origins={"https://app.example", knows}),
    CorsPolicy(allow_origins=[asks]),
    CorsPolicy(allow_origins=is_partner),
    CorsPolicy(allow_origins=["https://app.example", is_partner, is_partner_of_session]),
    CorsPolicy(allow_origins=functions),
    CorsPolicy(allow_origins=make_function("partner")),
    CorsPolicy(allow_origins="*", allow_methods="*", allow_headers="*", expose_headers="*", max_age=0),
    CorsPolicy(allow_origins=dict.fromkeys(["https://app.example"]).keys()),
    CorsPolicy(allow_origins={"partner": "https://app.example"}.values(), allow_headers=deque(["x-token"])),
]
shorter: CorsPolicy = partners.replace(max_age=60, allow_credentials=False)
allowed: bool = partners.allows("https://app.example")
again_checked: CorsPolicy = dataclasses.replace(partners, max_age=60)
seen: set[CorsPolicy] = {partners, public, shorter}

credentials: bool = partners.allow_credentials and partners.check_websockets
dangers: bool = partners.dangerously_allow_insecure_origins or partners.dangerously_allow_public_suffixes
seconds: int | None = partners.max_age
patience: float = partners.origin_timeout
for names in (partners.allow_methods, partners.allow_headers, partners.expose_headers):
    listed: str | tuple[str, ...] = names
if isinstance(partners.allow_origins, tuple):
    origins: list[str] = [entry for entry in partners.allow_origins if isinstance(entry, str)]


async def may_read(request: Request) -> bool:
    return await group.allows(request)


async def guard(request: Request[Shop, SimpleNamespace]) -> None:
    if not await group.allows(request):
        raise Forbidden("This page may not change anything")


async def handler(_: Request) -> HTTPResponse:
    return text("")


@first.get("/feed", ctx_cors=public)
async def feed(_: Request) -> HTTPResponse:
    return text("")


first.add_route(handler, "/internal", ctx_cors=False)
for blueprint in (second, third, fourth, fifth):
    blueprint.add_route(handler, "/")
inner: CorsGroup = cors_group(first, policy=partners)
group = cors_group(
    inner,
    [second, Blueprint.group(third)],
    allow_origins=["https://app.example"],
    allow_credentials=True,
    allow_methods="*",
    allow_headers=["authorization"],
    expose_headers=["x-total"],
    max_age=60,
    origin_timeout=2,
    check_websockets=True,
    check_requests="writes",
    dangerously_allow_insecure_origins=True,
    dangerously_allow_public_suffixes=True,
    url_prefix="/api",
    version=1,
    strict_slashes=False,
    version_prefix="/v",
    name_prefix="",
)


@app.signal("corsbp.page.refused")
async def count(request: Request, section: str, refusal: Refusal, report_only: bool) -> None:
    counted: tuple[str, object, str, str, int] = refusal
    assert refusal.times and counted and request and section and not report_only


group.append(fourth)
group.insert(0, Blueprint.group(fifth))
nested: BlueprintGroup = Blueprint.group(group, url_prefix="/shop")
app.blueprint(nested)
group.reconfigure(group.policy.replace(max_age=None))


async def stored(_: Shop) -> AsyncIterator[list[str]]:
    yield ["https://app.example"]


source: Source = stored
followed: CorsGroup = cors_group(Blueprint("followed"), allow_origins=["https://app.example"])
followed.follow(source)
live: Live | None = followed.live
if live is not None:
    age: tuple[float | None, int, str | None] = live.age, live.origins, live.error
tried: CorsGroup = cors_group(Blueprint("tried"), policy=CorsPolicy(), report_only=CorsPolicy(max_age=60))
with_report_only: CorsPolicy | None = tried.report_only
differences: Differences = tried.differences()
kinds: set[str] = {difference.kind for difference in differences}
most: tuple[Difference, ...] = differences[:1]
numbers: int = sum(each.count for each in most) + differences.rest
tried.reconfigure(tried.policy, report_only=None)
tried.reconfigure(tried.policy, report_only=lambda policy: policy.replace(allow_methods=["GET"]))


def only_get(policy: CorsPolicy) -> CorsPolicy:
    return policy.replace(allow_methods=["GET"])


cors_group(Blueprint("read"), report_only=only_get)
tried.reconfigure(policy=CorsPolicy(max_age=30), report_only=CorsPolicy(max_age=5))

try:
    CorsPolicy(allow_origins=["https://app.example/"])
except CorsPolicyError as error:
    problems: tuple[Problem, ...] = error.problems
    problem: Problem = problems[0]
    said: str = f"{problem.id} {problem.field} {problem.message} {problem.suggestion or ''}"
    value: object = problem.value

typed: tuple[Problem, ...] = origin_problems("https://shop.example/", patterns=True)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", CorsPolicyWarning)
    CorsPolicy(max_age=7201)
for warning in caught:
    if isinstance(warning.message, CorsPolicyWarning):
        doubt: Problem = warning.message.problem


# --- corsbp.testing ---

shop, items = Sanic("shop"), Blueprint("items")
items.add_route(handler, "/items", methods=["GET", "PUT"])
shop.blueprint(cors_group(items, allow_origins=["https://app.example"], allow_credentials=True))


async def reads() -> Result:
    async with Browser(
        shop,
        origin="https://app.example",
        base_url="https://api.example",
        engine="standard",
        third_party_cookies=True,
        reading=0.5,
        clock=time.monotonic,
        embedder_policy="require-corp",
        local_network=False,
    ) as browser:
        socket: Result = await browser.websocket(url="/feed")
        assert socket.blocked_by == "handshake-refused"
        browser.set_cookie("session=ann", url="https://api.example/")
        browser.later(seconds=600)
        await browser.submit("/items", fields={"a": "1"}, enctype="multipart/form-data")
        await browser.submit("/items", [("a", "1"), ("a", "2")])
        await browser.beacon("/items", b"1", content_type="text/plain")
        await browser.navigate("/items")
        await browser.embed("/items", crossorigin="anonymous")
        await browser.fetch("/items", headers=[("x-token", "1")], body=None)
        return await browser.fetch(
            url="/items",
            method="PUT",
            headers={"x-token": "1"},
            body=b"{}",
            credentials="include",
            mode="cors",
            redirect="follow",
            upload_listener=True,
        )


async def reads_of_a_server() -> None:
    Browser(shop, engine="chromium")
    Browser(shop, engine="firefox")
    Browser(shop, engine="webkit")
    async with Browser.at("http://127.0.0.1:9", "null", engine="today", clock=lambda: 0.0) as browser:
        nothing: Result = await browser.fetch(
            "/", "POST", body="text", credentials="omit", mode="no-cors", redirect="error"
        )
        assert nothing.blocked_by == "no-cors-redirect" and STOPS[nothing.blocked_by]


def test_it(cors_browser: Callable[..., SyncBrowser]) -> None:
    assert cors_browser(shop, "https://app.example").fetch("/").ok_for_page


result = asyncio.run(reads())
asyncio.run(reads_of_a_server())
why: str | None = result.why or result.blocked_by
read: bool = result.ok_for_page and result.type == "cors" and result.status < 400
seen_by_page: str = result.headers.get("content-type", "") + result.url + result.text
request: Sent = result.sent[0]
if isinstance(request.answer, Answer):
    lines: list[str] = request.answer.lines("vary")
    status: int = request.answer.status
    whole: bool = request.answer.complete
    raw: bytes = request.answer.body + request.body + result.body
step: Step = result.steps[-1]
told: list[str | None] = [
    step.text,
    step.stop,
    step.change,
    request.method,
    request.url,
    str(request.preflight),
]

with SyncBrowser(Browser(shop)) as sync:
    again: Result = sync.fetch("/", "PUT", headers={"x-token": "1"}, credentials="same-origin")
    again = sync.websocket("/feed")
    again = sync.submit("/", {"a": "1"}, enctype="text/plain")
    again = sync.beacon("/", body="text")
    again = sync.navigate("/")
    again = sync.embed("/", crossorigin="use-credentials")
    sync.set_cookie("session=ann")
    sync.later(5)
    results: list[Result] = sync.results

assert_policy(
    shop,
    table=[
        ("https://app.example", "GET", "/items", False, True),
        ("https://app.example", "GET", "/elsewhere", True, "origin-missing"),
    ],
    base_url="https://api.example",
)
grants: list[Grant] = attack(shop, origins=["https://app.example"], leave_out=["/docs*"], forge=True)
for grant in grants:
    granted: str = grant.method + grant.path + grant.origin + grant.kind * grant.credentials
