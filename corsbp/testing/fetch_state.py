"""Pure: the state of one fetch: what redirects change, and what was sent so far."""

from __future__ import annotations

from .exchanges import Exchanges, exchange
from .fetch_arguments import FetchCall, Page, check_arguments, filter_headers
from .preflight_cache import CacheKey
from .preflight_needed import PreflightState
from .quirks import Engine
from .response_headers import decode_as_utf8
from .result import Answer, Kind, Pairs, Sent, Step
from .urls import Url


class FetchState:
    """One fetch of a page. Raises StoppedError in `start` if `new Request()` refuses its arguments."""

    def __init__(self, page: Page, call: FetchCall) -> None:
        self.page: Page = page
        self.call: FetchCall = call
        self.engine: Engine = page.engine
        self.method: str = call.method
        self.headers: Pairs = call.headers
        # browsers send text as UTF-8, whatever the content type
        self.body: bytes | None = call.body.encode() if isinstance(call.body, str) else call.body
        self.includes_credentials: bool = call.credentials == "include"
        self.urls: list[Url] = []
        self.is_tainted: bool = False
        """Whether redirects have made the origin null (Fetch, "redirect-tainted origin")."""
        self.kind: Kind = "basic"
        self.sent: list[Sent] = []
        self.steps: list[Step] = []

    def start(self) -> None:
        """Check the arguments."""
        url, self.method = check_arguments(self.page, self.call)
        self.urls.append(url)
        self.headers, self.steps = filter_headers(self.call)
        self.preflights: PreflightState = PreflightState(self.engine, self.headers, self.call.upload_listener)

    @property
    def url(self) -> Url:
        """The URL to fetch, after the redirects so far."""
        return self.urls[-1]

    @property
    def origin(self) -> str:
        """Value of the header Origin. https://fetch.spec.whatwg.org/#serializing-a-request-origin"""
        return "null" if self.is_tainted else self.page.origin

    @property
    def cache_key(self) -> CacheKey:
        """Key of this request in the preflight cache."""
        origin = self.page.origin if self.engine.preflights_keep_origin else self.origin
        return CacheKey(origin, self.url, self.includes_credentials)

    def log(self, text: str) -> None:
        """Add a step that stops nothing."""
        self.steps.append(Step(text))

    def send(self, request: Sent) -> Exchanges[Answer]:
        """Send a request. Raises StoppedError if there is no response."""
        answer = yield from exchange(request, self.sent)
        return decode_as_utf8(answer) if self.engine.reads_headers_as_utf8 else answer
