"""Typical mistakes: what the browser's console prints, and the commands that lead to the line to change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent

PAGE = "https://app.example"

HEAD = """\
from sanic import Blueprint, HTTPResponse, Sanic, json, redirect, text
from corsbp import CorsPolicy, cors_group

app = Sanic("shop")
app.config.AUTO_EXTEND = False
api = Blueprint("api", url_prefix="/api")

"""
HERE = "  # <--"
"""Ends the line of `shop.py` that has to be changed."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A mistake, and the way from the browser's words to the line to change."""

    console: str
    """What Chromium prints about the call; "" where it prints nothing."""

    code: str = ""
    """The rest of the module `shop`."""

    server: str = ""
    """The lines of nginx in front of the app: a server, without `listen`."""

    commands: dict[str, list[str]]
    """Each command, without `corsbp`, with words of its output.

    `{line}` is file and line in `shop.py`, `{at}` the address of nginx, `{host}` that without its scheme.
    """

    change: str
    """The words of the last command that name what to change: in the app, in nginx, or in the page."""

    @property
    def module(self) -> str:
        """The source of the module `shop`."""
        return HEAD + dedent(self.code)

    @property
    def line(self) -> int:
        """The number of the line to change."""
        lines = self.module.splitlines()
        return next((number for number, line in enumerate(lines, 1) if line.endswith(HERE)), 0)


MISSING = "No 'Access-Control-Allow-Origin' header is present on the requested resource."
OTHER = "The 'Access-Control-Allow-Origin' header has a value 'https://app.example' that is not equal to"
PREFLIGHT = "Response to preflight request doesn't pass access control check: "
WILDCARD = "must not be the wildcard '*' when the request's credentials mode is 'include'"

ITEMS = """
@api.get("/items")
async def items(request):
    return json([], headers={"x-total": "3"})

"""
WRAPPED = f"""{ITEMS}
app.blueprint(cors_group(api, allow_origins=["https://app.example"])){HERE}
"""
WITH_COOKIES = f"""{ITEMS}
app.blueprint(cors_group(api, allow_origins=["https://app.example"], allow_credentials=True)){HERE}
"""
EXPLAIN = f"explain shop:app /api/items --origin {PAGE}"

