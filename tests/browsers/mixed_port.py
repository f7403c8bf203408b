"""A port that serves http and https, so that an http page and an https app have one host and port."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import installed

TLS_HANDSHAKE = b"\x16"
"""The first byte of a TLS connection. https://www.rfc-editor.org/rfc/rfc8446#section-5.1"""


@dataclass
class MixedPort:
    """The port, its certificate, and the ports of the two servers behind it."""

    port: int
    certificate: Path
    key: Path
    http: int = 0
    https: int = 0

    @property
    def firefox_exception(self) -> str:
        """The line of Firefox's `cert_override.txt` by which it accepts the certificate."""
        der = ssl.PEM_cert_to_DER_cert(self.certificate.read_text())
        fingerprint = hashlib.sha256(der).digest().hex(":").upper()
        sha256 = "OID.2.16.840.1.101.3.4.2.1"
        return f"127.0.0.1:{self.port}:\t{sha256}\t{fingerprint}\t\n"


@contextmanager
def serving_both(folder: Path) -> Iterator[MixedPort]:
    """Listen on a free port, and pass each connection to the server for http or for https."""
    certificate, key = make_certificate(folder)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            first = self.request.recv(1, socket.MSG_PEEK)
            port = mixed.https if first == TLS_HANDSHAKE else mixed.http
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as server:
                back = threading.Thread(target=copy, args=(server, self.request), daemon=True)
                back.start()
                copy(self.request, server)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        mixed = MixedPort(server.server_address[1], certificate, key)
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield mixed
        finally:
            server.shutdown()
            thread.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    """Copy what arrives, until one side closes its connection."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1, which the browsers are told to accept."""
    certificate, key = folder / "mixed.pem", folder / "mixed.key"
    command = [
        installed("openssl", "openssl"),
        "req",
        "-x509",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
