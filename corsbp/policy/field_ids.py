"""The ids of problems of a policy's fields, but for origins: what is wrong, what it means, and what to do."""

from __future__ import annotations

from typing import Final

from ..ids import IdTable

FIELD_PROBLEMS: Final = IdTable()
"""The problems of the type of a field, and of its entries."""

CREDENTIALS_PROBLEMS: Final = IdTable()
"""The problems of what stands together with `allow_credentials=True`."""

NAME_PROBLEMS: Final = IdTable()
"""The problems of the name of a method or header."""

TIME_PROBLEMS: Final = IdTable()
"""The problems of `max_age` and `origin_timeout`."""

# --- types ---

BARE_STRING: Final = FIELD_PROBLEMS.declare(
    "bare-string",
    "is one string: Python would take it as a list of characters",
    meaning="A string stands where a collection belongs: Python would take it as a list of characters.",
    remedy='Write a list: `["https://app.example"]`. The error shows the list that was probably meant.',
)
NOT_A_COLLECTION: Final = FIELD_PROBLEMS.declare(
    "not-a-collection",
    "is not a collection: write a list of strings",
    meaning="The value is not a list, tuple or set of strings, nor another value that the field accepts.",
    remedy="Write a list, a tuple or a set.",
)
ITERATOR: Final = NOT_A_COLLECTION.variant(
    "is an iterator, which is empty after one use: write a list of strings"
)
STAR_NOT_ALONE: Final = FIELD_PROBLEMS.declare(
    "star-not-alone",
    "includes all the others",
    meaning="`*` stands for everything, so it stands alone: other entries beside it change nothing.",
    remedy='Keep `"*"` alone, or remove it and keep the other entries.',
)
STAR_IS_NOT_AN_ORIGIN: Final = STAR_NOT_ALONE.variant(
    'means every origin: write allow_origins="*", or only the others'
)
ENTRY_TYPE: Final = FIELD_PROBLEMS.declare(
    "entry-type",
    "is of type {type}, not a string",
    meaning="An entry of a collection is not a string.",
    remedy="Write each entry as text. For a URL object, that is `str(url)`.",
)
NOT_A_BOOL: Final = FIELD_PROBLEMS.declare(
    "not-a-bool",
    "is neither True nor False",
    meaning="The value of a switch is neither True nor False.",
    remedy='Write `True` or `False`. A text such as `"false"` is true in Python.',
)
CHECK_REQUESTS: Final = FIELD_PROBLEMS.declare(
    "check-requests-value",
    'is neither False, "writes" nor "all"',
    meaning='`check_requests` is neither `False`, `"writes"` nor `"all"`.',
    remedy='Write `"writes"` to check POST, PUT, PATCH and DELETE, or `"all"` to check GET and HEAD, too.',
)

# --- credentials ---

CREDENTIALS_ANY_ORIGIN: Final = CREDENTIALS_PROBLEMS.declare(
    "credentials-any-origin",
    "with credentials allows every page on the web to act as each of your users: name the origins",
    meaning="With credentials, a page of any origin could act as each of your users.",
    remedy="Name the origins, or remove `allow_credentials`.",
)
CREDENTIALS_ANY_EXPOSED: Final = CREDENTIALS_PROBLEMS.declare(
    "credentials-any-exposed",
    "with credentials is the name of a header for browsers: name the headers",
    meaning="With credentials, `*` in `expose_headers` is the name of a header for browsers.",
    remedy="Name the headers.",
)
CREDENTIALS_FILE: Final = CREDENTIALS_PROBLEMS.declare(
    "credentials-file",
    "with credentials allows every file that a user opens to act as that user",
    meaning="With credentials, every file that a user opens could act as that user.",
    remedy="Remove `allow_credentials`, and send a token from the app.",
)
CREDENTIALS_INSECURE: Final = CREDENTIALS_PROBLEMS.declare(
    "credentials-insecure-origin",
    "with credentials trusts everybody who can change that page on the network: use https",
    meaning="With credentials, everybody who can change an http page on the network can act as its users.",
    remedy="Serve the page over https. In a network of your own: `dangerously_allow_insecure_origins=True`.",
)
CREDENTIALS_PUBLIC_SUFFIX: Final = CREDENTIALS_PROBLEMS.declare(
    "credentials-public-suffix",
    "with credentials trusts everybody who registers a name there: name your own hosts",
    meaning="With credentials, this wildcard trusts names that anybody can register.",
    remedy="Name your own hosts, or write a function that knows them. If all names there are yours: "
    "`dangerously_allow_public_suffixes=True`.",
)

