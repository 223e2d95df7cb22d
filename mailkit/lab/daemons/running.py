"""Starting a daemon behind the practice internet: live where it can be run, else played back."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from mailkit.lab.core import Lab
from mailkit.lab.daemons.faults import fault
from mailkit.lab.daemons.live import LiveServer
from mailkit.lab.daemons.packages import Missing
from mailkit.lab.daemons.playback import RecordedServer
from mailkit.lab.daemons.recordings import find
from mailkit.lab.daemons.setting_up import require
from mailkit.mta import Configuration

__all__ = ["describe", "start", "why_not"]

_CHOICE = "MAILKIT_DAEMONS"  # in the environment: "recorded" plays back, "live" does not
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
    if os.environ.get(_CHOICE) == "recorded":
        return f"{_CHOICE} asks for recordings."
    try:
        require(software, job)
    except Missing as error:
        return str(error)
    return ""


def start(configuration: Configuration, *, lab: Lab, place: str = "", broken: str = "") -> LiveServer | RecordedServer:
    """Run the daemons of *configuration* at *place* and return the server, which listens.

    *place* is one of the lab's vantage points or servers (default: the server that is named as the host is, else
    "home").  *broken* is one of :data:`FAULTS`: one line is not as it should be.  Where the daemon cannot be run, the
    recording of this run is played back; with MAILKIT_DAEMONS=recorded in the environment always, with =live never.

    Raises ValueError for a place or a fault that there is not, and Missing where there is no recording either.
    """
    wanted = configuration.description
    where = place or (wanted.hostname if wanted.hostname in lab.world.hosts else "home")
    if lab.router.source_of(where) is None:
        raise ValueError(f"no place {where!r}; there are {', '.join(lab.world.vantage_points)}, and the lab's servers")
    breaks, signer = fault(broken, configuration)
    why = why_not(wanted.software, wanted.job)
    if not why:
        try:
            return LiveServer(lab, where, configuration, breaks, signer=signer)
        except Missing as error:
            why = str(error)
    if os.environ.get(_CHOICE) == "live":
        raise Missing(why)
    try:
        recording = find(configuration, where, broken)
    except Missing as error:
        raise Missing(f"{why}; and {error}") from None
    tapped = None
    with suppress(Missing):
        tapped = find(configuration, where, broken, tapped=True)
    return RecordedServer(lab, where, configuration, recording, tapped, why)
