"""Pure: addresses that are their own answer: `data:text/plain,hello`. https://fetch.spec.whatwg.org/#data-urls"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from .engines import Engine
from .result import Answer, Pairs

_BASE64 = re.compile(r";[ ]*base64[ ]*$", re.IGNORECASE)
_TYPE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+ *(;.*)?", re.DOTALL)


def answer_of(rest: str, engine: Engine) -> Answer | None:
    """What `data:` and this rest stand for; None if it is nothing."""
    kind, comma, text = rest.partition(",")
    body = unquote_to_bytes(text)
    kind = kind.strip(" \t\n\f\r")
    if not comma:
        return None
    if found := _BASE64.search(kind):
        kind = kind[: found.start()]
        try:
            compact = re.sub(rb"[ \t\n\f\r]", b"", body)
            body = base64.b64decode(
                compact + b"=" * (-len(compact) % 4 if b"=" not in compact else 0), validate=True
            )
        except binascii.Error:
            return None
    if kind.startswith(";"):
        kind = f"text/plain{kind}"
    headers: Pairs = (("content-type", kind if _TYPE.fullmatch(kind) else "text/plain;charset=US-ASCII"),)
    if engine.data_has_length:
        headers = (*headers, ("content-length", f"{len(body)}"))
    return Answer(200, headers, body)
