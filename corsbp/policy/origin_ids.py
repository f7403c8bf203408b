"""The ids of problems of origins: what is wrong, what it means, and what to do."""

from __future__ import annotations

from typing import Final

from ..ids import IdTable

ORIGIN_PROBLEMS: Final = IdTable()
"""The problems of an entry of `allow_origins`."""

_declare = ORIGIN_PROBLEMS.declare

# --- entries that are not an origin ---

ORIGINS_EMPTY: Final = _declare(
    "origins-empty",
    "allows no origin at all: name some, or leave the blueprints out of the section",
    meaning="`allow_origins` is empty. A section that no page may read needs no CORS.",
    remedy="Name the origins. If you mean none, register the blueprint itself: "
    "`cors_group(api, …) if ORIGINS else api`.",
)
FUNCTION_ARGUMENTS: Final = _declare(
    "origin-function-arguments",
    "cannot be called with two arguments, (origin, request)",
    meaning="The origin function cannot be called with (origin, request).",
    remedy="Give the function two parameters: `(origin, request)`.",
)
REGEX: Final = _declare(
    "origin-regex",
    "is a regular expression: write a pattern or a function",
    meaning="A regular expression is not an origin.",
    remedy="Write a pattern, `https://*.example.com`, or a function: "
    "`lambda origin, request: ours.fullmatch(origin) is not None`.",
)
LOOKS_LIKE_REGEX: Final = REGEX.variant("looks like a regular expression: write a pattern or a function")
EMPTY: Final = _declare(
    "origin-empty",
    "is empty",
    meaning="The entry is an empty string.",
    remedy='Remove the entry. For an empty environment variable, `"".split(",")` returns one empty string, '
    'and `"".split()` none.',
)
NULL: Final = _declare(
    "origin-null",
    "is what every sandboxed frame and local file sends: it would allow everyone",
    meaning="Every sandboxed frame and local file sends `null`: to allow it is to allow everyone.",
    remedy="Serve the page from an origin of its own. For development, that is `http://localhost:…`.",
)
SEVERAL: Final = _declare(
    "origin-several",
    "is several origins in one string",
    meaning="One string has several origins.",
    remedy="Write one entry for each origin.",
)
SEVERAL_PORTS: Final = SEVERAL.variant("has several ports: write one entry for each, or :* for any")
NETWORK: Final = _declare(
    "origin-network",
    "is a network, and an origin has one host: write a function that uses the module ipaddress",
    meaning="A network of addresses is not an origin: an origin has one host.",
    remedy="Write a function that compares the address by the `ipaddress` module.",
)
PATTERN: Final = _declare(
    "origin-pattern",
    "allows many origins, where a single one is expected",
    meaning="A pattern stands where a single origin is expected.",
    remedy="Write a single origin. In your own code, `origin_problems(text, patterns=True)` allows patterns.",
)
WHITESPACE_AROUND: Final = _declare(
    "origin-whitespace",
    "has space around it",
    meaning="An origin has spaces, tabs or line ends around it or in it.",
    remedy="Remove them.",
)
SPACE_INSIDE: Final = WHITESPACE_AROUND.variant("has a space in it")
QUOTES_AROUND: Final = _declare(
    "origin-quotes",
    "has quotation marks around it",
    meaning="An origin has quotation marks around it, as a file of environment variables may add them.",
    remedy="Remove them.",
)
CONTROL_CHARACTER: Final = _declare(
    "origin-control-character",
    "has a control character in it",
    meaning="An origin has a control character in it.",
    remedy="Remove the character.",
)

# --- the parts of an origin, from left to right ---

SCHEME_MISSING: Final = _declare(
    "origin-scheme-missing",
    "does not begin with a scheme and ://",
    meaning="An origin begins with its scheme and `://`. corsbp does not assume one.",
    remedy="Write the scheme: `https://app.example`.",
)
SCHEME_INVALID: Final = _declare(
    "origin-scheme-invalid",
    "does not begin with a scheme such as https",
    meaning="The text before `://` is not a scheme.",
    remedy="Begin with `https://`, or with the scheme of the app that shows the page.",
)
SCHEME_TOO_LONG: Final = SCHEME_INVALID.variant("has a scheme of more than {limit} characters")
SCHEME_NEVER_SENT: Final = _declare(
    "origin-scheme-never-sent",
    "has the scheme {scheme}:, which no page has",
    meaning="No page has an origin with this scheme, so browsers never send it.",
    remedy="Name the origin of the page: a page at `https://…` opens the WebSocket at `wss://…`.",
)
FILE_ADDRESS: Final = _declare(
    "origin-file",
    "is the address of a file: browsers send null for it, or file:// where an app switches that on",
    meaning="The entry is the address of a file. Browsers send `null` for files, or `file://` where an app "
    "switches that on.",
    remedy="Serve the page over http. If a web view sends `file://`, write exactly that, without "
    "`allow_credentials`.",
)
USERINFO: Final = _declare(
    "origin-userinfo",
    "has a user name; an origin is only scheme://host[:port]",
    meaning="An origin has no user name and no password.",
    remedy="Remove the user name and the password.",
)
TRAILING_SLASH: Final = _declare(
    "origin-trailing-slash",
    "ends in a slash, which browsers do not send",
    meaning="An origin has no slash at its end.",
    remedy="Remove the slash.",
)
PATH: Final = _declare(
    "origin-path",
    "has a path; an origin is only scheme://host[:port]",
    meaning="An origin has no path.",
    remedy="Remove the path. An origin is a whole site.",
)
QUERY: Final = _declare(
    "origin-query",
    "has a query; an origin is only scheme://host[:port]",
    meaning="An origin has no query.",
    remedy="Remove the query.",
)
FRAGMENT: Final = _declare(
    "origin-fragment",
    "has a fragment; an origin is only scheme://host[:port]",
    meaning="An origin has no fragment.",
    remedy="Remove the fragment.",
)
PORT_EMPTY: Final = _declare(
    "origin-port-empty",
    "has a colon but no port",
    meaning="A colon has no port behind it.",
    remedy="Remove the colon, or add a port.",
)
PORT_INVALID: Final = _declare(
    "origin-port-invalid",
    "has a port that is not a number from 1 to 65535 without leading zeros",
    meaning="A port is a number from 1 to 65535 without leading zeros, or `*`.",
    remedy="Write the port as the address bar shows it, or `:*` for any port.",
)
PORT_DEFAULT: Final = _declare(
    "origin-port-default",
    "names the default port of {scheme}, which browsers leave out",
    meaning="Browsers leave out the default ports of http (80) and https (443).",
    remedy="Remove the port.",
)
NOT_PUBLIC: Final = _declare(
    "origin-not-public",
    "does not begin with https, as a web site on the internet does",
    meaning="With `origin_problems(text, public=True)`: no web site on the internet has this origin.",
    remedy="Use https, no port, and a registered name.",
)
PUBLIC_PORT: Final = NOT_PUBLIC.variant("has a port")
PUBLIC_IP: Final = NOT_PUBLIC.variant("has an IP address and not a name")
PUBLIC_RESERVED: Final = NOT_PUBLIC.variant("has a name that is reserved for private networks or tests")
PUBLIC_SUFFIX: Final = NOT_PUBLIC.variant("is not a registered name, nor a name below one")
