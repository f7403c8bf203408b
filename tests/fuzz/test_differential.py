"""A few seconds of `python -m tests.fuzz.differential`."""

from __future__ import annotations

import os
import random
import warnings

import pytest

from corsbp import CorsPolicyWarning

from .descriptions import Maker, Owned, owner_of
from .differential import Campaign

pytestmark = pytest.mark.no_cover
# The same in each run, so that every kind is in so few: `python -m tests.fuzz.differential` begins anywhere.
SEED = int(os.environ.get("CORSBP_SEED") or 1)
KINDS = {
    *("outside", "outside beside", "inside", "error", "served by middleware"),
    *("options", "preflight", "preflight of an unknown path", "preflight outside"),
    *("handshake", "refused handshake", "doubtful", "unreadable", "unreadable in one section"),
}


def test_apps_with_sections_and_without() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorsPolicyWarning)
        campaign = Campaign(SEED)
        campaign.run(1_500, each=50)
    assert set(campaign.kinds) >= KINDS, (SEED, campaign.kinds)


def test_the_rule_of_prefixes_by_hand() -> None:
    spec = Maker(random.Random(1)).app()
    one, two = ("s1", "public"), ("s2", "list")
    spec.owned = [Owned(None, (), None), Owned(None, ("a",), one), Owned(None, ("a", "b"), two)]
    spec.owned += [Owned(None, ("a", "b"), None), Owned("h", ("c", "<t:int>"), two)]
    paths = [("/x", None), ("/a/x", None), ("/a/b/x", None), ("/c/7/x", "h"), ("/c/7/x", "i"), ("/c/x", "h")]
    assert [owner_of(spec, path, host) for path, host in paths] == [None, one, None, two, None, None]
