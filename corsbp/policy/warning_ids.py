"""The ids of warnings: what is legal but probably not meant, what it means, and what to do."""

from __future__ import annotations

from typing import Final

from ..ids import IdTable

POLICY_WARNINGS: Final = IdTable()
"""The warnings about a policy, when it is made."""

STARTUP_WARNINGS: Final = IdTable()
"""The warnings about an app, when it starts or is changed."""

MAX_AGE_CAPPED: Final = POLICY_WARNINGS.declare(
    "max-age-capped",
    "is more than the {limit} seconds that Chromium honours",
    meaning="`max_age` is more than the two hours that Chromium honours.",
    remedy="Write 7200 or less, or ignore the warning: Firefox honours up to 86400.",
)
ORIGIN_COVERED: Final = POLICY_WARNINGS.declare(
    "origin-covered",
    "is already allowed by {wider!r}",
    meaning="Another entry already allows this origin.",
    remedy="Remove the narrower entry, or the wider one if you did not mean it.",
)
SET_BY_BROWSER: Final = POLICY_WARNINGS.declare(
    "header-set-by-browser",
    "is a header that only browsers may set: no page needs permission for it",
    meaning="Only browsers may set this request header: no page needs permission for it.",
    remedy="Remove it.",
)
REQUEST_SAFELISTED: Final = POLICY_WARNINGS.declare(
    "header-safelisted",
    "is a header that every page may set anyway, unless its value has more than 128 characters, or "
    "{exception}",
    meaning="Every page may send or read this header anyway. In a request, only unusual values of it need "
    "permission.",
    remedy="Remove it, unless your pages send unusual values of it.",
)
RESPONSE_SAFELISTED: Final = REQUEST_SAFELISTED.variant("is a header that every page may read anyway")
METHOD_CASE: Final = POLICY_WARNINGS.declare(
    "method-case",
    "is not {upper}: browsers send this method as the page spells it",
    meaning="Methods are case-sensitive: browsers send this one as the page spells it.",
    remedy='Write it in capitals, in the page too: `fetch(url, {method: "PATCH"})`.',
)
REQUESTS_ANY_ORIGIN: Final = POLICY_WARNINGS.declare(
    "requests-any-origin",
    'with allow_origins="*" refuses only requests that carry credentials: name the origins if the server '
    "trusts an address, a client certificate or a header of a proxy",
    meaning='`check_requests` stands beside `allow_origins="*"`: it refuses requests with cookies or '
    "passwords, but pages of every site can send all others. A server that trusts its users by address, "
    "client certificate or a header of a proxy is not protected.",
    remedy="Name the origins. If pages of every site may send requests without credentials, ignore the "
    "warning.",
)

METHOD_UNSERVED: Final = STARTUP_WARNINGS.declare(
    "method-unserved",
    "is served by no route of {section}",
    meaning="No route of the section serves this allowed method.",
    remedy="Remove it, or add the route.",
)
SECTION_EMPTY: Final = STARTUP_WARNINGS.declare(
    "section-empty",
    "has no route",
    meaning="The section has no route.",
    remedy="Add routes before the app starts, or remove the section.",
)
ROUTE_OPEN: Final = STARTUP_WARNINGS.declare(
    "route-open",
    "allows every origin, in {section}, which does not: a policy in ctx_cors inherits nothing. Write "
    "group.policy.replace({fields}), or CorsPolicy() if every origin is meant",
    meaning="The policy of a route allows every origin, in a section that does not.",
    remedy="To change one field of the section's policy, write `ctx_cors=group.policy.replace(…)`. If every "
    "origin is meant, write `ctx_cors=CorsPolicy()`.",
)
WEBSOCKET_UNCHECKED: Final = STARTUP_WARNINGS.declare(
    "websocket-unchecked",
    "opens to pages of every site: ctx_cors=False takes it out of {section}, which checks handshakes. Leave "
    "ctx_cors out, or write ctx_cors=group.policy.replace(check_websockets=False) if every page is meant",
    meaning="A WebSocket opens to pages of every site, in a section that names origins.",
    remedy="Remove `ctx_cors=False` from the route, or write `check_websockets=True` in its policy. If every "
    "page is meant, write `ctx_cors=group.policy.replace(check_websockets=False)`, or check in the handler: "
    "`await group.allows(request)`. For Socket.IO, pass the origins as `cors_allowed_origins`.",
)
CHECK_SWITCHED_OFF: Final = WEBSOCKET_UNCHECKED.variant(
    "check_websockets=False: pages of every site can open it"
)
ENGINE_UNCHECKED: Final = WEBSOCKET_UNCHECKED.variant(
    "cors_allowed_origins={origins}: pages of every site can open its WebSockets, which the section does not "
    "check. Pass the origins of the section"
)
BLUEPRINT_TWICE: Final = STARTUP_WARNINGS.declare(
    "blueprint-twice",
    "is registered at {places}, and has CORS at both: {section} wraps the blueprint, wherever it is. "
    "Register a copy where you want none",
    meaning="A blueprint of a section is also registered outside of it, and has CORS at both places.",
    remedy='Where you want no CORS, register a copy: `bp.copy("other")`.',
)
GROUP_FORGOTTEN: Final = STARTUP_WARNINGS.declare(
    "group-forgotten",
    "is registered on no app, but {members}: app.blueprint(cors_group(...)) registers it",
    meaning="The result of `cors_group()` is not registered on an app, but a blueprint of it is.",
    remedy="Register the group: `app.blueprint(cors_group(bp))`.",
)
TWO_LAYERS: Final = STARTUP_WARNINGS.declare(
    "two-layers",
    "has {package} as well, which decides for routes in no section, such as {path}",
    meaning="Another package for CORS, sanic-cors or sanic-ext, decides for routes that are in no section.",
    remedy="Wrap these routes, too, or remove the package; for sanic-ext, set `app.config.CORS = False` "
    "before `app.extend()`. In a section, the headers of corsbp are sent.",
)
RECONFIGURE_FOLLOWED: Final = STARTUP_WARNINGS.declare(
    "reconfigure-followed",
    "follows a source: its next value replaces the allow_origins of this policy",
    meaning="`reconfigure()` was called on a group that follows a source. The next value of the source "
    "replaces the `allow_origins` of the new policy.",
    remedy="Change the origins in the store. If you changed other fields only, ignore the warning.",
)
