"""The check of requests (`check_requests`): the table of cases, and what each verdict has read."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from multidict import CIMultiDict

from corsbp import CorsPolicy, CorsPolicyWarning
from corsbp.decision.checked_request import CheckedRequest
from corsbp.decision.compiled import CompiledPolicy
from corsbp.decision.origin_functions import OriginDecision
from corsbp.decision.refusal import Refusal
from corsbp.decision.request_check import handshake_refusal, is_checked, needs_functions, request_refusal

from ..cases import EVIL, ONE
from ..forgery_cases import (
    CASES,
    CREDENTIALS,
    CROSS,
    FORGED,
    NAVIGATION,
    OWN,
    POLICIES,
    SAME,
    UNROUTED,
    Case,
    sent,
)


def policy_of(**fields: object) -> CorsPolicy:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorsPolicyWarning)  # "*" beside a check is meant here
        return CorsPolicy(**fields)  # type: ignore[arg-type]  # of the table


def checked_request(case: Case, compiled: CompiledPolicy, scheme: str = "http") -> CheckedRequest:
    headers = CIMultiDict(case.headers)
    request = SimpleNamespace(
        method=case.method, headers=headers, host=case.host, scheme=scheme, transport=None
    )
    return CheckedRequest(cast(Any, request))


def decision_of(compiled: CompiledPolicy, request: CheckedRequest) -> OriginDecision:
    """Return the decision about the origin; functions of the table are called if the check needs them."""
    origins, decision = request.origins, OriginDecision()
    if not decision.decide_without_calls(compiled, origins) and needs_functions(compiled, request):
        try:
            allows = [bool(function(origins[0], None)) for function in compiled.functions]  # type: ignore[arg-type]  # none of them reads the request
            decision.grant = origins[0] if any(allows) else None
            decision.failed = False
        except ZeroDivisionError:
            decision.failed = True
    return decision


def refusal_of(
    check: Callable[[CompiledPolicy, CheckedRequest, str | None, bool], Refusal | None],
    compiled: CompiledPolicy,
    request: CheckedRequest,
) -> Refusal | None:
    decision = decision_of(compiled, request)
    return check(compiled, request, decision.grant, decision.failed)


@pytest.mark.parametrize("case", [*CASES, *UNROUTED], ids=lambda case: case.name)
def test_each_case_of_the_table(case: Case) -> None:
    compiled = CompiledPolicy(policy_of(**case.fields))
    request = checked_request(case, compiled)
    refusal = refusal_of(request_refusal, compiled, request)
    assert (refusal.id if refusal else None) == case.id
    if refusal is not None:
        assert refusal.words and refusal.expected and "{" not in refusal.words


@pytest.mark.parametrize("method", ["PROPFIND", "post", "TRACK", ""])
def test_unknown_methods_are_checked(method: str) -> None:
    """What changes nothing is a list: whatever it leaves out may change something."""
    assert is_checked(policy_of(check_requests="writes"), method)


# --- words ---

LISTED = f"allow_origins leaves it out: it has '{ONE}'"
WORDS = [
    # why a request is refused, and what to change
    ("POST", sent(ONE, EVIL), {}, "the request has 2 lines of Origin: look for a proxy that adds the header"),
    (
        "POST",
        (*sent(site=SAME), ("sec-fetch-site", CROSS)),
        {},
        "the request has 2 lines of Sec-Fetch-Site: look for a proxy that adds the header",
    ),
    ("POST", sent(f"{ONE}/"), {}, "no browser sends such an Origin"),
    (
        "POST",
        sent(EVIL),
        {},
        f"{LISTED}; if it is a page of this server, have the proxy pass Host on: the request came to "
        "'api.example'",
    ),
    ("POST", sent(EVIL, site=CROSS), {}, LISTED),
    (
        "POST",
        sent("null"),
        {},
        "Origin is null; if it is a page of this server over http, its Referrer-Policy is no-referrer: write "
        "same-origin, or serve it over https",
    ),
    (
        "POST",
        sent("null", site=CROSS),
        {},
        "allow_origins cannot name an opaque origin: a sandboxed frame, a file, a redirect between sites",
    ),
    (
        "POST",
        sent(OWN, site=CROSS),
        {},
        "Origin has the host of this server, but for the browser the page is 'cross-site': is it an http "
        "page, and the server https?",
    ),
    (
        "GET",
        sent(site=CROSS),
        {"check_requests": "all"},
        "the request has no Origin, and Sec-Fetch-Site is 'cross-site'; if an allowed page loads it as an "
        "image or a script, write crossorigin in its tag",
    ),
    ("POST", sent(ONE), {"allow_methods": ["PUT"]}, "allow_methods leaves out 'POST': it has PUT"),
    ("POST", sent(ONE), {"allow_methods": ()}, "allow_methods leaves out 'POST': it has none"),
    (
        "POST",
        sent(ONE, cookie="a"),
        {},
        "allow_credentials is False, and the request has the header Cookie: send it with credentials: 'omit' "
        "(fetch with keepalive, not a beacon), or set allow_credentials=True",
    ),
    (
        "POST",
        sent(ONE, **NAVIGATION),
        {},
        "allow_credentials is False, and a form is sent with cookies: send the request with fetch, or set "
        "allow_credentials=True",
    ),
    (
        "POST",
        sent(ONE, authorization="Basic a"),
        {"allow_methods": ["PUT"]},
        "allow_methods leaves out 'POST': it has PUT; and allow_credentials is False, and Authorization has "
        "another scheme than Bearer, as browsers send it by themselves: send a bearer token, or set "
        "allow_credentials=True",
    ),
]


@pytest.mark.parametrize(("method", "headers", "fields", "words"), WORDS)
def test_the_words_say_what_to_change(
    method: str, headers: tuple[tuple[str, str], ...], fields: dict[str, object], words: str
) -> None:
    compiled = CompiledPolicy(policy_of(**{"allow_origins": [ONE], "check_requests": "writes", **fields}))
    request = checked_request(Case("", "one", None, method, headers), compiled)
    refusal = refusal_of(request_refusal, compiled, request)
    assert refusal is not None and refusal.words == words


HOSTS = (("host", "api.example"), ("host", "api.example"))


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (
            sent("http://api.example"),
            "it is http, and the request came over https: serve the page over https",
        ),
        (sent("http://api.example", site=CROSS), "'cross-site': is it an http page, and the server https?"),
        ((*sent(OWN), *HOSTS), "have the proxy pass Host on"),
    ],
)
def test_the_words_about_a_page_of_the_own_host_that_is_not_own(
    headers: tuple[tuple[str, str], ...], words: str
) -> None:
    compiled = CompiledPolicy(policy_of(allow_origins=[ONE], check_requests="writes"))
    request = checked_request(Case("", "one", None, "POST", headers), compiled, "https")
    refusal = refusal_of(request_refusal, compiled, request)
    assert refusal is not None and refusal.id == FORGED and words in refusal.words


@pytest.mark.parametrize("name", ["cookie", "authorization"])
def test_the_words_about_a_handshake_with_credentials(name: str) -> None:
    """No page can leave them out of a handshake."""
    compiled = CompiledPolicy(policy_of(allow_origins=[ONE], check_requests="writes"))
    request = checked_request(Case("", "one", None, "GET", sent(ONE, **{name: "Basic a"})), compiled)
    refusal = refusal_of(handshake_refusal, compiled, request)
    assert refusal is not None and refusal.words == (
        f"allow_credentials is False, and browsers send {name.title()} with every handshake: set "
        "allow_credentials=True, or serve the WebSocket on a host without cookies and passwords"
    )


def test_nothing_of_a_request_is_in_the_words_unescaped() -> None:
    hostile = "\x1b[2J\r\n"
    compiled = CompiledPolicy(policy_of(allow_origins=[ONE], check_requests="all"))
    for headers in (sent(EVIL), sent(site=hostile), sent(OWN, site=hostile)):
        request = checked_request(Case("", "one", None, "GET", headers, host=hostile), compiled)
        refusal = refusal_of(request_refusal, compiled, request)
        assert refusal is not None and refusal.words.isprintable()


# --- what the verdict has read ---


@pytest.mark.parametrize(
    ("policy", "headers", "names"),
    [
        ("one", sent(), "origin sec-fetch-site"),
        ("one", sent(site=SAME, cookie="a"), "origin sec-fetch-site"),
        ("credentials", sent(ONE, site=CROSS, cookie="a"), "origin sec-fetch-site"),
        ("one", sent(ONE, site=CROSS), "origin sec-fetch-site sec-fetch-mode cookie authorization"),
        ("one", sent(ONE, site=CROSS, cookie="a"), "origin sec-fetch-site sec-fetch-mode cookie"),
        ("one", sent(site=CROSS, **NAVIGATION), "origin sec-fetch-site sec-fetch-mode sec-fetch-dest"),
        ("any", sent(site=CROSS, **NAVIGATION), "origin sec-fetch-site sec-fetch-mode sec-fetch-dest"),
        ("one", sent(EVIL, site=CROSS), "origin sec-fetch-site sec-fetch-mode"),
    ],
)
def test_the_headers_that_a_verdict_has_read(
    policy: str, headers: tuple[tuple[str, str], ...], names: str
) -> None:
    compiled = CompiledPolicy(policy_of(**POLICIES[policy], check_requests="all"))
    request = checked_request(Case("", policy, None, "GET", headers), compiled)
    refusal_of(request_refusal, compiled, request)
    assert " ".join(dict.fromkeys(request.names)) == names


# --- functions and handshakes ---


@pytest.mark.parametrize(
    ("headers", "needed"),
    [
        (sent(ONE, site=CROSS), True),
        (sent(EVIL), True),
        (sent(EVIL, site="none"), True),
        (sent(EVIL, site=SAME), False),
        (sent(OWN), False),
        (sent(OWN, site=CROSS), False),
        (sent("null", site=CROSS), False),
        (sent(f"{ONE}/"), False),
        (sent(), False),
        (sent(ONE, EVIL), False),
        ((*sent(ONE, site=CROSS), ("sec-fetch-site", CROSS)), False),
    ],
)
def test_functions_are_called_about_pages_of_others_only(
    headers: tuple[tuple[str, str], ...], needed: bool
) -> None:
    compiled = CompiledPolicy(policy_of(**POLICIES["function"], check_requests="writes"))
    assert (
        needs_functions(compiled, checked_request(Case("", "function", None, "POST", headers), compiled))
        is needed
    )


@pytest.mark.parametrize("checks", [False, "writes", "all"])
@pytest.mark.parametrize(
    ("policy", "headers", "id_"),
    [
        ("one", sent(ONE), None),
        ("one", sent(EVIL), "origin-not-allowed"),
        ("one", sent(ONE, ONE), "origin-repeated"),
        ("any", sent(EVIL), None),
        ("any", sent(EVIL, EVIL), "origin-repeated"),
        ("any", sent("null"), None),
        ("one", sent(ONE, cookie="a=1"), CREDENTIALS),
        ("any", sent(EVIL, authorization="Basic a"), CREDENTIALS),
        ("any", sent(EVIL, authorization="Bearer a"), None),
        ("credentials", sent(ONE, cookie="a=1"), None),
    ],
)
def test_handshakes_hold_to_the_credentials_of_the_policy_where_it_checks_requests(
    policy: str, headers: tuple[tuple[str, str], ...], id_: str | None, checks: object
) -> None:
    compiled = CompiledPolicy(policy_of(**POLICIES[policy], check_requests=checks))
    request = checked_request(Case("", policy, None, "GET", headers), compiled)
    refusal = refusal_of(handshake_refusal, compiled, request)
    expected = None if id_ == CREDENTIALS and not checks else id_
    assert (refusal.id if refusal else None) == expected
    fields = {**POLICIES[policy], "check_requests": checks, "check_websockets": False}
    assert handshake_refusal(CompiledPolicy(policy_of(**fields)), request, None) is None


def test_a_refused_request_has_the_value_that_was_refused() -> None:
    compiled = CompiledPolicy(policy_of(allow_origins=[ONE], check_requests="writes"))
    values = []
    for headers in (sent(EVIL), sent(ONE, EVIL), sent(ONE, cookie="a=1"), sent(site=CROSS)):
        request = checked_request(Case("", "one", None, "POST", headers), compiled)
        refusal = refusal_of(request_refusal, compiled, request)
        assert refusal is not None
        values.append((refusal.id, refusal.value, refusal.expected))
    assert values == [
        (FORGED, EVIL, f"a page of this server, or one of '{ONE}'"),
        (FORGED, [ONE, EVIL], "one line of Origin"),
        (CREDENTIALS, "cookie", "a request without credentials"),
        (FORGED, "", "a page of this server"),
    ]
