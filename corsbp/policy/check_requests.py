"""The validation of the field `check_requests`."""

from __future__ import annotations

from typing import Final

from . import field_ids, warning_ids
from .fields import CheckRequests
from .validation import Validator

_FIELD: Final = "check_requests"

# Other words for the values. True would leave open whether GET is checked: it is what most people mean.
_MEANT: Final = {
    "writes": "writes true on yes strict unsafe unsafe-methods non-safe write mutations mutating post csrf",
    "all": "all * any every everything",
    "False": "false none no off",
}


def validate_check_requests(validator: Validator, value: object, origins: object) -> CheckRequests:
    """Return the value of `check_requests`; False for one that is refused.

    origins: the value of `allow_origins`, validated.
    """
    checks: CheckRequests = False
    if value == "writes":
        checks = "writes"
    elif value == "all":
        checks = "all"
    elif value is not False:
        word = str(value).lower().replace("_", "-")
        meant = next((meant for meant, words in _MEANT.items() if word in words.split()), None)
        validator.add(field_ids.CHECK_REQUESTS, _FIELD, value, meant)
    if checks and origins == "*":
        validator.add(warning_ids.REQUESTS_ANY_ORIGIN, _FIELD, value)
    return checks
