"""`corsbp audit --observed`: what the responses of an app allow, whatever code writes the headers."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sanic import Blueprint, HTTPResponse, Request, Sanic, empty, redirect, text

from corsbp import CorsPolicy, cors_group
from corsbp.command.audit.observed_method import UNKNOWN_ORIGIN
from corsbp.command.audit.other_cors import find_other_cors
from corsbp.testing import Answer, Sent
from corsbp.testing.result import NoAnswer
from corsbp.testing.transports import AppSender

from ..support import ORIGIN, TWO, as_handler, new_app

WITH = {"credentials": True, "headers": "*", "exposes": ["x-total"]}


async def handler(*_: object, **__: object) -> Any:
    return text("here", headers={"x-total": "3"})


def api(calls: list[str], **policy: Any) -> Sanic:
    """Make an app with a section, with headers written by hand, and with routes without CORS."""
    app = new_app()
    one = Blueprint("one", url_prefix="/one")

    async def count_call(request: Request, **_: str) -> HTTPResponse:
        calls.append(f"{request.method} {request.path}")
        return text("here")

    async def handle_socket(request: Request, ws: object) -> None:
        calls.append("a socket")

    one.add_route(count_call, "/item/<number:int>", methods=["GET", "PUT"], name="item")
    one.add_websocket_route(handle_socket, "/socket", name="socket")
    app.blueprint(cors_group(one, **policy))
    app.add_route(count_call, "/plain", methods=["GET", "POST"], name="plain")
    app.add_route(count_call, "/own", methods=["GET", "DELETE", "OPTIONS"], name="own")
    app.add_route(as_handler(lambda _: redirect("/plain")), "/own/moved", name="moved")
    app.add_websocket_route(handle_socket, "/chat", name="chat")
    app.add_route(count_call, "/<name:(?:<script>)?>", name="script")

    @app.on_response
    async def by_hand(request: Request, response: HTTPResponse) -> None:
        origin = request.headers.get("origin", "")
        if request.path.startswith("/own") and origin == ORIGIN:
            response.headers["access-control-allow-origin"] = origin
            response.headers["access-control-allow-credentials"] = "true"
            response.headers["access-control-allow-methods"] = "GET, DELETE"
            response.headers["access-control-allow-headers"] = "X-Token, content-type"
            response.headers["access-control-expose-headers"] = "x-total"

    return app


SECTION = {"allow_origins": [ORIGIN], "allow_credentials": True}


def test_table(audit: Any) -> None:
    """Only preflights and GET are sent: no handler of another method runs, and none of a WebSocket."""
    calls: list[str] = []
    app = api(calls, **SECTION)
    status, out, err = audit(app, "--observed", "--origin", ORIGIN, "--origin", TWO)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == f"methods path CORS by an unknown origin {ORIGIN} {TWO}"
    assert lines[2:] == [
        "WebSocket /chat no check opens opens opens",
        "GET,PUT /one/item/<number:int> corsbp no yes, with credentials no",
        "WebSocket /one/socket corsbp no opens no",
        "GET,DELETE /own the app's code no yes, with credentials no",
        "GET /own/moved the app's code no yes, with credentials, no request headers no",
        "GET,POST /plain none no no no",
        "GET /(no route) none no no no",
        "GET /one/(no route) corsbp no yes, with credentials no",
        f"{app.name}: 11 methods observed; CORS: 4 by corsbp, 1 with no check, 3 without, "
        "3 by the app's code",
    ]
    assert (status, err) == (0, "")
    assert {call.partition(" ")[0] for call in calls} == {"GET", "OPTIONS"}  # its own handler of preflights
    assert not [call for call in calls if call.startswith("OPTIONS") and call != "OPTIONS /own"]


def test_json(audit: Any) -> None:
    _, out, _ = audit(api([], **SECTION), "--observed", "--origin", ORIGIN, "--json")
    found = {(each["method"], each["path"]): each for each in json.loads(out)["routes"]}
    own, item = found["GET", "/own"], found["PUT", "/one/item/<number:int>"]
    assert own["grants"] == {
        UNKNOWN_ORIGIN: None,
        ORIGIN: {"credentials": True, "headers": ["content-type", "x-token"], "exposes": ["x-total"]},
    }
    assert item["grants"][ORIGIN] == {"credentials": True, "headers": "*"}
    assert (own["status"], item["status"], own["by"]) == (200, 204, "the app's code")
    assert found["WebSocket", "/one/socket"]["grants"] == {
        UNKNOWN_ORIGIN: None,
        ORIGIN: {"opens": True},
    }
    assert [found["WebSocket", path]["status"] for path in ("/one/socket", "/chat")] == [403, 101]


def test_grants(audit: Any) -> None:
    """With `*`, without credentials, with a denied preflight, and without a preflight."""
    app = new_app()

    def answering(**headers: str) -> Any:
        pairs = {name.replace("_", "-"): value for name, value in headers.items()}
        return lambda request: (
            empty(headers=pairs) if request.method == "OPTIONS" else text("a", headers=pairs)
        )

    cases = {
        "star": answering(
            access_control_allow_origin="*",
            access_control_allow_credentials="true",
            access_control_allow_headers="*",
            access_control_expose_headers="*",
        ),
        "both": answering(access_control_allow_origin="*", access_control_allow_headers="*, Authorization"),
        "without": answering(access_control_allow_origin=UNKNOWN_ORIGIN),
        "literal": answering(
            access_control_allow_origin=UNKNOWN_ORIGIN,
            access_control_allow_credentials="true",
            access_control_allow_headers="*",
        ),
        "other": answering(access_control_allow_origin="https://other.example"),
    }
    for name, respond in cases.items():
        app.add_route(respond, f"/{name}", name=name, methods=["GET", "PATCH", "OPTIONS"])
    app.add_route(cases["without"], "/get-only", name="get_only")
    _, out, _ = audit(app, "--observed", "--json")
    found = {
        f"{each['method']} {each['path']}": each["grants"][UNKNOWN_ORIGIN]
        for each in json.loads(out)["routes"]
    }
    assert found == {
        "GET /star": {"credentials": False, "headers": ["*"], "exposes": "*"},
        "GET /both": {"credentials": False, "headers": "*", "exposes": []},
        "PATCH /star": None,
        "PATCH /both": None,
        "GET /without": {"credentials": False, "headers": [], "exposes": []},
        "PATCH /without": None,
        "GET /literal": {"credentials": True, "headers": [], "exposes": []},
        "PATCH /literal": None,
        "GET /other": None,
        "PATCH /other": None,
        "GET /get-only": {"credentials": False, "headers": [], "exposes": []},
        "GET /(no route)": None,
    }


def test_migration(audit: Any, tmp_path: Path) -> None:
    """What each route gained and lost; the origins come from the file."""
    file = tmp_path / "before.json"
    kept = ["--observed", "--snapshot", str(file)]
    assert audit(api([], **SECTION), *kept, "--origin", ORIGIN) == (0, "", f"{file}: 11 methods\n")
    assert json.loads(file.read_text())["observed"] == [ORIGIN, UNKNOWN_ORIGIN]
    checked = ["--observed", "--check", str(file)]
    same = (
        "nothing changed\nCORS before: 4 by corsbp, 1 with no check, 3 without, 3 by the app's code; now: "
        "4 by corsbp, 1 with no check, 3 without, 3 by the app's code\n"
    )
    assert audit(api([], **SECTION), *checked) == (0, same, "")
    app = api([], allow_origins=[ORIGIN], allow_headers=["x-a"])
    app.add_route(handler, "/new", name="new", ctx_cors=CorsPolicy())
    status, out, _ = audit(app, *checked)
    assert status == 1
    assert out.splitlines()[:-1] == [
        f"GET /new: gained {ORIGIN}",
        "GET /new: gained an unknown origin",
        f"GET /one/(no route): {ORIGIN}: no longer with credentials",
        f"GET /one/(no route): {ORIGIN}: now only the request header x-a",
        f"GET /one/item/<number:int>: {ORIGIN}: no longer with credentials",
        f"GET /one/item/<number:int>: {ORIGIN}: now only the request header x-a",
        f"PUT /one/item/<number:int>: {ORIGIN}: no longer with credentials",
        f"PUT /one/item/<number:int>: {ORIGIN}: now only the request header x-a",
        "8 changes, 2 of them wider",
    ]
    bare = new_app()
    bare.add_route(handler, "/own", name="own")
    status, out, _ = audit(bare, *checked)
    assert status == 0
    assert f"GET /own: lost {ORIGIN}\n" in out
    shared = f"6 methods: lost {ORIGIN}: the route is gone\n  DELETE /own, GET /one/item/<number:int>, GET"
    assert out.startswith(shared), "more than three methods share a line"
    assert f"GET /one/(no route): lost {ORIGIN}\n" in out
    assert "WebSocket /chat: lost an unknown origin: the route is gone\n" in out


def test_a_prefix_that_the_app_did_not_have(audit: Any, tmp_path: Path) -> None:
    """Its paths without a route are compared with those of the next shorter prefix."""
    file = tmp_path / "before.json"
    app = new_app()
    app.add_route(handler, "/a", name="a")

    @app.on_response
    async def by_hand(request: Request, response: HTTPResponse) -> None:
        response.headers["access-control-allow-origin"] = "*"

    assert audit(app, "--observed", "--snapshot", str(file))[0] == 0
    new = Blueprint("new", url_prefix="/v1/new")
    new.add_route(handler, "/b", name="b")
    _, out, _ = audit(new_app(cors_group(new, allow_headers=[])), "--observed", "--check", str(file))
    assert out.splitlines()[:-2] == [
        "GET /(no route): lost an unknown origin",
        "GET /a: lost an unknown origin: the route is gone",
        "GET /v1/new/b: gained an unknown origin",
    ]


def test_files_of_another_kind(audit: Any, tmp_path: Path) -> None:
    observed, declared = tmp_path / "observed.json", tmp_path / "declared.json"
    app = api([], **SECTION)
    audit(app, "--observed", "--snapshot", str(observed))
    audit(app, "--snapshot", str(declared))
    for options, expected in (
        (["--check", str(observed)], "the file was made with --observed: compare it with --observed"),
        (["--observed", "--check", str(declared)], "the file was made without --observed: "),
        (
            ["--observed", "--check", str(observed), "--origin", TWO],
            f"the file was made without --origin {TWO}; its origins are {UNKNOWN_ORIGIN}",
        ),
        (["--origin", TWO], "--origin, --leave-out, --query and --at need --observed: "),
        (["--at", "https://api.example"], "--origin, --leave-out, --query and --at need --observed: "),
        (["--observed", "--rate", "5"], "--rate needs --at: "),
        (["--observed", "--origin", "app.example"], "no page has the origin 'app.example'"),
    ):
        status, out, err = audit(app, *options)
        assert (status, out) == (2, "") and expected in err


def test_leave_out(audit: Any) -> None:
    calls: list[str] = []
    _, out, _ = audit(
        api(calls, **SECTION),
        "--observed",
        "--leave-out",
        "/o*",
        "--leave-out",
        "/chat",
        "--leave-out",
        "/(no route)",
    )
    assert "/plain" in out and "/own" not in out and "/one" not in out and "/chat" not in out
    assert {call.partition(" ")[2] for call in calls} == {"/plain"}


def test_no_response(audit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corsbp.command.audit.probe.TIMEOUT", 0.05)
    app = new_app()

    async def never(request: Request, ws: object = None) -> HTTPResponse:
        await asyncio.sleep(60)
        raise AssertionError

    @app.on_request
    async def slow(request: Request) -> None:
        if request.path == "/socket":
            await asyncio.sleep(60)

    app.add_route(never, "/never", name="never")
    app.add_websocket_route(never, "/socket", name="socket")
    status, out, _ = audit(app, "--observed")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (status, lines[2:4]) == (0, ["GET /never none no response", "WebSocket /socket none no response"])


def test_no_response_is_not_compared(audit: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A method that did not respond before; one that does not respond now is lost."""
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    answers = {"/a": False, "/b": True}
    app = new_app(cors_group(bp := Blueprint("api")))
    for path in answers:
        bp.add_route(handler, path, name=path.strip("/"))
    send = AppSender.send

    async def send_or_not(sender: AppSender, sent: Sent) -> Answer | NoAnswer:
        path = sent.url.removeprefix("https://api.example")
        return await send(sender, sent) if answers.get(path, True) else NoAnswer("it broke off")

    monkeypatch.setattr("corsbp.command.audit.observed_responses.AppSender.send", send_or_not)
    assert audit(app, "--observed", "--snapshot", str(before))[0] == 0
    answers |= {"/a": True, "/b": False}
    status, out, _ = audit(app, "--observed", "--check", str(before))
    assert status == 0
    assert out.splitlines()[0] == "GET /b: lost an unknown origin: it broke off"
    assert out.splitlines()[-1] == "not compared, as there was no response before: GET /a"
    assert audit(app, "--observed", "--snapshot", str(after))[0] == 0
    assert json.loads(after.read_text())["routes"]["GET /b"]["no_response"] == "it broke off"


