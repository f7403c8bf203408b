"""Pure: the body of a form: its fields in one of the three encodings that HTML has."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias
from urllib.parse import quote_plus

from .arguments import check_choice, normalise_pairs
from .result import Pairs

Enctype: TypeAlias = Literal["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]

Fields: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


def encode_form(fields: Fields, enctype: Enctype) -> tuple[bytes, str]:
    """Return the body of a form with method POST, and its content type.

    https://html.spec.whatwg.org/#form-submission-algorithm

    Raises:
        ValueError: `enctype` is unknown, or a field is not a name and a value.
    """
    check_choice("enctype", enctype, Enctype)
    # https://html.spec.whatwg.org/#convert-to-a-list-of-name-value-pairs
    pairs = tuple(
        (_normalise_newlines(name), _normalise_newlines(value))
        for name, value in normalise_pairs("fields", fields)
        if name  # https://html.spec.whatwg.org/#constructing-the-form-data-set
    )
    match enctype:
        case "multipart/form-data":
            boundary = f"----corsbp{secrets.token_hex(8)}"
            return _encode_parts(pairs, boundary), f"{enctype}; boundary={boundary}"
        case "text/plain":
            return "".join(f"{name}={value}\r\n" for name, value in pairs).encode(), enctype
    return "&".join(f"{_encode_text(name)}={_encode_text(value)}" for name, value in pairs).encode(), enctype


def _normalise_newlines(text: str) -> str:
    return "\r\n".join(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def _encode_text(text: str) -> str:
    """Return text as in a query. https://url.spec.whatwg.org/#concept-urlencoded-serializer"""
    # Python leaves a tilde, and encodes a star; browsers do the reverse
    return quote_plus(text, safe="*").replace("~", "%7E")


def _encode_parts(pairs: Pairs, boundary: str) -> bytes:
    """Return fields as parts. https://html.spec.whatwg.org/#multipart-form-data"""
    head = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    parts = [head.format(boundary, _escape_name(name), value) for name, value in pairs]
    return "".join([*parts, f"--{boundary}--\r\n"]).encode()


def _escape_name(name: str) -> str:
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
