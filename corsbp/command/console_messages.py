"""The messages that browsers print in their consoles, by the id of the check that failed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_MISSING = (
    "No 'Access-Control-Allow-Origin' header is present on the requested resource",
    "CORS header ‘Access-Control-Allow-Origin’ missing",
    "Origin … is not allowed by Access-Control-Allow-Origin",
)
_OTHER = (
    "… has a value … that is not equal to the supplied origin",
    "… does not match",
    _MISSING[2],
)
_SEVERAL = (
    "… contains multiple values … but only one is allowed",
    "… does not match",
    "Access-Control-Allow-Origin cannot contain more than one origin",
)
_ANY = (
    "The value … must not be the wildcard '*' when the request's credentials mode is 'include'",
    "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’",
    "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true",
)
_CREDENTIALS = (
    "The value of the 'Access-Control-Allow-Credentials' header in the response is … which must be 'true'",
    "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’",
    'Credentials flag is true, but Access-Control-Allow-Credentials is not "true"',
)
_STATUS = (
    "Response to preflight request doesn't pass access control check: It does not have HTTP ok status",
    "CORS preflight response did not succeed",
    "Preflight response is not successful",
)
_HEADER = (
    "Request header field … is not allowed by Access-Control-Allow-Headers in preflight response",
    "header … is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response",
    "Request header field … is not allowed by Access-Control-Allow-Headers",
)

CONSOLE_MESSAGES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "origin-missing": _MISSING,
        "origin-other": _OTHER,
        "origin-several": _SEVERAL,
        "origin-any": _ANY,
        "credentials": _CREDENTIALS,
        "preflight-origin-missing": _MISSING,
        "preflight-origin-other": _OTHER,
        "preflight-origin-several": _SEVERAL,
        "preflight-origin-any": _ANY,
        "preflight-credentials": _CREDENTIALS,
        "preflight-status": _STATUS,
        "preflight-redirect": (
            "Redirect is not allowed for a preflight request",
            "CORS header ‘Access-Control-Allow-Origin’ missing",
            "Preflight response is not successful",
        ),
        "preflight-method": (
            "Method … is not allowed by Access-Control-Allow-Methods in preflight response",
            "Did not find method in CORS header ‘Access-Control-Allow-Methods’",
            "Method … is not allowed by Access-Control-Allow-Methods",
        ),
        "preflight-header": _HEADER,
    }
)
"""By an id of `STOPS`: the messages of Chromium, Firefox and Safari; … stands for what differs."""
