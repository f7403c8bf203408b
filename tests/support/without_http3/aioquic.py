"""aioquic is not there: it makes every start of Sanic half as long again, and few processes speak HTTP/3."""

raise ModuleNotFoundError("tests/integration/test_http3.py has the path without this module")
