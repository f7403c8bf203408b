"""Names of headers that a policy declares, and the responses that pages get."""

from __future__ import annotations

import pytest
from sanic import Blueprint, Request, empty
from sanic.response import HTTPResponse

from corsbp import CorsPolicyWarning, cors_group
from corsbp.testing import Answer, Browser, SyncBrowser

from ..support import new_app, text_handler

APP = "https://app.example"


def test_a_page_can_read_the_range_of_a_resumable_upload() -> None:
    """The 308 of a resumable upload has it: the bytes that the server has."""
    uploads = Blueprint("uploads")

    @uploads.put("/upload")
    async def upload(_: Request) -> HTTPResponse:
        return empty(308, headers={"range": "bytes=0-99"})

    app = new_app(cors_group(uploads, allow_origins=[APP], expose_headers=["Range"]))
    with SyncBrowser(Browser(app, origin=APP)) as page:
        result = page.fetch("/upload", "PUT", body=b"x" * 100)
    assert (result.status, result.headers["range"]) == (308, "bytes=0-99")


def test_headers_that_only_browsers_may_set_are_warned_about() -> None:
    """Many recipes allow them. They have no effect, and do no harm."""
    api = Blueprint("api")
    api.add_route(text_handler("here"), "/item", methods=["PUT"], name="item")
    names = ["content-length", "date", "dnt", "x-token"]
    with pytest.warns(CorsPolicyWarning) as caught:
        app = new_app(cors_group(api, allow_headers=names))
    assert [str(each.message)[:16] for each in caught] == ["allow_headers: '"] * 3
    with SyncBrowser(Browser(app, origin=APP)) as page:
        result = page.fetch("/item", "PUT", headers={"x-token": "1"})
    assert result.ok_for_page
    assert isinstance(result.sent[0].answer, Answer)
    assert result.sent[0].answer.get("access-control-allow-headers") == "content-length,date,dnt,x-token"
