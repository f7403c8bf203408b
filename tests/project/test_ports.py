"""A port that a test found stays its own: no function finds a port and closes the socket that held it."""

from __future__ import annotations

import ast
import errno
import socket
from collections.abc import Iterator

import pytest

from ..support import ROOT, reserve_port

FILES = [path for folder in ("corsbp", "examples", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]


def lost_ports(tree: ast.AST) -> Iterator[str]:
    """Return the lines that use the port of a socket where the `with` of the socket has ended."""
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for block in ast.walk(function):
            if not isinstance(block, (ast.With, ast.AsyncWith)):
                continue
            sockets = {ast.unparse(each.optional_vars) for each in block.items if each.optional_vars}
            if "getsockname" not in ast.unparse(block):
                continue
            ports: set[str] = set()
            for node in ast.walk(block):
                if not any(f"{name}.getsockname" in ast.unparse(node) for name in sockets):
                    continue
                if isinstance(node, ast.Return) and not isinstance(node.value, ast.Await):
                    yield ast.unparse(node)
                elif isinstance(node, ast.Assign):
                    ports |= {ast.unparse(target) for target in node.targets}
                elif isinstance(node, ast.AnnAssign):
                    ports.add(ast.unparse(node.target))
            for node in ast.walk(function):
                if isinstance(node, ast.Name) and node.id in ports and node.lineno > (block.end_lineno or 0):
                    yield f"line {node.lineno}: {node.id}"


def test_no_port_is_lost() -> None:
    files = [path for path in FILES if "getsockname" in path.read_text()]
    assert len(files) > 2
    found = {f"{path}: {line}" for path in files for line in lost_ports(ast.parse(path.read_text()))}
    assert found == set()


def test_apps_of_tests_listen_on_a_socket() -> None:
    """Sanic's `create_server(port=0)` takes 8000, which may be in use."""
    files = [path for path in FILES if "app.create_server" in path.read_text()]
    assert len(files) > 2
    found = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("app.create_server"):
                names = {each.arg for each in node.keywords}
                found += [] if names & {"sock", None} else [f"{path}:{node.lineno}"]
    assert found == []


@pytest.mark.parametrize(
    "body",
    [
        "with socket.create_server(ANY) as sock:\n        return int(sock.getsockname()[1])",
        "with socket.socket() as sock:\n        port = sock.getsockname()[1]\n    serve(port)",
        "with socket.socket() as sock:\n        port: int = sock.getsockname()[1]\n    return port",
    ],
)
def test_a_lost_port_is_seen(body: str) -> None:
    assert [*lost_ports(ast.parse(f"def free_port():\n    {body}\n"))]


def test_a_reserved_port_is_for_one_server() -> None:
    """No other program gets it, neither by chance nor by its number, until a server listens on it."""
    with reserve_port() as port:
        with pytest.raises(OSError, match=r"."), reserve_port(port):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            with pytest.raises(OSError, match=r".") as caught:
                socket.create_server(("127.0.0.1", port))
            assert caught.value.errno == errno.EADDRINUSE
