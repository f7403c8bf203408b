"""A user's file with mistakes: an editor underlines each marked line, and no other. Never run."""

import re

from sanic import Blueprint, Request, Sanic

import corsbp
import corsbp.testing
from corsbp import CorsPolicy, CorsPolicyError, CorsPolicyWarning, Problem, cors_group
from corsbp.testing import Browser, Grant, Result, SyncBrowser, assert_policy, attack

api = Blueprint("api")
policy = CorsPolicy(allow_origins=["https://app.example"])
group = cors_group(api)


def one(origin: str) -> bool:
    return bool(origin)


def number(origin: str, request: Request) -> int:
    return len(origin) + len(request.path)


async def later(origin: str, request: Request) -> str:
    return origin + request.path


CorsPolicy("https://app.example")  # wrong
CorsPolicy(["https://app.example"])  # wrong
CorsPolicy(origins=["https://app.example"])  # wrong
CorsPolicy(allow_origin=["https://app.example"])  # wrong
CorsPolicy(allow_origins="https://app.example")  # wrong
CorsPolicy(allow_origins=None)  # wrong
CorsPolicy(allow_origins=True)  # wrong
CorsPolicy(allow_origins=[b"https://app.example"])  # wrong
CorsPolicy(allow_origins=re.compile("https://.*"))  # wrong
CorsPolicy(allow_origins={"https://app.example": True})  # wrong
CorsPolicy(allow_origins={"https://app.example": one})  # wrong
CorsPolicy(allow_headers={"x-token": "1"})  # wrong
CorsPolicy(allow_origins=(origin for origin in ["https://app.example"]))  # wrong
CorsPolicy(allow_origins=one)  # wrong
CorsPolicy(allow_origins=number)  # wrong
CorsPolicy(allow_origins=later)  # wrong
never: corsbp.OriginFunction = number  # wrong
CorsPolicy(allow_origins=lambda origin: True)  # wrong
CorsPolicy(allow_origins=["https://app.example", one])  # wrong
CorsPolicy(allow_origins=["https://app.example", later])  # wrong
CorsPolicy(allow_origins=["https://app.example", None])  # wrong
CorsPolicy(allow_credentials="true")  # wrong
CorsPolicy(allow_credentials=None)  # wrong
CorsPolicy(allow_methods="GET, PUT")  # wrong
CorsPolicy(allow_methods=["GET", 1])  # wrong
CorsPolicy(allow_headers="x-token")  # wrong
CorsPolicy(allow_headers=None)  # wrong
CorsPolicy(expose_headers=b"x-total")  # wrong
CorsPolicy(max_age="600")  # wrong
CorsPolicy(max_age=0.5)  # wrong
CorsPolicy(origin_timeout="5")  # wrong
CorsPolicy(check_websockets=1)  # wrong
CorsPolicy(check_requests=True)  # wrong
CorsPolicy(check_requests="unsafe")  # wrong
CorsPolicy(dangerously_allow_insecure_origins="yes")  # wrong
CorsPolicy(dangerously_allow_public_suffixes=["github.io"])  # wrong
policy.max_age = 60  # wrong
policy.allow_origins.append("https://two.example")  # wrong
policy.allows(None)  # wrong
policy.origins.match("https://app.example")  # wrong
policy.replace(policy)  # wrong
policy.replace(max_ages=60)  # wrong
policy.replace(max_age="60")  # wrong

