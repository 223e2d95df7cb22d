"""What mail programs really go by when a user types an address: autoconfig, autodiscover, and seldom SRV records.

Autoconfig is Mozilla's: an XML file at one of two addresses of the domain.  Autodiscover is Microsoft's: it wants the
user's address, so only what the DNS says of it is looked at here.  Neither is in an RFC; SRV records are (RFC 6186).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.parsers import expat

from mailkit.conversation.attempts import Attempt
from mailkit.conversation.https import Fetched, get
from mailkit.network import Network
from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.names import to_ascii
from mailkit.network.wildcards import MADE_UP
from mailkit.results import Record, Rows, hidden, visible

__all__ = ["ClientSettings", "SettingsSource", "read", "read_autoconfig", "settings"]

_MOST_OCTETS = 64 * 1024
_MOST_SERVERS = 20
_DEEPEST = 20
_SECONDS = 4  # times the network's timeout for one file
_SERVERS = {"incomingServer": True, "outgoingServer": False}
_NONE, _NO_HOST, _NO_FILE = "none", "no such host", "no such file"
_WANTED = ("hostname", "port", "socketType", "authentication")


@dataclass(frozen=True)
class ClientSettings(Record):
    """One server that an autoconfig file names: ``tls`` is "from the start", "STARTTLS", "none", or the file's word."""

    protocol: str
    host: str
    port: int
    tls: str
    authentication: str


@dataclass(frozen=True)
class SettingsSource(Record):
    """One way in which a mail program may find its servers: ``found`` is None where that could not be seen."""

    way: str
    place: str
    found: bool | None
    reason: str
    servers: Rows[ClientSettings] = hidden(Rows(ClientSettings, ()))

    @property
    def useless(self) -> bool:
        """True for something that is there, and tells a mail program nothing."""
        return self.found is False and self.reason not in (_NONE, _NO_HOST, _NO_FILE)


def settings(domain: str, *, net: Network) -> Rows[SettingsSource]:
    """Return the ways in which a mail program may find the servers of *domain*, and what each says.

    Two files are asked for over HTTPS, without any address of a user and without following redirects.  Raises
    ValueError for what is no domain name.
    """
    name = to_ascii(domain)
    net = net.remembering()
    ways = [
        _srv(name, net),
        _autoconfig(f"autoconfig.{name}", "/mail/config-v1.1.xml", net),
        _autoconfig(name, "/.well-known/autoconfig/mail/config-v1.1.xml", net),
        _autodiscover(name, net),
    ]
    return Rows(SettingsSource, ways, caption=net.caption)


def _srv(domain: str, net: Network) -> SettingsSource:
    names = [f"{service}._tcp.{domain}" for service in ("_imaps", "_imap", "_pop3s", "_pop3")]
    answers = [net.lookup(name, "SRV") for name in names]
    there = [name.split(".")[0] for name, answer in zip(names, answers) if answer]
    if there:
        return SettingsSource("SRV records", domain, True, ", ".join(there))
    if unseen := _unseen(answers):
        return SettingsSource("SRV records", domain, None, unseen)
    return SettingsSource("SRV records", domain, False, _NONE)


def _unseen(answers: Iterable[Answer]) -> str:
    """Return why one of *answers* is none; "" when the DNS has answered every time."""
    return next((a.reason for a in answers if a.status in (Status.SERVFAIL, Status.TIMEOUT)), "")


def _autoconfig(host: str, path: str, net: Network) -> SettingsSource:
    place = f"https://{host}{path}"
    address = net.lookup(host, "A"), net.lookup(host, "AAAA")
    if not any(address):
        unseen = _unseen(address)
        return SettingsSource("autoconfig", place, None if unseen else False, unseen or _NO_HOST)
    answer = get(host, path, net=net, seconds=_SECONDS * net.timeout, most=_MOST_OCTETS)
    if isinstance(answer, Attempt):
        return SettingsSource("autoconfig", place, None, answer.reason)
    return read(place, answer)


