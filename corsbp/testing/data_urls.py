"""Pure: `data:` URLs, which contain their own response: `data:text/plain,hello`."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from .quirks import Engine
from .result import Answer, Pairs

_BASE64 = re.compile(r";[ ]*base64[ ]*$", re.IGNORECASE)
_TYPE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+ *(;.*)?", re.DOTALL)


def read_data_url(rest: str, engine: Engine) -> Answer | None:
    """Return the response that follows `data:`, or None if it is invalid. https://fetch.spec.whatwg.org/#data-url-processor"""
    content_type, comma, text = rest.partition(",")
    content_type = content_type.strip(" \t\n\f\r")
    body: bytes | None = unquote_to_bytes(text)
    if found := _BASE64.search(content_type):
        content_type = content_type[: found.start()]
        body = _decode_base64(unquote_to_bytes(text))
    if body is None or not comma:
        return None
    if content_type.startswith(";"):
        content_type = f"text/plain{content_type}"
    if not _TYPE.fullmatch(content_type):
        content_type = "text/plain;charset=US-ASCII"
    headers: Pairs = (("content-type", content_type),)
    if engine.data_urls_have_length:
        headers = (*headers, ("content-length", f"{len(body)}"))
    return Answer(200, headers, body)


def _decode_base64(encoded: bytes) -> bytes | None:
    """Decode as browsers do, or return None. https://infra.spec.whatwg.org/#forgiving-base64-decode"""
    compact = re.sub(rb"[ \t\n\f\r]", b"", encoded)
    # the padding may be left out, but not be there in part
    if b"=" not in compact:
        compact += b"=" * (-len(compact) % 4)
    try:
        return base64.b64decode(compact, validate=True)
    except binascii.Error:
        return None
