"""An app with the CORS faults that scanners look for."""

from __future__ import annotations

import re
from collections.abc import Callable

from sanic import HTTPResponse, Request, Sanic, text

HOST = "shop.example.com"
OURS = f"https://{HOST}"

WRONG: dict[str, Callable[[str], object]] = {
    "reflect_origin": lambda _: True,
    "prefix_match": lambda origin: origin.startswith(OURS),
    "suffix_match": lambda origin: origin.endswith("example.com"),
    "trust_null": lambda origin: origin == "null",
    "not_escape_dot": lambda origin: re.fullmatch(OURS, origin),
    "trust_any_subdomain": lambda origin: origin.endswith(f".{HOST}"),
    "https_trust_http": lambda origin: origin.endswith(f"//{HOST}"),
    "custom_third_parties": lambda origin: origin.endswith(".github.io"),
}
"""By the name that the scanner has for it: which origins such a server lets in."""

app = Sanic("scanned")


async def handler(request: Request, name: str) -> HTTPResponse:
    origin = request.headers.get("origin", "")
    granted = {"access-control-allow-origin": origin, "access-control-allow-credentials": "true"}
    return text("secret", headers=granted if WRONG[name](origin) else {})


app.add_route(handler, "/<name>")
