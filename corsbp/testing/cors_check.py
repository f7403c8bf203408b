"""Pure: the CORS check: whether a response allows a page to read it. https://fetch.spec.whatwg.org/#cors-check"""

from __future__ import annotations

from collections.abc import Iterator

from corsbp.spec.fetch import ALLOW_CREDENTIALS, ALLOW_ORIGIN

from .response_headers import show_header
from .result import Answer, Step, StoppedError


def check_cors(answer: Answer, origin: str, credentials: bool, preflight: bool = False) -> Iterator[Step]:
    """Check whether a page of `origin` may read the response. Yields passed steps, raises StoppedError.

    `credentials` is whether the page's credentials mode is "include".
    """
    check = _CorsCheck(answer, origin, credentials, preflight)
    yield check.check_origin()
    # Fetch ends the check here without credentials, whatever the header for them says
    if credentials:
        yield check.check_credentials()


class _CorsCheck:
    """The check of one response, and the words for it."""

    def __init__(self, answer: Answer, origin: str, credentials: bool, preflight: bool) -> None:
        self._answer, self._origin, self._credentials = answer, origin, credentials
        self._prefix, self._subject = "", "The response"
        if preflight:
            self._prefix, self._subject = "preflight-", "The preflight response"

    def check_origin(self) -> Step:
        """Compare the allowed origin, which is one value even if it stands in several lines."""
        value = self._answer.get(ALLOW_ORIGIN)
        allowed = f"{ALLOW_ORIGIN}: {show_header(self._answer, ALLOW_ORIGIN)}"
        if value is None:
            status = f"{self._subject} (status {self._answer.status})"
            text = f"{status} has no {ALLOW_ORIGIN} for the origin {self._origin}"
            raise self._stop("origin-missing", text, self._how_to_allow())
        # `*` must not let every site read the data of a user who is logged in
        if value == "*" and not self._credentials:
            return Step(f"{allowed} allows every origin")
        if value == "*":
            text = f"{allowed} does not allow a page that sends credentials"
            change = f"{self._how_to_allow()} {_WITHOUT_CREDENTIALS}, if it needs no cookies."
            raise self._stop("origin-any", text, change)
        # the comparison is exact, byte by byte: several values in one header never match
        if value != self._origin and ("," in value or len(self._answer.lines(ALLOW_ORIGIN)) > 1):
            change = (
                "Send it once: look for a proxy (in nginx, add_header) or a second middleware that adds one."
            )
            raise self._stop("origin-several", f"{allowed} names more than one origin", change)
        if value != self._origin:
            text = f"{allowed} is not the origin {self._origin}"
            raise self._stop("origin-other", text, self._how_to_allow())
        return Step(f"{allowed} is the page's origin")

    def check_credentials(self) -> Step:
        """Check the header for credentials, whose only value is `true`, in lower case."""
        if self._answer.get(ALLOW_CREDENTIALS) == "true":
            return Step(f"{ALLOW_CREDENTIALS}: true")
        shown = show_header(self._answer, ALLOW_CREDENTIALS)
        text = f"{self._subject} does not allow credentials: {ALLOW_CREDENTIALS} is {shown}, not true"
        change = (
            f"Send {ALLOW_CREDENTIALS}: true. With corsbp: allow_credentials=True. {_WITHOUT_CREDENTIALS}."
        )
        raise self._stop("credentials", text, change)

    def _stop(self, stop: str, text: str, change: str) -> StoppedError:
        return StoppedError(f"{self._prefix}{stop}", text, change)

    def _how_to_allow(self) -> str:
        if self._origin == "null":
            return (
                "The origin is null: a sandboxed frame, a file, or a redirect from one site to another. Do "
                "not allow this name: call the URL that the redirect goes to, or allow any origin without "
                f"credentials ({ALLOW_ORIGIN}: *). With corsbp: allow_origins='*'."
            )
        fields = f"allow_origins=[{self._origin!r}]"
        if self._credentials:
            fields += ", allow_credentials=True"
        return (
            f"Send {ALLOW_ORIGIN}: {self._origin}. "
            f"With corsbp: cors_group(…, {fields}) around the route's blueprint."
        )


_WITHOUT_CREDENTIALS = "Or leave out credentials: 'include' in the page"
