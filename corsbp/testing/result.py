"""Pure: what a browser sends and gets, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from corsbp.text import MAX_SHOWN, safe_repr

MOST_NAMES = 20
"""Names of an answer that a text lists."""

Pairs: TypeAlias = tuple[tuple[str, str], ...]

STOPS: Mapping[str, str] = MappingProxyType(
    {
        # before anything is sent
        "url-invalid": "The address is no URL.",
        "url-user-info": "The address has a user name or password in it.",
        "method-invalid": "The method is not the name of one.",
        "method-forbidden": "A method that browsers never let a page use.",
        "header-invalid": "A name or value that no header has.",
        "body-not-allowed": "GET and HEAD have no body.",
        "no-cors-method": 'Mode "no-cors" knows GET, HEAD and POST.',
        "no-cors-redirect": 'Mode "no-cors" follows redirects, or fails.',
        "same-origin-only": 'Mode "same-origin", and another origin.',
        "scheme-not-http": "Neither http nor https.",
        "mixed-content": "An https page calls an http address.",
        # on the way
        "no-answer": "The server did not answer.",
        # the preflight: https://fetch.spec.whatwg.org/#cors-preflight-fetch
        "preflight-redirect": "The preflight was redirected.",
        "preflight-status": "The preflight's status is none from 200 to 299.",
        "preflight-origin-missing": "The preflight's answer names no origin.",
        "preflight-origin-several": "The preflight's answer names several origins.",
        "preflight-origin-any": "The preflight's answer says `*`, and the page sends credentials.",
        "preflight-origin-other": "The preflight's answer names another origin.",
        "preflight-credentials": "The preflight's answer does not allow credentials.",
        "preflight-malformed": "The preflight's answer has a list that is none.",
        "preflight-method": "The preflight's answer does not allow the method.",
        "preflight-authorization": "The preflight's answer does not name Authorization: `*` never covers it.",
        "preflight-header": "The preflight's answer does not allow a header.",
        # redirects: https://fetch.spec.whatwg.org/#http-redirect-fetch
        "redirect-refused": 'The answer is a redirect, and the page said redirect: "error".',
        "redirect-location": "The redirect leads to no URL.",
        "redirect-scheme": "The redirect leads to neither http nor https.",
        "redirect-user-info": "The redirect leads to another origin with a user name or password.",
        "redirect-too-many": "More than 20 redirects.",
        # the answer: https://fetch.spec.whatwg.org/#cors-check
        "origin-missing": "The answer names no origin.",
        "origin-several": "The answer names several origins.",
        "origin-any": "The answer says `*`, and the page sends credentials.",
        "origin-other": "The answer names another origin.",
        "credentials": "The answer does not allow credentials.",
        "resource-policy": 'Mode "no-cors": the answer may not be embedded by this page.',
        # the handshake of a WebSocket
        "handshake-refused": "The server does not open the WebSocket.",
        # what the page gets, but cannot look into
        "opaque": 'Mode "no-cors": the page gets an answer that it cannot read.',
        "opaque-redirect": 'The page said redirect: "manual": it gets a redirect that it cannot read.',
    }
)
"""Where a fetch can end without the page reading the answer: stable ids, each with what it means.

    assert result.blocked_by is None, STOPS[result.blocked_by]