corsbp.corsgroup(api)  # wrong
cors_group("api")  # wrong
cors_group(policy)  # wrong
cors_group(api, policy)  # wrong
cors_group(api, [policy])  # wrong
cors_group(api, policy={"allow_origins": "*"})  # wrong
cors_group(api, policy=CorsPolicy)  # wrong
cors_group(api, allow_origin=["https://app.example"])  # wrong
cors_group(api, supports_credentials=True)  # wrong
cors_group(api, allow_origins="https://app.example")  # wrong
cors_group(api, allow_origins=one)  # wrong
cors_group(api, allow_origins={"origins": ["https://app.example"]})  # wrong
cors_group(api, allow_credentials="true")  # wrong
cors_group(api, allow_methods=None)  # wrong
cors_group(api, allow_headers=[1])  # wrong
cors_group(api, expose_headers="x-total")  # wrong
cors_group(api, max_age="600")  # wrong
cors_group(api, check_websockets="yes")  # wrong
cors_group(api, check_requests=None)  # wrong
cors_group(api, dangerously_allow_insecure_origins=1)  # wrong
cors_group(api, dangerously_allow_public_suffixes=1)  # wrong
cors_group(api, url_prefix=7)  # wrong
cors_group(api, version=[1])  # wrong
cors_group(api, strict_slashes="no")  # wrong
cors_group(api, version_prefix=None)  # wrong
cors_group(api, name_prefix=7)  # wrong
group.allows("https://app.example")  # wrong
corsbp.origin_problems("https://app.example", patterns="yes")  # wrong
group.append("api")  # wrong
group.insert(0, policy)  # wrong
group.policy = policy  # wrong
group.reconfigure({"max_age": 60})  # wrong
group.reconfigure(max_age=60)  # wrong
group.reconfigure(policy, report_only=False)  # wrong
group.report_only = policy  # wrong
cors_group(report_only={"max_age": 60})  # wrong
cors_group(report_only=lambda policy: None)  # wrong
group.differences().count_all()  # wrong

problem = Problem("bare-string", "allow_origins", "a", "is one string", 7)  # wrong
problem.id = "entry-type"  # wrong
CorsPolicyError(problem)  # wrong
CorsPolicyError([problem]).problems.append(problem)  # wrong
CorsPolicyWarning("is one string")  # wrong
print(CorsPolicyWarning(problem).problems)  # wrong

app = Sanic("wrong")
corsbp.testing.browser_of(app)  # wrong
Browser("https://api.example")  # wrong
Browser(app, ["https://app.example"])  # wrong
Browser(app, None)  # wrong
Browser(app, "https://app.example", "https://api.example")  # wrong
Browser(app, base_url=7)  # wrong
Browser(app, engine="chrome")  # wrong
Browser(app, clock=0)  # wrong
Browser(app, reading=None)  # wrong
Browser(app, third_party_cookies="no")  # wrong
Browser.at(app)  # wrong
Browser.at("http://127.0.0.1:8000", base_url="/")  # wrong
SyncBrowser(app)  # wrong
with Browser(app) as page:  # wrong
    pass
assert_policy(app)  # wrong
assert_policy(app, [("https://app.example", "GET", "/", True)])  # wrong
assert_policy(app, [("https://app.example", "GET", "/", "include", True)])  # wrong
assert_policy(app, [("https://app.example", "GET", "/", True, None)])  # wrong
attack("http://127.0.0.1:8000")  # wrong
attack(app, leave_out=7)  # wrong
attack(app, [b"https://app.example"])  # wrong
print(attack(app)[0].risk)  # wrong
corsbp.testing.STOPS["no-answer"] = "down"  # wrong


async def fetches(browser: Browser, result: Result, grant: Grant) -> None:
    print(browser.fetch("/").status)  # wrong
    await browser.fetch(7)  # wrong
    await browser.fetch("/", b"GET")  # wrong
    await browser.fetch("/", "GET", {"x-token": "1"})  # wrong
    await browser.fetch("/", headers={"x-token": 1})  # wrong
    await browser.fetch("/", headers="x-token: 1")  # wrong
    await browser.fetch("/", body={"a": 1})  # wrong
    await browser.fetch("/", json={"a": 1})  # wrong
    await browser.fetch("/", credentials=True)  # wrong
    await browser.fetch("/", mode="navigate")  # wrong
    await browser.fetch("/", redirect=False)  # wrong
    await browser.fetch("/", upload_listener="yes")  # wrong
    browser.set_cookie({"session": "ann"})  # wrong
    browser.later("600")  # wrong
    await browser.websocket(7)  # wrong
    await browser.submit("/", {"a": 1})  # wrong
    await browser.submit("/", {"a": "1"}, enctype="application/json")  # wrong
    await browser.beacon("/", {"a": "1"})  # wrong
    await browser.navigate(7)  # wrong
    await browser.embed("/", crossorigin=True)  # wrong
    print(result.ok)  # wrong
    result.headers["x-total"] = "1"  # wrong
    result.status = 200  # wrong
    print(result.sent[0].answer.status)  # wrong
    result.sent.append(result.sent[0])  # wrong
    grant.origin = "https://app.example"  # wrong
