"""The real internet as a :class:`Network`: its arguments, and the environment variables that give their defaults."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mailkit import datasets
from mailkit.network import dns_lookup
from mailkit.network.ehlo_names import check_ehlo_name, own_ehlo_name
from mailkit.network.place import Network
from mailkit.network.socks import Proxy

__all__ = ["internet"]


def _environment(name: str) -> str | None:
    return os.environ.get(f"MAILKIT_{name}") or None


def _check_authorities(path: str) -> None:
    """Raise ValueError when the file holds no certificate: else every server would be blamed for it."""
    try:
        ssl.create_default_context(cafile=path)
    except (ssl.SSLError, OSError, ValueError):
        raise ValueError(f"ca_file: {path!r} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)") from None


def internet(
    *,
    nameservers: Sequence[str] | None = None,
    via: str | None = None,
    ca_file: str | os.PathLike[str] | None = None,
    trust_anchor: str | os.PathLike[str] | None = None,
    timeout: float = 5.0,
    vantages: Mapping[str, str] | None = None,
    probe_domains: Sequence[str] | None = None,
    ehlo_name: str | None = None,
) -> Network:
    """Return the real internet, seen from "here" and from each of *vantages*.

    *nameservers* are addresses with an optional port (default: this machine's), *via* and the values of
    *vantages* are SOCKS5 proxies such as ``socks5://127.0.0.1:1080`` (an ``ssh -D`` for instance), *ca_file*
    replaces the system's CAs, *trust_anchor* is a file with the root's DS or DNSKEY, *timeout* is in seconds,
    *probe_domains* are the mail domains to test port 25 with (default: some large ones), *ehlo_name* is what probes
    introduce themselves with (default: this machine's full name, else its address in brackets).
    The environment variables MAILKIT_NAMESERVERS (separated by commas), MAILKIT_VIA, MAILKIT_CA_FILE,
    MAILKIT_TRUST_ANCHOR and MAILKIT_EHLO_NAME give the defaults.  Raises ValueError for an argument that makes no
    sense.
    """
    if isinstance(nameservers, str):
        raise TypeError("nameservers is a list of addresses: nameservers=['192.0.2.53']")
    if not isinstance(timeout, (int, float)) or not 0 < timeout <= 3600:
        raise ValueError("timeout is a number of seconds greater than 0 (and at most 3600)")
    if vantages is not None and not isinstance(vantages, Mapping):
        raise TypeError("vantages names SOCKS5 proxies: vantages={'vps': 'socks5://127.0.0.1:1081'}")
    if isinstance(probe_domains, str):
        raise TypeError("probe_domains is a list of domains: probe_domains=['kaisha.example']")
    listed = nameservers or [s for s in (_environment("NAMESERVERS") or "").split(",") if s]
    servers = tuple(dns_lookup.parse_nameserver(s) for s in listed) or dns_lookup.system_nameservers()
    via = via or _environment("VIA")
    files = {
        "ca_file": ca_file or _environment("CA_FILE"),
        "trust_anchor": trust_anchor or _environment("TRUST_ANCHOR"),
    }
    for option, path in files.items():
        if path and not os.path.isfile(path):
            raise ValueError(f"{option}: there is no file {os.fspath(path)!r}")
    if files["ca_file"]:
        _check_authorities(os.fspath(files["ca_file"]))
    proxies = {"here": Proxy.parse(via) if via else None, **{k: Proxy.parse(v) for k, v in (vantages or {}).items()}}
    others: dict[str, Callable[[], Network]] = {}
    ehlo_name = ehlo_name or _environment("EHLO_NAME")
    ehlo_name = check_ehlo_name(ehlo_name) if ehlo_name else own_ehlo_name()
    here = Network(
        name="internet",
        vantage="here",
        nameservers=servers,
        proxy=proxies["here"],
        timeout=timeout,
        ca_file=os.fspath(files["ca_file"]) if files["ca_file"] else None,
        trust_anchor=os.fspath(files["trust_anchor"]) if files["trust_anchor"] else None,
        local_hostname=ehlo_name,
        probe_domains=tuple(datasets.load("probe_domains")["domain"] if probe_domains is None else probe_domains),
        others=others,
    )
    for name, proxy in proxies.items():
        others[name] = lambda name=name, proxy=proxy: replace(here, vantage=name, proxy=proxy)  # type: ignore[misc]
    return here
