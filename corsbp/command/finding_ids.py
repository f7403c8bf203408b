"""The ids of findings that only an audit has: what is wrong, what it means, and what to do."""

from __future__ import annotations

from typing import Final

from corsbp.ids import IdTable

AUDIT_FINDINGS: Final = IdTable()
"""The findings that only an audit has. The other ids are those of problems and warnings of policies."""

_declare = AUDIT_FINDINGS.declare

ANY_BESIDE_RESTRICTED: Final = _declare(
    "any-beside-restricted",
    "any origin, while {other} names its own",
    meaning="This route allows every origin, but another route of its section or path names its origins.",
    remedy="Check whether the route is meant to be public.",
)
CREDENTIALS_PATTERN: Final = _declare(
    "credentials-pattern",
    "{entry}",
    meaning="With credentials, pages of every name below a domain can act as your users.",
    remedy="Find out who can publish below that domain. Name the hosts where you can.",
)
CREDENTIALS_FUNCTION: Final = _declare(
    "credentials-function",
    "{function}()",
    meaning="With credentials, pages that an origin function allows can act as your users.",
    remedy="Check what the function allows. Test it with similar origins: "
    '`corsbp.testing.attack(app, ["https://app.example"])`.',
)
INSECURE_ORIGIN: Final = _declare(
    "insecure-origin",
    "{entry}",
    meaning="The policy allows an http origin: everybody who can change its pages on the network can read "
    "the responses.",
    remedy="Use https if the responses are not public.",
)
REQUESTS_UNCHECKED: Final = _declare(
    "requests-unchecked",
    "forms of every site can send writes with the cookies of your users: check_requests is False",
    meaning="A section allows credentials, and does not check who sends POST, PUT, PATCH and DELETE. In a "
    "section that does, it names each route that is exempt. If a section does, it also counts the routes "
    "outside of all sections.",
    remedy='Write `check_requests="writes"`, first in a report-only policy. For routes outside of all '
    'sections, write `cors_group(app, allow_origins=["https://shop.example"], check_requests="writes")` with '
    "the origin of the app itself. Ignore it if the app has another protection, such as tokens in forms, or "
    "if the route is exempt on purpose.",
)
REQUESTS_OUTSIDE: Final = REQUESTS_UNCHECKED.variant(
    "no section checks the writes of {routes} outside of all sections; cors_group(app, allow_origins=[...], "
    'check_requests="writes") does'
)
REQUESTS_EXEMPT: Final = REQUESTS_UNCHECKED.variant("its ctx_cors exempts it from the check of its section")
SET_TOO_LATE: Final = _declare(
    "set-too-late",
    "CORS_ORIGINS={value!r} was set after app.extend()",
    meaning="A setting for sanic-ext's CORS has no effect, because it came after `app.extend()`.",
    remedy="Set it before `app.extend()`, or remove it.",
)
ROUTES_AT_STARTUP: Final = _declare(
    "routes-at-startup",
    "{source} can add routes when the app starts: they are not in this list",
    meaning="When the app starts, sanic-ext adds pages such as `/docs`, or a listener calls a method that "
    "adds routes. An audit does not start the app, so it does not list them.",
    remedy="Run `corsbp audit --observed`, which starts the app in memory with its listeners, and lists all "
    "routes. If only sanic-ext adds routes, you can also call `app.extend()` where you make the app.",
)
TWO_SECTIONS: Final = _declare(
    "two-sections",
    "{error}",
    meaning="A blueprint is in two sections. The app does not start.",
    remedy="Remove the blueprint from one of them, or wrap a copy.",
)
DUPLICATE_NAMES: Final = _declare(
    "duplicate-names",
    "is the name of {routes}: give one of them another, name=...",
    meaning="Two routes have the same name. The app does not start.",
    remedy='Give one of them a name: `@bp.get("/items", name="items_list")`.',
)
GROUP_UNUSED: Final = _declare(
    "group-unused",
    "made at {line}, on no app: app.blueprint(...) registers it",
    meaning="The result of `cors_group()` is not registered on an app, and neither is a blueprint of it.",
    remedy="Register it: `app.blueprint(group)`. If no app needs it, remove it.",
)
CTX_CORS_UNREAD: Final = _declare(
    "ctx-cors-unread",
    "its ctx_cors does nothing, as the app has no section: {first}app.blueprint(cors_group({blueprint}, "
    "...)) makes one",
    meaning="A route has a policy of its own in an app without any section. Nothing reads it.",
    remedy="Wrap the blueprint of the route, or any other, in `cors_group(…)`: an app with a section reads "
    "the `ctx_cors` of each of its routes.",
)
CTX_CORS_INVALID: Final = _declare(
    "ctx-cors-invalid",
    "ctx_cors={value}{line} is neither a CorsPolicy nor False",
    meaning="The `ctx_cors` of a route is neither a `CorsPolicy` nor `False`. The app does not start.",
    remedy="Remove it if the route should follow its section. Otherwise write `ctx_cors=CorsPolicy(…)`, or "
    "`False` for no CORS.",
)
ANY_ORIGIN: Final = _declare(
    "any-origin",
    "any origin, since no allow_origins is written{line}",
    meaning='A section allows every origin by default, not by a written `"*"`.',
    remedy='If every origin is meant, write `allow_origins="*"`. Otherwise name the origins.',
)
SUFFIX_LIST_OLD: Final = _declare(
    "suffix-list-old",
    "the public suffix list is of {day}",
    meaning="The installed public suffix list is older than a year. It lacks newer domains below which "
    "anybody can register names, so a policy with credentials can have a wildcard for them.",
    remedy="Run `pip install -U publicsuffixlist`, or change its version in the file that pins your "
    "packages.",
)