An id never changes its meaning.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it came, with what the page may not read.

        answer = result.sent[-1].answer
        assert isinstance(answer, Answer) and answer.get("access-control-allow-origin")

    `result.headers` has what the page may read.
    """

    status: int
    """As it came: `answer.status == 204`."""

    headers: Pairs
    """In their order, each line by itself: `("vary", "origin") in answer.headers`."""

    body: bytes = b""
    """As much of the body as was waited for: `json.loads(answer.body)`."""

    complete: bool = True
    """Whether that is all of it, `assert answer.complete`: False for a stream of events, which has no end."""

    def lines(self, name: str) -> list[str]:
        """The values of all lines of a header, given in lower case."""
        return [value for key, value in self.headers if key.lower() == name]

    def get(self, name: str) -> str | None:
        """All lines of a header as one. https://fetch.spec.whatwg.org/#concept-header-list-get"""
        return ", ".join(lines) if (lines := self.lines(name)) else None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """What a sender says in place of an answer: why there is none."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that a browser sent, and its answer.

        first: Sent = result.sent[0]
        assert first.preflight and first.status == 204

    As a string, both in a line.
    """

    method: str
    """As it was sent: `"OPTIONS"` for a preflight."""

    url: str
    """Where to, absolute and without a fragment: `"https://api.example/items"`."""

    headers: Pairs
    """Those that the page and the browser set: `("origin", "https://app.example") in first.headers`."""

    body: bytes = b""
    """`b""` for none, as for every preflight."""

    preflight: bool = False
    """Whether the browser asked for a permission: `[each for each in result.sent if each.preflight]`."""

    cached: bool = False
    """Whether a preflight was not sent, because the browser remembers one: then `answer` is None."""

    answer: Answer | None = None
    """What came back; None without any answer: `first.answer.get("vary")`."""

    @property
    def status(self) -> int | None:
        """The answer's status; None without any."""
        return self.answer.status if self.answer else None

    def __str__(self) -> str:
        kind = "preflight " if self.preflight else ""
        came = "not sent: remembered" if self.cached else f"{self.status or 'no answer'}"
        return f"{kind}{self.method} {cut(self.url)}: {came}"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the browser looked at.

        last: Step = result.steps[-1]
        print(last.text, last.stop, last.change)

    The last one says how the fetch ended.
    """

    text: str
    """What it saw: `"The method PUT is allowed"`."""

    stop: str | None = None
    """The id of `STOPS` if it ended there: `"preflight-method"`; else None."""

    change: str | None = None
    """What to change, if that can be told: `"Serve it over https."`

    Where a cookie stays at home, there is something to change although nothing stops.
    """


Kind: TypeAlias = Literal["basic", "cors", "opaque", "opaqueredirect", "websocket", "error"]


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """What a page gets of one fetch.

        result: Result = await browser.fetch("/items")
        assert result.ok_for_page, str(result)

    As a string, it tells the whole story: what was sent, each check, and what to change.
    """

    type: Kind
    """As `Response.type` in a page; `"error"` is a `TypeError` there, `"websocket"` a socket that opens."""

    url: str
    """Where the answer came from, after redirects; `""` where the page does not get to know."""

    status: int
    """The status that the page sees; `0` where it sees none."""

    headers: Mapping[str, str]
    """The headers that the page may read, in lower case: `result.headers["content-type"]`."""

    body: bytes
    """What the page can read of the body; `b""` where it can read nothing."""

    sent: tuple[Sent, ...]
    """Each request and answer in order: `[(each.method, each.status) for each in result.sent]`."""

    steps: tuple[Step, ...]
    """What the browser looked at, in order: `result.steps[-1].text`."""

    @property
    def blocked_by(self) -> str | None:
        """Why the page cannot read the answer, an id of `STOPS`; None if it can: `"preflight-status"`."""
        return self.steps[-1].stop if self.steps else None

    @property
    def ok_for_page(self) -> bool:
        """Whether the page can read the answer, whatever its status: `assert result.ok_for_page`."""
        return self.blocked_by is None

    @property
    def why(self) -> str | None:
        """What a developer should read, with the line to change: `print(result.why)`; None if all is well."""
        if self.blocked_by is None:
            return None
        step = self.steps[-1]
        return f"{step.text}. {step.change}" if step.change else f"{step.text}."

    @property
    def text(self) -> str:
        """The body as text, without a byte order mark: `result.text`."""
        return self.body.decode("utf-8-sig", errors="replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError where it is none."""
        return json.loads(self.text)

    def __repr__(self) -> str:
        last = next((each for each in reversed(self.sent)), None)
        came = f"status {self.status}" if self.ok_for_page else f"blocked_by={self.blocked_by!r}"
        return f"<Result {came}{f', {last}' if last else ''}>"

    def __str__(self) -> str:
        reads = "The socket is open." if self.type == "websocket" else f"The page reads status {self.status}."
        verdict = reads if self.ok_for_page else f"Blocked: {self.blocked_by}."
        steps = [f"  {'x' if step.stop else '.'} {step.text}" for step in self.steps]
        changes = dict.fromkeys(step.change for step in self.steps if step.change)
        return "\n".join([*steps, verdict, *changes])


def quoted(values: Iterable[str]) -> str:
    """Values as people read them: cut, escaped, and joined by commas; of many, the first."""
    listed = list(values)
    more = [f"and {len(listed) - MOST_NAMES} more"] if len(listed) > MOST_NAMES else []
    return ", ".join([*map(safe_repr, listed[:MOST_NAMES]), *more])


def cut(url: object) -> str:
    """A URL or origin, in which nothing needs to be escaped, cut to size."""
    text = str(url)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"
