"""The facts of a request, for the records of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..log import Facts, make_facts
from ..spec.fetch import ORIGIN, REQUEST_METHOD

if TYPE_CHECKING:
    from sanic.request import Request


def request_facts(request: Request, section: str, id_: str | None, report_only: bool) -> Facts:
    """Return the facts of a request; its method is the one that a preflight names."""
    headers = request.headers
    method = request.method
    # https://fetch.spec.whatwg.org/#cors-preflight-request
    if method == "OPTIONS" and ORIGIN in headers:
        method = headers.get(REQUEST_METHOD, method)
    return make_facts(
        section=section,
        origin=headers.get(ORIGIN),
        id_=id_,
        method=method,
        path=request.path,
        report_only=report_only,
    )
