"""The age of the public suffix list: shown by `--version` and `audit`, and a finding when it is old."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sanic import Blueprint

from corsbp import cors_group
from corsbp.command import main

from ..support import new_app

RENEW = " (to renew it: pip install -U publicsuffixlist)\n"
LIST = "information: public suffix list"


def set_age(monkeypatch: pytest.MonkeyPatch, days: int) -> date:
    day = date.today() - timedelta(days)
    monkeypatch.setattr("corsbp.command.suffix_list.list_date", lambda: day)
    return day


def test_the_version_has_the_age_of_the_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    day = set_age(monkeypatch, 39)
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.endswith(f"\n{LIST} of {day}, 39 days old{RENEW}")
    monkeypatch.setattr("corsbp.command.suffix_list.list_date", lambda: None)
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.endswith(f"\n{LIST} of an unknown date{RENEW}")


@pytest.mark.parametrize(("days", "is_old"), [(0, False), (365, False), (366, True)])
def test_a_list_older_than_a_year_is_a_finding(
    days: int, is_old: bool, audit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`audit` shows the age on stderr: its output is the same each day."""
    day = set_age(monkeypatch, days)
    status, out, err = audit(new_app(cors_group(Blueprint("api"), allow_origins="*")))
    finding = f": the public suffix list is of {day} [suffix-list-old]\n"
    assert (status, finding in out) == (0, is_old)
    assert err == f"{LIST} of {day}, {days} days old{RENEW}"


def test_a_list_without_a_date_is_not_a_finding(audit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corsbp.command.suffix_list.list_date", lambda: None)
    _, out, err = audit(new_app(cors_group(Blueprint("api"), allow_origins="*")))
    assert "suffix-list-old" not in out and err == f"{LIST} of an unknown date{RENEW}"
