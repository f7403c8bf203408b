"""Tests of what a page can read: `pytest examples/test_api.py`. `API=mistaken_api` has three mistakes."""

import os
from importlib import import_module

import pytest

app = import_module(os.environ.get("API", "guarded_api")).app


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_orders_of_a_user(cors_browser, method) -> None:
    page = cors_browser(app, "https://app.example")
    page.set_cookie("session=ann; SameSite=None; Secure")
    assert page.fetch("/orders/7", method, credentials="include").ok_for_page


def test_how_many_prices_there_are(cors_browser) -> None:
    assert cors_browser(app, "https://app.example").fetch("/prices").headers.get("x-total") == "2"
