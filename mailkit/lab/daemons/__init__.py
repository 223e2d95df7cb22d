"""Real mail servers behind the practice internet: what ``mta.configure`` writes, run as Postfix and Exim.

    from mailkit import mta
    from mailkit.lab import daemons

    about = daemons.describe("smarthost", lab=lab)
    with daemons.start(mta.configure("smarthost", software="exim", **about), lab=lab, place="home") as server:
        server.submit(message, sender="hanako@kaisha.example", recipients=["alice@bigmail.example"])
        server.deliveries()

:func:`start` returns when the daemon listens.  The server has ``label`` (what runs, or what is played back), ``host``
and ``address`` in the practice internet, ``account`` (a login for 587 and 465), ``submit`` and ``submit_all`` (mail of
the machine's own programs, handed in on loopback), ``deliveries()`` and ``log``, ``settle()`` (all has been tried that
was taken), and ``stop()``, which leaving the block calls.  From every place of the lab the daemon is reached by its
name, with all probes and clients.

What the daemon sends goes through the lab's router under the filter of the place where it stands, and the lab's DNS is
its DNS.  It runs on a machine of its own (network, processes, files), at its true paths and ports, and changes nothing
on this one.  Linux makes such a machine for root; Exim, which needs no root, also runs where an ordinary user may have
namespaces.  :func:`why_not` says what is missing here.
"""

from __future__ import annotations

from typing import Any

from mailkit.lab.core import Lab
from mailkit.lab.daemons.faults import FAULTS, fault
from mailkit.lab.daemons.live import Handed, LiveServer
from mailkit.lab.daemons.packages import Missing
from mailkit.lab.daemons.setting_up import require
from mailkit.mta import Configuration

__all__ = ["FAULTS", "Handed", "LiveServer", "Missing", "describe", "start", "why_not"]

_SELECTOR = "mta2026"
_SIGNING = {"selector": _SELECTOR, "key": f"/etc/dkimkeys/{_SELECTOR}.pem"}
_TLS = {"certificate": "/etc/ssl/mail.pem", "certificate_key": "/etc/ssl/mail.key"}


def describe(job: str, *, lab: Lab) -> dict[str, Any]:
    """Return a description of a server of *lab*'s company for *job*, as ``mta.configure`` takes it.

    For "smarthost" a machine at home, with the provider's relay; for the other jobs the machine ``mta`` of the company.
    Raises ValueError for another job.
    """
    world = lab.world
    server = {"domain": world.domain, "hostname": f"mta.{world.domain}"}
    if job == "submission":
        return server | _TLS | _SIGNING
    if job == "receiving":
        return server | _TLS | {"postmaster": "hanako"}
    if job != "smarthost":
        raise ValueError(f"job is submission, smarthost or receiving, not {job!r}")
    account = lab.account("jiro@isp.example")
    home = {"domain": world.domain, "hostname": world.vantage_points["home"].hostname}
    return home | _SIGNING | {"relay": "smtp.isp.example", "user": account.user, "password": account.password}


def why_not(software: str, job: str = "smarthost") -> str:
    """Return why *software* ("postfix" or "exim") cannot be run here for *job*, "" where it can."""
    try:
        require(software, job)
    except Missing as error:
        return str(error)
    return ""


def start(configuration: Configuration, *, lab: Lab, place: str = "", broken: str = "") -> LiveServer:
    """Run the daemons of *configuration* at *place* and return the server, which listens.

    *place* is one of the lab's vantage points or servers (default: the server that is named as the host is, else
    "home").  *broken* is one of :data:`FAULTS`: one line is not as it should be.

    Raises ValueError for a place or a fault that there is not, and Missing where the daemon cannot be run.
    """
    wanted = configuration.description
    where = place or (wanted.hostname if wanted.hostname in lab.world.hosts else "home")
    if lab.router.source_of(where) is None:
        raise ValueError(f"no place {where!r}; there are {', '.join(lab.world.vantage_points)}, and the lab's servers")
    breaks, signer = fault(broken, configuration)
    require(wanted.software, wanted.job)
    return LiveServer(lab, where, configuration, breaks, signer=signer)


def __dir__() -> list[str]:
    return sorted(__all__)
