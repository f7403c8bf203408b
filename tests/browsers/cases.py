"""Cases: a script of the page, what the page must see, and what the server must log.

A script is the body of an async function with the names that `page.html` defines. A line of the server's log
is the method and the status, then `handler` when the request reached one, then `cookie` and `authorization`
if the request has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

EARLIER = "..."  # any earlier lines: engines differ in when they begin to use their preflight cache


@dataclass(frozen=True)
class Case:
    name: str
    script: str | tuple[tuple[str, str], ...]  # or one script after another, each with its tab
    sees: object
    logged: list[str]
    tab: str = "app"
    exempt: Mapping[str, object] = field(default_factory=dict)  # what engines see that do not apply CORS here

    def sees_in(self, engine: str) -> object:
        return self.exempt.get(engine, self.sees)

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        return ((self.tab, self.script),) if isinstance(self.script, str) else self.script


REFUSED = "TypeError"

REQUESTS = [
    Case("GET", "return call('/public/thing')", "200 GET", ["GET 200 handler"]),
    Case("GET from another site", "return call('/public/thing')", "200 GET", ["GET 200 handler"], "stranger"),
    Case(
        "POST of text",
        "return call('/public/thing', {method: 'POST', body: 'text'})",
        "200 POST",
        ["POST 200 handler"],
    ),
    *(
        Case(
            f"{method} of JSON",
            f"return call('/public/thing', json('{method}'))",
            f"200 {method}",
            ["OPTIONS 204", f"{method} 200 handler"],
        )
        for method in ["PUT", "PATCH", "DELETE"]
    ),
    Case(
        "headers of one's own",
        "return call('/public/thing', {headers: {'x-known': '1', 'x-other': '2'}})",
        "200 GET",
        ["OPTIONS 204", "GET 200 handler"],
    ),
    Case(
        "a bearer token",
        "return call('/public/thing', {headers: {authorization: 'Bearer secret'}})",
        "200 GET",
        ["OPTIONS 204", "GET 200 handler authorization"],
    ),
    Case(
        "an upload with a progress listener",
        """
        const request = new XMLHttpRequest();
        request.upload.addEventListener("progress", () => {});
        request.open("POST", url("/public/thing"));
        const end = settled(request, "load", "error");
        request.send("text");
        return `${await end} ${request.status} ${request.responseText}`;
        """,
        "load 200 POST",
        ["OPTIONS 204", "POST 200 handler"],
    ),
    Case(
        "an OPTIONS handler of one's own",
        "return call('/public/own', {method: 'OPTIONS'})",
        "200 my own OPTIONS",
        ["OPTIONS 204", "OPTIONS 200"],
    ),
]

CREDENTIALS = [
    Case(
        "a cookie",
        """
        const credentials = "include";
        return [
          await call("/private/login", { credentials, method: "POST" }),
          await call("/private/whoami", { credentials }),
          await call("/private/whoami"),
        ];
        """,
        ["200 welcome", "200 ann", "200 no session"],
        ["POST 200 handler", "GET 200 handler cookie", "GET 200 handler"],
    ),
    Case(
        "a cookie, a token and headers of one's own",
        """
        const credentials = "include";
        const headers = { authorization: "Bearer secret", "x-any": "1" };
        return [
          await call("/private/login", { credentials, method: "POST" }),
          await call("/private/thing", { credentials, ...json("PUT", headers) }),
        ];
        """,
        ["200 welcome", "200 PUT"],
        ["POST 200 handler", "OPTIONS 204", "PUT 200 handler cookie authorization"],
    ),
    Case(
        "credentials where none are allowed",
        """
        const credentials = "include";
        return [
          await call("/public/thing", { credentials }),
          await call("/public/thing", { credentials, ...json("PUT") }),
        ];
        """,
        [REFUSED, REFUSED],
        ["GET 200 handler", "OPTIONS 204"],
    ),
    Case(
        "401 from the app's own auth",
        "return call('/public/locked', json('PUT', {authorization: 'Bearer wrong'}))",
        "401 readable",
        ["OPTIONS 204", "PUT 401 authorization"],
    ),
    Case(
        "past the app's own auth",
        "return call('/public/locked', json('PUT', {authorization: 'Bearer secret'}))",
        "200 PUT",
        ["OPTIONS 204", "PUT 200 handler authorization"],
    ),
]

POLICIES = [
    Case(
        "a list of origins",
        (
            ("app", "return call('/list/thing', json('PUT'))"),
            ("other", "return call('/list/thing', json('PUT'))"),
        ),
        ["200 PUT", "200 PUT"],
        ["OPTIONS 204", "PUT 200 handler", "OPTIONS 204", "PUT 200 handler"],
    ),
    Case("a refused origin", "return call('/list/thing')", REFUSED, ["GET 200 handler"], "stranger"),
    Case(
        "a refused origin's preflight",
        "return call('/list/thing', json('PUT'))",
        REFUSED,
        ["OPTIONS 204"],
        "stranger",
    ),
    Case(
        "a refused origin, credentials",
        "return call('/private/thing', {...json('PUT'), credentials: 'include'})",
        REFUSED,
        ["OPTIONS 204"],
        "stranger",
    ),
    Case("a refused method", "return call('/list/thing', json('DELETE'))", REFUSED, ["OPTIONS 204"]),
    Case(
        "a refused header",
        """
        return [
          await call("/list/thing", { headers: { "x-known": "1" } }),
          await call("/list/thing", { headers: { "x-known": "1", "x-other": "2" } }),
        ];
        """,
        ["200 GET", REFUSED],
        ["OPTIONS 204", "GET 200 handler", "OPTIONS 204"],
    ),
    Case(
        "exactly one origin",
        (("app", "return call('/one/thing')"), ("other", "return call('/one/thing')")),
        ["200 GET", REFUSED],
        ["GET 200 handler", "GET 200 handler"],
    ),
    Case(
        "a pattern of origins",
        (
            ("shop", "return call('/local/thing', json('PUT'))"),
            ("stranger", "return call('/local/thing', json('PUT'))"),
        ),
        ["200 PUT", REFUSED],
        ["OPTIONS 204", "PUT 200 handler", "OPTIONS 204"],
    ),
    Case(
        "an origin function",
        (("app", "return call('/function/thing')"), ("other", "return call('/function/thing')")),
        ["200 GET", REFUSED],
        ["GET 200 handler", "GET 200 handler"],
    ),
    Case(
        "exposed headers",
        """
        const total = async (path) => (await fetch(url(path))).headers.get("x-total");
        return [await total("/list/thing"), await total("/public/thing")];
        """,
        ["3", None],
        ["GET 200 handler", "GET 200 handler"],
    ),
    Case(
        "max age saves preflights",
        """
        for (let i = 0; i < 5; i++) await call("/list/thing", json("PUT"));
        return call("/list/thing", json("PUT"));
        """,
        "200 PUT",
        [EARLIER, "PUT 200 handler", "PUT 200 handler", "PUT 200 handler"],
    ),
    Case(
        "max age saves preflights, a bearer token",
        """
        const headers = { authorization: "Bearer secret" };
        for (let i = 0; i < 5; i++) await call("/public/thing", { headers });
        return call("/public/thing", { headers });
        """,
        "200 GET",
        [EARLIER, "GET 200 handler authorization", "GET 200 handler authorization"],
    ),
    Case(
        "max age 0 does not",
        "await call('/fresh/thing', json('PUT')); await call('/fresh/thing', json('PUT')); "
        "return call('/fresh/thing', json('PUT'))",
        "200 PUT",
        [EARLIER, *["OPTIONS 204", "PUT 200 handler"] * 2],
    ),
    Case(
        "a handler's own header does not let in",
        (("app", "return call('/list/loud')"), ("stranger", "return call('/list/loud')")),
        ["200 loud", REFUSED],
        ["GET 200 handler", "GET 200 handler"],
    ),
]

SCOPE = [
    Case("outside every section", "return call('/plain/thing')", REFUSED, ["GET 200 handler"]),
    Case(
        "outside every section, preflight",
        "return call('/plain/thing', json('PUT'))",
        REFUSED,
        ["OPTIONS 405"],
    ),
    Case(
        "a section in a section",
        (
            ("app", "return [await call('/inner/thing'), await call('/outer/thing')]"),
            ("stranger", "return [await call('/inner/thing'), await call('/outer/thing')]"),
        ),
        [["200 GET", "200 GET"], [REFUSED, "200 GET"]],
        ["GET 200 handler"] * 4,
    ),
    Case(
        "a route with a policy of its own",
        "return [await call('/routes/open'), await call('/routes/shared')]",
        ["200 GET", REFUSED],
        ["GET 200 handler"] * 2,
        "stranger",
    ),
    Case("a route that is left out", "return call('/routes/left_out')", REFUSED, ["GET 200 handler"]),
    Case(
        "two routes that share a path",
        "return [await call('/routes/shared'), await call('/routes/shared', {method: 'DELETE'})]",
        ["200 GET", REFUSED],
        ["GET 200 handler", "OPTIONS 204"],
    ),
]

ANSWERS = [
    Case("404", "return call('/list/nowhere')", "404 readable", ["GET 404"]),
    Case(
        "404 after a preflight",
        "return call('/list/nowhere', json('PUT'))",
        "404 readable",
        ["OPTIONS 204", "PUT 404"],
    ),
    Case("404 outside", "return call('/plain/nowhere')", REFUSED, ["GET 404"]),
    Case("405", "return call('/list/error', {method: 'POST', body: 'text'})", "405 readable", ["POST 405"]),
    Case(
        "413",
        "return call('/list/thing', {method: 'POST', body: 'x'.repeat(2000)})",
        "413 readable",
        ["POST 413"],
    ),
    Case("500", "return call('/list/error')", "500 readable", ["GET 500 handler"]),
    Case("a redirect", "return call('/list/moved')", "200 GET", ["GET 307 handler", "GET 200 handler"]),
    Case(
        "a redirect after a preflight",
        "return call('/list/moved', json('PUT'))",
        "200 PUT",
        ["OPTIONS 204", "PUT 307 handler", "OPTIONS 204", "PUT 200 handler"],
    ),
    Case(
        "a stream",
        """
        const { body } = await fetch(url("/list/stream"));
        const reader = body.pipeThrough(new TextDecoderStream()).getReader();
        let text = (await reader.read()).value;
        await call("/list/thing", { method: "POST" });
        for (let part; !(part = await reader.read()).done; ) text += part.value;
        return text;
        """,
        "first second",
        ["POST 200 handler", "GET 200 handler"],
    ),
]

EVENTS = """
    const source = new EventSource(url("%s"), { withCredentials: %s });
    const news = await settled(source, "message", "error");
    source.close();
    return news;