# --- methods and headers ---

NAME_NOT_TOKEN: Final = NAME_PROBLEMS.declare(
    "name-not-token",
    "is not a name that HTTP allows",
    meaning="The name of a method or header is empty, or has characters that HTTP does not allow.",
    remedy="Write only the name, without colon, space or value.",
)
NAME_WILDCARD: Final = NAME_PROBLEMS.declare(
    "name-wildcard",
    'has * in it, which browsers take for a letter: write each name, or "*" alone for all',
    meaning="`*` within a name is not a wildcard: browsers take it for a letter.",
    remedy='Write each name, or `"*"` alone.',
)
METHOD_FORBIDDEN: Final = NAME_PROBLEMS.declare(
    "method-forbidden",
    "is a method that browsers do not allow pages to use",
    meaning="Browsers do not allow pages to use this method.",
    remedy="Remove it.",
)
HEADER_FORBIDDEN: Final = NAME_PROBLEMS.declare(
    "header-forbidden",
    "is a header that browsers do not allow pages to set",
    meaning="Browsers do not allow pages to set this request header.",
    remedy="Remove it. Headers that browsers send by themselves need no permission.",
)
HEADER_OF_RESPONSE: Final = NAME_PROBLEMS.declare(
    "header-of-response",
    "is a header of responses, which no page has to send",
    meaning="A header of responses stands among the request headers.",
    remedy="Remove it. Headers that pages may read belong in `expose_headers`.",
)
HEADER_OF_REQUEST: Final = NAME_PROBLEMS.declare(
    "header-of-request",
    "is a header of requests, not of responses",
    meaning="A header of requests stands among the response headers.",
    remedy="Remove it. Headers that pages may send belong in `allow_headers`.",
)
HEADER_OF_PREFLIGHT: Final = NAME_PROBLEMS.declare(
    "header-of-preflight",
    "is a header of preflight responses, which no page can read",
    meaning="Only preflight responses have this header, and no page can read those.",
    remedy="Remove it.",
)
HEADER_MEDIA_TYPE: Final = NAME_PROBLEMS.declare(
    "header-media-type",
    "is a media type: the name of its header is content-type",
    meaning="A media type is not the name of a header: it is a value of the header `content-type`.",
    remedy="Write `content-type`.",
)
HEADER_SET_COOKIE: Final = NAME_PROBLEMS.declare(
    "header-set-cookie",
    "is a header that browsers never show to a page",
    meaning="Browsers never show this header to a page.",
    remedy="Remove it. If the page needs the value, send it in another header too.",
)

# --- times ---

MAX_AGE_TYPE: Final = TIME_PROBLEMS.declare(
    "max-age-type",
    "is neither a whole number of seconds, a timedelta nor None",
    meaning="`max_age` is neither a whole number of seconds, a `timedelta` nor `None`.",
    remedy="Write whole seconds, a `timedelta` or `None`.",
)
MAX_AGE_FRACTION: Final = TIME_PROBLEMS.declare(
    "max-age-fraction",
    "is not in whole seconds",
    meaning="`max_age` is not in whole seconds.",
    remedy="Round it.",
)
MAX_AGE_RANGE: Final = TIME_PROBLEMS.declare(
    "max-age-range",
    "is not from 0 to {limit} seconds",
    meaning="`max_age` is not from 0 to 86400 seconds.",
    remedy="Write 0 to 86400. With `0`, browsers do not cache preflights; with `None`, there is no header.",
)
TIMEOUT_TYPE: Final = TIME_PROBLEMS.declare(
    "origin-timeout-type",
    "is neither a number of seconds nor a timedelta",
    meaning="`origin_timeout` is neither a number of seconds nor a `timedelta`.",
    remedy="Write seconds or a `timedelta`.",
)
TIMEOUT_RANGE: Final = TIME_PROBLEMS.declare(
    "origin-timeout-range",
    "is not above 0 and up to {limit:g} seconds",
    meaning="`origin_timeout` is 0 or less, or more than 60 seconds.",
    remedy="Write seconds above 0, up to 60.",
)
