"""Pure: the Fetch standard, and models of three browser engines: each is a list of quirks.

`tests/browsers` compares every engine with its model, and shows each quirk in a scenario.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, TypeAlias, get_args

from .quirks import Engine

EngineName: TypeAlias = Literal["standard", "today", "chromium", "firefox", "webkit"]

STANDARD = Engine()
"""https://fetch.spec.whatwg.org"""

# Chromium 156
CHROMIUM = Engine(
    wildcard_covers_authorization=True,
    upload_method_must_be_allowed=True,
    negative_max_age_is_zero=True,
    longest_max_age=7200,
    caches_after_refused_responses=True,
    caches_after_redirect_errors=True,
    measures_joined_lines=True,
    no_cors_origin_is_null_at_once=True,
    navigation_origin_is_null_at_once=True,
    default_lax_post_seconds=120,
    cors_elements_have_origin=True,
    ignores_empty_location=True,
    redirect_error_needs_location=True,
    refuses_user_info_in_redirects=True,
    merges_equal_locations=True,
    keeps_location_bytes=True,
    asks_for_local_network=True,
    ip_addresses_are_never_same_site=True,
    handshakes_have_no_accept=True,
    handshakes_have_no_metadata=True,
    refused_handshakes_set_no_cookies=True,
)

# Firefox ESR 153
FIREFOX = Engine(
    wildcard_covers_authorization=True,
    upload_method_must_be_allowed=True,
    invalid_max_age_is_zero=True,
    caches_no_wildcard=True,
    caches_credentials_separately=True,
    caches_after_redirect_errors=True,
    has_no_total_limit=True,
    lists_duplicate_names=True,
    safelists_only_ascii=True,
    data_urls_have_length=True,
    repeats_preflight_after_redirect=True,
    preflights_keep_origin=True,
    has_no_beacon_limit=True,
    merges_equal_locations=True,
    keeps_location_bytes=True,
    default_same_site_is_none=True,
    text_without_equals_is_name=True,
    redirects_stay_cross_site=True,
    redirects_to_other_origins_are_cross_site=True,
)

# WebKitGTK 2.50
WEBKIT = Engine(
    wildcard_covers_authorization=True,
    upload_method_must_be_allowed=True,
    negative_max_age_is_zero=True,
    longest_max_age=600,
    caches_wildcard_for_authorization=True,
    caches_after_refused_responses=True,
    caches_after_redirect_errors=True,
    measures_joined_lines=True,
    sends_headers_as_utf8=True,
    reads_headers_as_utf8=True,
    repeats_preflight_after_redirect=True,
    preflights_dropped_headers=True,
    no_cors_keeps_cookies=True,
    navigation_origin_is_null_at_once=True,
    cors_elements_have_origin=True,
    refuses_empty_location=True,
    redirect_error_needs_location=True,
    reads_redirect_without_location=True,
    joins_locations=True,
    default_same_site_is_none=True,
    secure_cookies_need_https=True,
    same_site_none_needs_no_secure=True,
    ignores_cookie_prefixes=True,
    keeps_long_cookies=True,
    cuts_cookies_at_non_ascii=True,
    redirects_stay_cross_site=True,
    redirects_drop_metadata=True,
    handshakes_have_no_accept=True,
    handshakes_have_destination_websocket=True,
)


def _common_quirks(*engines: Engine) -> Engine:
    """Return an engine with the quirks that all of these share, and no preflight cache."""
    quirks: dict[str, Any] = {}
    for field in fields(Engine):
        values = {getattr(engine, field.name) for engine in engines}
        quirks[field.name] = values.pop() if len(values) == 1 else field.default
    quirks["longest_max_age"] = min(engine.longest_max_age for engine in engines)
    # a page cannot rely on the cache: Firefox forgets the first preflight that it should cache
    quirks["caches_nothing"] = True
    return Engine(**quirks)


TODAY = _common_quirks(CHROMIUM, FIREFOX, WEBKIT)
"""The quirks that all three have; a page that works with them works in each."""

ENGINES: dict[str, Engine] = dict(
    zip(get_args(EngineName), (STANDARD, TODAY, CHROMIUM, FIREFOX, WEBKIT), strict=True)
)
