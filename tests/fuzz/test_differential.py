"""A few seconds of `python -m tests.fuzz.differential`."""

from __future__ import annotations

import os
import random
import warnings

from corsbp import CorsPolicyWarning

from .differential import Maker, owner, run

# The same in each run, so that every kind is in so few: `python -m tests.fuzz.differential` begins anywhere.
SEED = int(os.environ.get("CORSBP_SEED") or 1)


def test_apps_with_sections_and_without() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorsPolicyWarning)
        kinds = run(2_000, SEED, each=50)
    wanted = {"outside", "inside", "error", "options", "preflight", "outside beside", "preflight outside"}
    assert wanted <= set(kinds), (SEED, kinds)


def test_whose_an_unknown_path_is_in_a_description() -> None:
    """The judge's own answer, by hand."""
    made = Maker(random.Random(1)).description()
    one, two = ("s1", "public"), ("s2", "list")
    made.owned = [(None, (), None), (None, ("a",), one), (None, ("a", "b"), two), (None, ("a", "b"), None)]
    made.owned += [("h", ("c", "<t:int>"), two)]
    asked = [("/x", None), ("/a/x", None), ("/a/b/x", None), ("/c/7/x", "h"), ("/c/7/x", "i"), ("/c/x", "h")]
    assert [owner(made, path, host) for path, host in asked] == [None, one, None, two, None, None]
