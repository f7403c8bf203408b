"""Pure: whether a response is an image that browsers show, or JavaScript that they run."""

from __future__ import annotations

import re

from .result import Answer

_SIGNATURES = re.compile(
    # https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern, and AVIF
    rb"\x89PNG\r\n\x1a\n|GIF8[79]a|\xff\xd8\xff|RIFF....WEBPVP|BM|\0\0[\1\2]\0|....ftypavi[fs]",
    re.DOTALL,
)
_JAVASCRIPT = re.compile(
    # https://mimesniff.spec.whatwg.org/#javascript-mime-type
    r"(application|text)/(x-)?(java|ecma)script|text/(javascript1\.[0-5]|jscript|livescript)"
)


def is_image(answer: Answer) -> bool:
    """Check whether browsers show a response as an image, whatever its status. SVG needs its content type."""
    return _essence(answer) == "image/svg+xml" or _SIGNATURES.match(answer.body) is not None


def is_script(answer: Answer) -> bool:
    """Check whether the content type is one of JavaScript, as module scripts need."""
    return _JAVASCRIPT.fullmatch(_essence(answer)) is not None


def _essence(answer: Answer) -> str:
    """Return the content type without its parameters; of several, the last one."""
    value = (answer.get("content-type") or "").rpartition(",")[2]
    return value.partition(";")[0].strip(" \t\r\n").lower()