# --- of a deployment: `corsbp audit --observed --at` ---

EDGE_DIFFERENCE: Final = _declare(
    "edge-difference",
    "{difference}",
    meaning="The deployment allows pages more or less than the app.",
    remedy="Look at the servers in front of the app: a header that they add, drop or replace, a response of "
    "their own, a path or an `Origin` that they do not pass on. If the app has changed since the file of "
    "`--check` was made, make a new file.",
)
EDGE_HEADER_TWICE: Final = _declare(
    "edge-header-twice",
    "{header} comes {count} times: {value}",
    meaning="A response of the deployment has a CORS header more than once. Browsers refuse such a response.",
    remedy="Remove the header from the server in front of the app; in nginx, it is in an `add_header`.",
)
EDGE_CACHED: Final = _declare(
    "edge-cached",
    "a page of {origin} gets the response for {allowed}{age}",
    meaning="A cache sends the response for one origin to pages of another origin.",
    remedy="Have the cache honour `Vary: Origin`, or do not cache these routes: "
    "[behind a proxy](../examples/README.md#behind-a-proxy).",
)
EDGE_VARY: Final = _declare(
    "edge-vary",
    "the response depends on the origin, and has no Vary: Origin (Vary: {vary})",
    meaning="The deployment drops `Vary: Origin`, so that a cache may send the response to pages of another "
    "origin.",
    remedy="Look for a server that replaces or hides `Vary`; in nginx, `proxy_hide_header`.",
)
EDGE_PREFLIGHT: Final = _declare(
    "edge-preflight",
    "the preflight allows {methods}, which the app does not serve here: another server responded",
    meaning="A server in front of the app responds to preflights, not the app.",
    remedy="Let OPTIONS pass to the app.",
)
EDGE_REDIRECT: Final = _declare(
    "edge-redirect",
    "redirects to {location}",
    meaning="The deployment redirects from http to https, which a preflight must not follow, or from https "
    "to http, which a page on https must not call.",
    remedy="Call the deployment by https (`--at https://…`). If the app itself makes the URL, set "
    "`PROXIES_COUNT` and let the proxy send `X-Forwarded-Proto`.",
)
EDGE_NO_RESPONSE: Final = _declare(
    "edge-no-response",
    "no response: {reason}",
    meaning="A route of the deployment does not respond.",
    remedy="Call the route by hand. If it never ends, leave it out: `--leave-out`.",
)
EDGE_HTTP: Final = _declare(
    "edge-http",
    "http responds, too, with headers of CORS",
    meaning="The deployment can be called by http. Everybody on the network can read these responses.",
    remedy="Redirect http to https, or close the port.",
)