def test_own_pages(audit: Any) -> None:
    """Pages of the app's own origin need no CORS."""
    _, out, _ = audit(api([], **SECTION), "--observed", "--origin", "https://api.example")
    rows = [line.split() for line in out.splitlines()[2:-1]]
    assert {tuple(row[-2:]) for row in rows} == {("own", "page")}


def test_broken_response(audit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> NoAnswer:
        return NoAnswer("it broke off")

    monkeypatch.setattr("corsbp.command.audit.observed_responses.AppSender.send", broken)
    app = new_app()
    app.add_route(handler, "/a", name="a")
    lines = [" ".join(line.split()) for line in audit(app, "--observed")[1].splitlines()]
    assert lines[2:4] == ["GET /a none no response", "GET /(no route) none no response"]


def test_queries(audit: Any) -> None:
    """A query goes to the path that it is for, whether its slash at the end is written or not."""
    queries: list[str] = []
    app = new_app()

    async def note(request: Request) -> HTTPResponse:
        queries.append(f"{request.path}?{request.query_string}")
        return text("here")

    app.add_route(note, "/socket.io/", name="socket")
    app.add_route(note, "/other", name="other")
    assert audit(app, "--observed", "--query", "/socket.io=EIO=4", "--query", "/oth*=a=1")[0] == 0
    assert set(queries) == {"/socket.io?EIO=4", "/other?a=1"}
    status, _, err = audit(app, "--observed", "--query", "/nowhere=a=1")
    assert (status, err) == (2, "corsbp: --query: no route has the path /nowhere\n")


def test_hosts(audit: Any) -> None:
    app = new_app()
    app.add_route(handler, "/a", name="a", host="api.acme.example")
    app.add_route(handler, "/b", name="b")
    lines = [" ".join(line.split()) for line in audit(app, "--observed")[1].splitlines()]
    assert lines[0] == "methods path host CORS by an unknown origin"
    assert lines[2:4] == ["GET /a api.acme.example none no", "GET /b none no"]


def test_app_without_routes(audit: Any) -> None:
    app = new_app()
    assert audit(app, "--observed")[1].endswith(f"{app.name}: 1 method observed; CORS: 1 without\n")


def test_app_that_does_not_start(audit: Any) -> None:
    app = new_app()

    @app.before_server_start
    def broken(*_: object) -> None:
        raise OSError("no database")

    status, out, err = audit(app, "--observed")
    assert (status, out) == (2, "") and "no database" in err


def test_log_is_short(audit: Any) -> None:
    app = new_app()

    def failing(number: int) -> Any:
        def handler(_: Request) -> HTTPResponse:
            raise LookupError(f"no item {number}")

        return handler

    for number in range(7):
        app.add_route(failing(number), f"/{number}", name=f"r{number}")
    _, _, err = audit(app, "--observed", "--origin", ORIGIN)
    lines = err.splitlines()
    assert len(lines) == 6 and lines[-1] == "logged: 2 more lines"
    assert re.search(r"LookupError: no item 0 \(tests/command/test_audit_observed.py, line \d+\)$", lines[0])


# --- other packages ---


def set_sanic_cors(on: Sanic | Blueprint, *resources: tuple[Any, dict[str, Any]]) -> None:
    """Set what sanic-cors stores for `CORS(on, resources=...)`."""
    on.ctx.sanic_cors = SimpleNamespace(resources=list(resources))


def make_sanic_cors_handler() -> Any:
    code = compile("async def inner(request): return text('here')", "/x/sanic_cors/decorator.py", "exec")
    names: dict[str, Any] = {"text": text}
    exec(code, names)
    return names["inner"]


def test_origins_of_other_packages() -> None:
    """As the user wrote them: both packages store regular expressions."""
    app, bp = new_app(), Blueprint("bp")
    set_sanic_cors(
        app, ("/*", {"origins": [".*"]}), (re.compile("/api/*"), {"origins": [re.compile(r"a\.b")]})
    )
    set_sanic_cors(bp, ("/x", {"origins": [ORIGIN], "supports_credentials": True}), ("/y", {"origins": []}))
    app.blueprint(bp)
    app.add_route(make_sanic_cors_handler(), "/d", name="d")
    found = [(each.package, each.allows, each.route and each.route.path) for each in find_other_cors(app)]
    assert found == [
        ("sanic-cors", "*", None),
        ("sanic-cors", r"a\.b on /api/*", None),
        ("sanic-cors", f"{ORIGIN} on /x, with credentials", None),
        ("sanic-cors", "", "d"),
    ]


def test_findings_name_other_packages(audit: Any) -> None:
    app = new_app()
    set_sanic_cors(app, ("/*", {"origins": [".*"]}))
    app.add_route(make_sanic_cors_handler(), "/d", name="d")
    _, out, _ = audit(app)
    assert f"warning {app.name}: sanic-cors allows * here [two-layers]\n" in out
    assert "warning /d: has the decorator of sanic-cors [two-layers]\n" in out


def test_sanic_ext(audit: Any) -> None:
    pytest.importorskip("sanic_ext")
    app = new_app(AUTO_EXTEND=True, CORS_ORIGINS=ORIGIN, OAS=False)
    app.add_route(handler, "/a", name="a")
    _, out, _ = audit(app, "--observed", "--origin", ORIGIN)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[2:4] == [
        "GET /a sanic-ext no yes, no Authorization",
        "GET /(no route) sanic-ext no yes, no request headers",
    ]
    assert lines[4] == f"{app.name}: 2 methods observed; CORS: 2 by sanic-ext"