"""
SOCKET = """
    const socket = new WebSocket(sockets + at("%s"));
    const first = await settled(socket, "message", "close");
    socket.close();
    return first;
"""
LOAD_IMAGE = """
    const image = document.createElement("img");
    image.crossOrigin = "anonymous";
    image.src = url("%s");
    if ((await settled(image, "load", "error")) == "error") return "error";
    const canvas = document.createElement("canvas");
    canvas.getContext("2d").drawImage(image, 0, 0);
    return [...canvas.getContext("2d").getImageData(0, 0, 1, 1).data];
"""
LOAD_FONT = """
    const family = `font ${document.styleSheets.length}`;
    const textContent = `@font-face { font-family: "${family}"; src: url("${url("%s")}"); }`;
    document.head.append(Object.assign(document.createElement("style"), { textContent }));
    await document.fonts.load(`12px "${family}"`, "A").catch(() => {});
    return [...document.fonts].find((font) => font.family.includes(family)).status;
"""
LOAD_MODULE = """
    delete globalThis.moduleRan;
    const module = Object.assign(document.createElement("script"), { type: "module", src: url("%s") });
    document.head.append(module);
    return [await settled(module, "load", "error"), globalThis.moduleRan ?? false];
"""
SANDBOX = """
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts";
    frame.srcdoc = `<script>
      fetch(${JSON.stringify(url("%s"))})
        .then(async (response) => [origin, await response.text()], (error) => [origin, error.name])
        .then((seen) => parent.postMessage(seen, "*"));
    </script>`;
    const seen = settled(window, "message", "messageerror");
    document.body.append(frame);
    return seen;
