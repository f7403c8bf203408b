"""Pure: the requests of a call, their responses, and what the page gets in the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .short_text import shorten

Pairs: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as the server sent it, with the headers that the page cannot read.

        answer = result.sent[-1].answer
        assert isinstance(answer, Answer) and answer.get("access-control-allow-origin")

    `result.headers` has only the headers that the page can read.
    """

    status: int
    """The status that the server sent: `answer.status == 204`."""

    headers: Pairs
    """All header lines in their order: `("vary", "origin") in answer.headers`."""

    body: bytes = b""
    """The part of the body that arrived in time: `json.loads(answer.body)`."""

    complete: bool = True
    """Whether `body` is the whole body: `assert answer.complete`. False for a stream of events."""

    def lines(self, name: str) -> list[str]:
        """Return the values of all lines of a header. `name` is in lower case."""
        return [value for key, value in self.headers if key.lower() == name]

    def get(self, name: str) -> str | None:
        """Return all lines of a header as one value. https://fetch.spec.whatwg.org/#concept-header-list-get"""
        lines = self.lines(name)
        return ", ".join(lines) if lines else None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The reason why there is no response: what a sender returns instead of an `Answer`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that a browser sent, with its response.

        first: Sent = result.sent[0]
        assert first.preflight and first.status == 204

    `str(first)` shows both in one line.
    """

    method: str
    """The method of the request: `"OPTIONS"` for a preflight."""

    url: str
    """The absolute URL without its fragment: `"https://api.example/items"`."""

    headers: Pairs
    """Headers that the page and the browser set: `("origin", "https://app.example") in first.headers`."""

    body: bytes = b""
    """The request's body; `b""` if there is none, as for every preflight."""

    preflight: bool = False
    """Whether this is a preflight: `[each for each in result.sent if each.preflight]`."""

    cached: bool = False
    """Whether a preflight was in the browser's cache and not sent. Then `answer` is None."""

    answer: Answer | None = None
    """The response, or None if there is none: `first.answer.get("vary")`."""

    @property
    def status(self) -> int | None:
        """Status of the response; None without a response."""
        return self.answer.status if self.answer else None

    def __str__(self) -> str:
        outcome = "no response" if self.status is None else str(self.status)
        if self.cached:
            outcome = "not sent, in the preflight cache"
        request = f"{self.method} {shorten(self.url)}: {outcome}"
        return f"preflight {request}" if self.preflight else request


@dataclass(frozen=True, slots=True)
class Step:
    """One check of the browser, or another fact that a developer should know.

        last: Step = result.steps[-1]
        print(last.text, last.stop, last.change)

    The last step shows how the call ended.
    """

    text: str
    """What the browser found: `"The method PUT is allowed"`."""

    stop: str | None = None
    """The id in `STOPS` if the call stopped here, `"preflight-method"`; else None."""

    change: str | None = None
    """What to change, if that is known: `"Serve it over https."`

    A step that stops nothing can have a change too, for example if a cookie was not sent.
    """


class StoppedError(Exception):
    """The browser stops the call at `step`."""

    def __init__(self, stop: str, text: str, change: str | None = None) -> None:
        super().__init__(text)
        self.step: Step = Step(text, stop, change)


CallKind: TypeAlias = Literal["beacon", "form", "image", "script", "navigate"]
Kind: TypeAlias = Literal["basic", "cors", "opaque", "opaqueredirect", "websocket", "error"] | CallKind

_DONE: Mapping[str, str] = {
    "websocket": "The socket is open.",
    "beacon": "The beacon arrived.",
    "form": "The form was sent, and the browser shows the response.",
    "image": "The image is shown.",
    "script": "The script runs.",
    "navigate": "The browser shows the response.",
}
"""By the kind of a result: the sentence for a call whose response the page cannot read, and that worked."""


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """What a page gets from one call.

        result: Result = await browser.fetch("/items")
        assert result.ok_for_page, str(result)

    `str(result)` shows every step, and what to change.
    """

    type: Kind
    """`Response.type` in the page; `"error"` for a `TypeError`, `"websocket"` for an open socket.

    For `fetch_as`, its `kind` if the task is done: `result.type == "image"`.
    """

    url: str
    """The URL of the response, after redirects; `""` if the page cannot know it."""

    status: int
    """The status that the page can read; `0` if it can read none."""

    headers: Mapping[str, str]
    """The headers that the page can read, in lower case: `result.headers["content-type"]`."""

    body: bytes
    """The part of the body that the page can read; `b""` if it can read none."""

    sent: tuple[Sent, ...]
    """Each request with its response, in order: `[(each.method, each.status) for each in result.sent]`."""

    steps: tuple[Step, ...]
    """The checks of the browser, in order: `result.steps[-1].text`."""

    @property
    def blocked_by(self) -> str | None:
        """The id in `STOPS` of what stopped the page, `"preflight-status"`; None if nothing did."""
        return self.steps[-1].stop if self.steps else None

    @property
    def ok_for_page(self) -> bool:
        """Whether the page can read the response, whatever its status: `assert result.ok_for_page`.

        For `fetch_as` and `websocket`, whether the task is done.
        """
        return self.blocked_by is None

    @property
    def why(self) -> str | None:
        """The reason why the page is stopped, with what to change: `print(result.why)`; else None."""
        if self.blocked_by is None:
            return None
        step = self.steps[-1]
        return f"{step.text}. {step.change}" if step.change else f"{step.text}."

    @property
    def text(self) -> str:
        """The body as text, without a byte order mark: `result.text`."""
        return self.body.decode("utf-8-sig", errors="replace")

    def json(self) -> Any:
        """Parse the body as JSON. Raises ValueError if it is not JSON."""
        return json.loads(self.text)

    def __repr__(self) -> str:
        outcome = f"blocked_by={self.blocked_by!r}"
        if self.ok_for_page:
            outcome = f"status {self.status}" if self.status else self.type
        last = f", {self.sent[-1]}" if self.sent else ""
        return f"<Result {outcome}{last}>"

    def __str__(self) -> str:
        verdict = f"Blocked: {self.blocked_by}."
        if self.ok_for_page:
            verdict = _DONE.get(self.type, f"The page reads status {self.status}.")
        steps = [f"  {'x' if step.stop else '.'} {step.text}" for step in self.steps]
        # each change once, below the verdict, where a developer looks first
        changes = dict.fromkeys(step.change for step in self.steps if step.change)
        return "\n".join([*steps, verdict, *changes])