IN_THE_APP = {
    "a route that is not wrapped": Mistake(
        console=MISSING,
        code=f"""
            @api.get("/items"){HERE}
            async def items(request):
                return json([])

            app.blueprint(api)
        """,
        commands={EXPLAIN: ["at {line} is in no section; it is declared on the blueprint api."]},
        change=f"Change: app.blueprint(cors_group(api, allow_origins=['{PAGE}'])).",
    ),
    "a group that is not registered": Mistake(
        console=MISSING,
        code=f"""{ITEMS}
cors_group(api, allow_origins=["https://app.example"]){HERE}
app.blueprint(api)
""",
        commands={
            EXPLAIN: ["is in a group that is registered on no app: cors_group(api) at ", "{line}."],
        },
        change="Change: Register it: app.blueprint(cors_group(...)), instead of the blueprint api.",
    ),
    "another port": Mistake(
        console="has a value 'http://localhost:3000' that is not equal to the supplied origin.",
        code=f"""{ITEMS}
app.blueprint(cors_group(api, allow_origins=["http://localhost:3000"])){HERE}
""",
        commands={
            "explain shop:app /api/items --origin http://localhost:5173": [
                "Assumed: the app is at http://localhost:8000",
                "http://localhost:5173 differs only in the port from http://localhost:3000, which is",
            ]
        },
        change="cors_group(api) at {line}: allow_origins=['http://localhost:3000', 'http://localhost:5173']",
    ),
    "a slash at the end of an origin": Mistake(
        console="net::ERR_CONNECTION_REFUSED",  # The app does not start.
        code=f"""{ITEMS}
app.blueprint(cors_group(api, allow_origins=["https://app.example/"])){HERE}
""",
        commands={"audit shop:app": ["shop could not be imported (shop.py, line {number})."]},
        change="allow_origins: 'https://app.example/' ends in a slash, which browsers do not send; meant: "
        "https://app.example [origin-trailing-slash]",
    ),
    "a path without a route": Mistake(
        console="",
        code=WRAPPED,
        commands={
            f"explain shop:app /api/itmes --origin {PAGE}": ["The page reads status 404."],
        },
        change="No route has this path; similar: GET /api/items.",
    ),
    "a path outside of the prefix": Mistake(
        console=MISSING,
        code=WRAPPED,
        commands={f"explain shop:app /items --origin {PAGE}": ["< 404"]},
        change="No route has this path; similar: GET /api/items. A 404 belongs to a section by its",
    ),
    "a method that the route does not serve": Mistake(
        console="Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
        code=f"""
            @api.get("/items"){HERE}
            async def items(request):
                return json([])

            app.blueprint(cors_group(api, allow_origins=["https://app.example"]))
        """,
        commands={f"explain shop:app /api/items PUT --origin {PAGE}": ["The path serves GET, not PUT."]},
        change="or add PUT to the route shop.api.items at {line}: methods=[…, 'PUT'].",
    ),
    "a method that allow_methods leaves out": Mistake(
        console="Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
        code=f"""
            @api.route("/items", methods=["GET", "PUT"])
            async def items(request):
                return json([])

            app.blueprint(
                cors_group(api, allow_origins=["https://app.example"], allow_methods=["GET"]){HERE}
            )
        """,
        commands={f"explain shop:app /api/items PUT --origin {PAGE}": ["Blocked: preflight-method."]},
        change="Change: cors_group(api) at {line}: allow_methods=['GET', 'PUT']",
    ),
    "a header that allow_headers leaves out": Mistake(
        console="Request header field x-token is not allowed by Access-Control-Allow-Headers in preflight "
        "response.",
        code=f"""{ITEMS}
app.blueprint(cors_group(api, allow_origins="*", allow_headers=["content-type"])){HERE}
""",
        commands={f"{EXPLAIN} --header x-token:1": ["Blocked: preflight-header."]},
        change="Change: cors_group(api) at {line}: allow_headers=['content-type', 'x-token']",
    ),
    "a header that is not exposed": Mistake(
        console="",
        code=WRAPPED,
        commands={EXPLAIN: ["The page cannot read the headers 'x-total': ", "expose_headers=['x-total']"]},
        change="Change: cors_group(api) at {line}: expose_headers=['x-total'], if the page needs it",
    ),
    "cookies that the section does not allow": Mistake(
        console="The value of the 'Access-Control-Allow-Credentials' header in the response is '' which must",
        code=WRAPPED,
        commands={f"{EXPLAIN} --credentials": ["Blocked: credentials."]},
        change="Change: cors_group(api) at {line}: allow_credentials=True",
    ),
    "a ctx_cors for every origin, with cookies": Mistake(
        console=WILDCARD,
        code=f"""
            @api.get("/items", ctx_cors=CorsPolicy()){HERE}
            async def items(request):
                return json([])

            app.blueprint(cors_group(api, allow_origins=["https://app.example"], allow_credentials=True))
        """,
        commands={f"{EXPLAIN} --credentials": ["has its own policy, ctx_cors=CorsPolicy()."]},
        change=f"ctx_cors of shop.api.items at {{line}}: allow_origins=['{PAGE}'], allow_credentials=True",
    ),
    "ctx_cors=True": Mistake(
        console="net::ERR_CONNECTION_REFUSED",
        code=f"""
            @api.get("/items", ctx_cors=True){HERE}
            async def items(request):
                return json([])

            app.blueprint(cors_group(api, allow_origins=["https://app.example"]))
        """,
        commands={
            EXPLAIN: ["GET /api/items: ctx_cors=True at {line} is neither a CorsPolicy nor False"],
            "why ctx-cors-invalid": ["The app does not start."],
        },
        change="Remove it if the route should follow its section.",
    ),
    "a cookie with SameSite=Lax": Mistake(
        console="",
        code=f"""
            @api.post("/login"){HERE}
            async def login(request):
                response = text("welcome")
                response.add_cookie("session", "ann")
                return response

            app.blueprint(cors_group(api, allow_origins=["https://app.example"], allow_credentials=True))
        """,
        commands={
            f"explain shop:app /api/login POST --origin {PAGE} --credentials": [
                "! The browser does not keep the cookie 'session': it is SameSite=Lax, and ",
                "The route shop.api.login (/api/login) at {line} is in cors_group(api)",
            ]
        },
        change="Change: Set it with SameSite=None; Secure; Partitioned. With Sanic: response.add_cookie(…, "
        "samesite='None', secure=True, partitioned=True, host_prefix=True)",
    ),
    "a redirect to a login that is not wrapped": Mistake(
        console=MISSING,
        code=f"""
            @app.on_request
            async def check_login(request):
                if request.path.startswith("/api/") and not request.cookies.get("session"):
                    return redirect("/login")

            @app.get("/login"){HERE}
            async def login(request):
                return text("form")

            {ITEMS.replace(chr(10), chr(10) + " " * 12)}
            app.blueprint(cors_group(api, allow_origins=["https://app.example"], allow_credentials=True))
        """,
        commands={
            EXPLAIN: [
                "The route shop.login (/login) at {line} is in no section",
                "The call was redirected to 'https://api.example/login', probably a login.",
            ]
        },
        change="Change: Log in, send the cookie, or let the app respond with 401 to pages instead",
    ),
    "a page of another origin at a WebSocket": Mistake(
        console="",
        code=f"""
            @api.websocket("/chat")
            async def chat(request, socket):
                await socket.send("hello")

            app.blueprint(cors_group(api, allow_origins=["https://app.example"])){HERE}
        """,
        commands={
            "explain shop:app /api/chat --origin https://www.app.example": [
                "Blocked: handshake-refused.",
                "https://www.app.example differs only in www. from https://app.example, which is allowed.",
            ]
        },
        change=f"cors_group(api) at {{line}}: allow_origins=['{PAGE}', 'https://www.app.example']",
    ),
    "a write that check_requests refuses": Mistake(
        console="",
        code=f"""
            @api.post("/items")
            async def items(request):
                return json([])

            app.blueprint(
                cors_group({HERE}
                    api,
                    allow_origins=["https://app.example"],
                    allow_credentials=True,
                    check_requests="writes",
                )
            )
        """,
        commands={
            "explain shop:app /api/items --as form --body a=1 --origin https://shop.example": [
                "Refused: request-cross-origin. The handler did not run.",
            ]
        },
        change=f"Change: cors_group(api) at {{line}}: allow_origins=['{PAGE}', 'https://shop.example']",
    ),
    "a second layer, for a route in no section": Mistake(
        console="",
        code=f"""
            app.config.AUTO_EXTEND = True
            app.config.CORS_ORIGINS = "*"
            {ITEMS.replace(chr(10), chr(10) + " " * 12)}
            @app.get("/internal")
            async def internal(request):
                return json([])

            app.blueprint(cors_group(api, allow_origins=["https://app.example"]))
        """,
        commands={
            "audit shop:app": ["warning shop: sanic-ext allows * in no section (GET /internal) [two-layers]"],
            "why two-layers": ["sanic-ext, decides for routes that are in no section."],
        },
        change="Wrap these routes, too, or remove the package; for sanic-ext, set app.config.CORS = False",
    ),
}