def read(place: str, answer: Fetched) -> SettingsSource:
    """Return what the *answer* of a web server at *place* is worth to a mail program."""
    if answer.status in (404, 410):
        return SettingsSource("autoconfig", place, False, _NO_FILE)
    if 300 <= answer.status < 400:
        return SettingsSource("autoconfig", place, None, "it leads elsewhere, which is not followed here")
    if answer.status != 200:
        return SettingsSource("autoconfig", place, None, f"the web server answers {answer.status}")
    if answer.cut:
        return SettingsSource("autoconfig", place, None, f"the file has more than {_MOST_OCTETS:,} octets")
    try:
        servers = read_autoconfig(answer.body)
    except ValueError as error:
        return SettingsSource("autoconfig", place, False, str(error))
    if not servers:
        return SettingsSource("autoconfig", place, False, "the file names no server")
    return SettingsSource("autoconfig", place, True, f"{len(servers)} server{'s' * (len(servers) > 1)}", servers)


def _autodiscover(domain: str, net: Network) -> SettingsSource:
    host, service = f"autodiscover.{domain}", f"_autodiscover._tcp.{domain}"
    answers = {service: net.lookup(service, "SRV"), host: net.lookup(host, "A")}
    there = [name for name, answer in answers.items() if answer]
    unseen = _unseen(answers.values())
    if there == [host] and (doubt := _meant_for_all(domain, answers[host], net)):
        return SettingsSource("autodiscover", host, None, doubt)
    if there:
        return SettingsSource(
            "autodiscover", ", ".join(there), True, "in the DNS; it is not asked, since it wants an address"
        )
    return SettingsSource("autodiscover", host, None if unseen else False, unseen or _NO_HOST)


def _meant_for_all(domain: str, found: Answer, net: Network) -> str:
    """Return why the address *found* may be one that every name of *domain* has (RFC 4592), "" where it is not."""
    beside = net.lookup(f"{MADE_UP}.{domain}", "A")
    if unseen := _unseen([beside]):
        return f"in the DNS; whether every other name is too cannot be seen: {unseen}"
    if (beside.records, beside.chain) == (found.records, found.chain):
        return "only a guess: a made-up name leads to the same place (a wildcard in the DNS)"
    return ""


def read_autoconfig(document: bytes) -> Rows[ClientSettings]:
    """Return the servers that an autoconfig file names.  Raises ValueError for what is no such file.

    Document types are refused, and with them every entity.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(document, True)
    except _RefusedError:
        raise
    except expat.ExpatError as error:
        raise ValueError("the file is no XML") from error
    except (LookupError, ValueError) as error:  # of the codec that the file names
        raise ValueError("the file is in an encoding that cannot be read") from error
    if reader.root != "clientConfig":
        raise ValueError("the file is no autoconfig: its root is not clientConfig")
    return Rows(ClientSettings, reader.servers)


class _RefusedError(ValueError):
    """The file is XML, and not read on; the text says why."""


class _Reader:
    """What expat tells of a file, gathered."""

    def __init__(self) -> None:
        self.root = ""
        self.servers: list[ClientSettings] = []
        self._path: list[str] = []
        self._server: dict[str, str] | None = None

    def doctype(self, *_: object) -> None:
        raise _RefusedError("the file has a document type, which is not read")

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self.root = self.root or name
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise _RefusedError("the file has elements too deep in each other")
        if name in _SERVERS and self._server is None:
            self._server = {"type": attributes.get("type", "")}

    def text(self, data: str) -> None:
        if self._server is not None and self._path[-1] in _WANTED:
            self._server[self._path[-1]] = (self._server.get(self._path[-1], "") + data)[:300]

    def end(self, name: str) -> None:
        self._path.pop()
        if name in _SERVERS and self._server is not None:
            if len(self.servers) < _MOST_SERVERS:
                self.servers.append(_settings(self._server))
            self._server = None


_TLS = {"SSL": "from the start", "STARTTLS": "STARTTLS", "plain": "none"}


def _settings(found: dict[str, str]) -> ClientSettings:
    said = {name: visible(value.strip(), 255) for name, value in found.items()}
    port = said.get("port", "")
    return ClientSettings(
        said["type"],
        said.get("hostname", ""),
        int(port) if port.isdecimal() and len(port) <= 5 else 0,
        _TLS.get(said.get("socketType", ""), said.get("socketType", "")),
        said.get("authentication", ""),
    )
