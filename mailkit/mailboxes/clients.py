"""The standard library's clients, imaplib and poplib, dialling through a network and trusting what it trusts.

RFC 8314 section 3 has mail programs use TLS from the first octet and verify the certificate: so do these.
"""

from __future__ import annotations

import imaplib
import poplib
import socket
import ssl

from mailkit.network import Network

__all__ = ["LIBRARY_FAILURES", "imap", "pop3"]

LIBRARY_FAILURES: tuple[type[Exception], ...] = (OSError, imaplib.IMAP4.error, poplib.error_proto)
"""What these clients may raise where nobody answers, or not as it should be."""

_PATIENCE = 8  # times the network's timeout, for each answer


def imap(host: str, port: int = 993, *, net: Network) -> imaplib.IMAP4_SSL:
    """Return an IMAP client of the standard library inside verified TLS, not logged in.

    Raises what :meth:`mailkit.network.Network.dial` raises, ssl.SSLError for a certificate that does not convince, and
    imaplib.IMAP4.error for what is no IMAP server.
    """

    class Client(imaplib.IMAP4_SSL):
        def _create_socket(self, timeout: float | None) -> ssl.SSLSocket:
            return _inside(host, port, net)

    return Client(host, port)


def pop3(host: str, port: int = 995, *, net: Network) -> poplib.POP3_SSL:
    """Return a POP3 client of the standard library inside verified TLS, not logged in.

    Raises what :meth:`mailkit.network.Network.dial` raises, ssl.SSLError for a certificate that does not convince, and
    poplib.error_proto for what is no POP3 server.
    """

    class Client(poplib.POP3_SSL):
        def _create_socket(self, timeout: float) -> ssl.SSLSocket:
            return _inside(host, port, net)

    return Client(host, port)


def _inside(host: str, port: int, net: Network) -> ssl.SSLSocket:
    sock: socket.socket = net.dial(host, port)
    sock.settimeout(_PATIENCE * net.timeout)
    return net.tls_context().wrap_socket(sock, server_hostname=host)