IN_THE_PAGE = {
    "http beside https": Mistake(
        console=OTHER,
        code=WRAPPED,
        commands={
            "explain shop:app /api/items --origin http://app.example": [
                "http://app.example differs only in the scheme from https://app.example, which is allowed.",
            ]
        },
        change="Open the page with https; do not allow http as well",
    ),
    "credentials: 'include' to a public section": Mistake(
        console=WILDCARD,
        code=f"{ITEMS}\napp.blueprint(cors_group(api)){HERE}\n",
        commands={f"{EXPLAIN} --credentials": ["Change: cors_group(api) at {line}: allow_origins=["]},
        change="Or leave out credentials: 'include' in the page",
    ),
    "credentials that are missing": Mistake(
        console="",
        code="""
            from sanic.exceptions import Unauthorized

            @api.get("/items")
            async def items(request):
                if not request.cookies.get("session"):
                    raise Unauthorized("log in")
                return json([])

            app.blueprint(cors_group(api, allow_origins=["https://app.example"], allow_credentials=True))
        """,
        commands={EXPLAIN: ["The page reads status 401."]},
        change="Change: The call has no login. If it is a cookie, set credentials: 'include' in the page.",
    ),
    "a method in lower case": Mistake(
        console="Method patch is not allowed by Access-Control-Allow-Methods in preflight response.",
        code=f"""
            @api.patch("/items")
            async def items(request):
                return json([])

            app.blueprint(cors_group(api, allow_origins=["https://app.example"])){HERE}
        """,
        commands={f"explain shop:app /api/items patch --origin {PAGE}": ["Blocked: preflight-method."]},
        change="Change: Write 'PATCH' in the page: methods are case-sensitive.",
    ),
    "a beacon with JSON": Mistake(
        console=WILDCARD,
        code=f"""
            @api.post("/seen")
            async def seen(request):
                return json([])

            app.blueprint(cors_group(api)){HERE}
        """,
        commands={
            f"explain shop:app /api/seen --as beacon --body {{}} --header content-type:application/json "
            f"--origin {PAGE}": ["Blocked: preflight-origin-any."]
        },
        change="Or send it as text/plain, which needs no preflight: sendBeacon(url, JSON.stringify(data))",
    ),
    "an image on a page with COEP": Mistake(
        console="",
        code=f"""
            @api.get("/cat.gif"){HERE}
            async def cat(request):
                return HTTPResponse(b"GIF89a", content_type="image/gif")

            app.blueprint(cors_group(api, allow_origins=["https://app.example"]))
        """,
        commands={
            f"explain shop:app /api/cat.gif --as image --coep require-corp --origin {PAGE}": [
                "Blocked: embedder-policy.",
                "The route shop.api.cat (/api/cat.gif) at {line} is in cors_group(api)",
            ]
        },
        change="Change: Send cross-origin-resource-policy: cross-origin. Or use CORS: crossorigin in the",
    ),
    "a call of the local network": Mistake(
        console="Permission was denied for this request to access the `loopback` address space",
        code=WRAPPED,
        commands={
            f"{EXPLAIN} --engine chromium --base-url http://127.0.0.1:8000": [
                "The user is asked for permission to access the `loopback` address space, and allows it",
            ],
            f"{EXPLAIN} --engine chromium --base-url http://127.0.0.1:8000 --no-local-network": [
                "Blocked: local-network."
            ],
        },
        change="Change: Allow it in the browser's settings of this page, or serve the page from the same",
    ),
}