"""
NEWS = ["GET 200 handler"]

APIS = [
    Case("EventSource", EVENTS % ("/public/events", "false"), "news", NEWS, "stranger"),
    Case("EventSource with credentials", EVENTS % ("/private/events", "true"), "news", NEWS),
    Case("EventSource, credentials not allowed", EVENTS % ("/public/events", "true"), "error", NEWS),
    Case(
        "WebSocket from an allowed and a refused origin",
        (("app", SOCKET % "/guarded/talk"), ("other", SOCKET % "/guarded/talk")),
        ["hello", "close"],
        ["GET 101 handler", "GET 403"],
    ),
    Case("a module", LOAD_MODULE % "/list/files/module.js", ["load", True], ["GET 200 handler"]),
    Case("a module outside", LOAD_MODULE % "/plain/files/module.js", ["error", False], ["GET 200 handler"]),
    Case("an image in a canvas", LOAD_IMAGE % "/list/files/pixel.png", [255, 0, 0, 255], ["GET 200 handler"]),
    Case("an image outside", LOAD_IMAGE % "/plain/files/pixel.png", "error", ["GET 200 handler"]),
    Case(
        "a font inside and outside",
        (("app", LOAD_FONT % "/list/files/square.ttf"), ("app", LOAD_FONT % "/plain/files/square.ttf")),
        ["loaded", "error"],
        ["GET 200 handler", "GET 200 handler"],
        exempt={"webkit": ["loaded", "loaded"]},
    ),
    Case("a sandboxed frame", SANDBOX % "/public/thing", ["null", "GET"], ["GET 200 handler"]),
    Case("a sandboxed frame, refused", SANDBOX % "/list/thing", ["null", REFUSED], ["GET 200 handler"]),
]

CACHE = [
    Case(
        "two tabs, one cache, a list",
        tuple((tab, "return call('/list/stays')") for tab in ("app", "other", "app")),
        ["200 cached"] * 3,
        [EARLIER, "GET 200 handler", "GET 200 handler"],
    ),
    Case(
        "two tabs, one cache, any origin",
        tuple((tab, "return call('/public/stays')") for tab in ("app", "other", "app")),
        ["200 cached"] * 3,
        ["GET 200 handler"],
    ),
    Case(
        "a file that another tab has, any origin",
        tuple(
            (tab, "return (await fetch(url('/public/files/module.js'))).status") for tab in ("app", "other")
        ),
        [200, 200],
        ["GET 200 handler", "GET 304 handler"],
    ),
    Case(
        "a file once more, a list",
        tuple((tab, "return (await fetch(url('/list/files/module.js'))).status") for tab in ("app", "app")),
        [200, 200],
        ["GET 200 handler", "GET 304 handler"],
    ),
]

CASES = [*REQUESTS, *CREDENTIALS, *POLICIES, *SCOPE, *ANSWERS, *APIS, *CACHE]
