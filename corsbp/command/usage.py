"""What `corsbp --help` and `--version` say, also where the extra is not installed."""

from __future__ import annotations

import argparse

from corsbp import __version__

EXAMPLES = """\
examples:
  corsbp audit shop:app
  corsbp audit shop:app --snapshot cors.json      # for a review, or for CI to compare with
  corsbp audit shop:app --check cors.json
  corsbp audit shop:app --observed --origin https://app.example    # asked, whatever answers
  corsbp audit shop:app -- --port 80              # behind --, what the app itself reads of sys.argv
  corsbp explain shop:app /v1/items PUT --origin https://app.example --header 'x-token: 1'
  corsbp explain https://api.example/items --origin https://app.example --credentials
  corsbp try shop:app
"""


def usage() -> argparse.ArgumentParser:
    """A parser that knows no command yet."""
    parser = argparse.ArgumentParser(
        prog="corsbp",
        description="What pages of other origins may do with an app: all of it, one fetch, or by hand.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"corsbp {__version__}")
    return parser