PASS = "proxy_pass http://app;"
ITEM = "explain {at}/shop/items"
BEHIND_NGINX = {
    "a page that calls http": Mistake(
        console="Redirect is not allowed for a preflight request.",
        server="return 301 https://$http_host$request_uri;",
        commands={f"{ITEM} PUT --origin https://a.example": ["The server redirects http to https."]},
        change="Change: Call 'https://{host}/shop/items' in the page.",
    ),
    "a login that preflights do not pass": Mistake(
        console=f"{PREFLIGHT}{MISSING}",
        server=f'location / {{ auth_basic "shop"; auth_basic_user_file users; {PASS} }}',
        commands={f"{ITEM} PUT --origin https://a.example": ["A login or a firewall refused the preflight."]},
        change="Change: Let OPTIONS pass through the login: a preflight carries no cookies",
    ),
    "a second header by add_header": Mistake(
        console="The 'Access-Control-Allow-Origin' header contains multiple values 'https://a.example, *', "
        "but only one is allowed.",
        server=f"location / {{ {PASS} add_header Access-Control-Allow-Origin * always; }}",
        commands={f"{ITEM} --origin https://a.example": ["< server: nginx", "Blocked: origin-several."]},
        change="Change: Send it once: look for a proxy (in nginx, add_header)",
    ),
    "a server that responds to OPTIONS itself": Mistake(
        console=f"{PREFLIGHT}{MISSING}",
        server=f"location / {{ {PASS} if ($request_method = OPTIONS) {{ return 204; }} }}",
        commands={
            f"{ITEM} PUT --origin https://a.example": [
                "< server: nginx",
                "A server in front of the app may have responded to OPTIONS itself.",
            ]
        },
        change="Change: Let OPTIONS pass to the app: in nginx, remove `return 204` for OPTIONS.",
    ),
    "a cache that ignores Vary": Mistake(
        console="The 'Access-Control-Allow-Origin' header has a value 'https://a.example' that is not equal",
        server=f"location / {{ {PASS} proxy_cache answers; proxy_cache_valid any 10m;"
        " proxy_ignore_headers Vary; }",
        commands={
            f"{ITEM} --origin https://a.example": ["The page reads status 200."],
            f"{ITEM} --origin https://b.example": [
                "The response is for pages of https://a.example, though it has Vary: Origin: a cache that "
                "ignores Vary may have sent it.",
            ],
        },
        change="Change: Have the cache honour Vary: Origin, or keep it from these responses.",
    ),
    "a body that is too large": Mistake(
        console=MISSING,
        server=f"location / {{ {PASS} client_max_body_size 100; }}",
        commands={
            f"{ITEM} POST --origin https://a.example --body {'a' * 200}": [
                "< 413",
                "The request's body is larger than a server accepts.",
            ]
        },
        change="Change: Raise the limit: client_max_body_size in nginx",
    ),
    "an app that is down": Mistake(
        console=MISSING,
        server="location / { proxy_pass http://127.0.0.1:1; }",
        commands={f"{ITEM} --origin https://a.example": ["A proxy got no valid response from the app."]},
        change="Change: Start the app, and check its address and port in the proxy's configuration.",
    ),
    "a WebSocket without the header Host": Mistake(
        console="",
        server=f"location / {{ {PASS} proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
        " proxy_set_header Connection upgrade; }",
        commands={
            "explain ws://{host}/shop/talk --origin http://{host}": [
                "The page is of the server's own address, which a section allows by the header Host",
            ]
        },
        change="In nginx: proxy_set_header Host $http_host.",
    ),
}
"""In front of the app are the lines of a server in nginx; the app is that of `tests/cache/edge_app.py`."""


def check(mistake: Mistake, run: Callable[[str], str], values: dict[str, str]) -> None:
    """Run the commands of a mistake, and check their words and the console's.

    Args:
        run: runs a command, and returns its output.
        values: what stands in the place of `{line}`, `{at}` …
    """

    def fill(words: str) -> str:
        for name, value in values.items():
            words = words.replace(name, value)
        return words

    text = ""
    for command, words in mistake.commands.items():
        text = " ".join(run(fill(command)).split())
        assert [each for each in map(fill, words) if each not in text] == [], text
    assert fill(mistake.change) in text, text
    if "Blocked:" in text:
        assert mistake.console in text, text
    assert mistake.console or "Chromium:" not in text, text
