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
namespaces.  :func:`why_not` says what is missing here: then the server is a recording of the same run, with the same
face (:mod:`mailkit.lab.daemons.recording` makes them).
"""

from __future__ import annotations

from mailkit.lab.daemons.faults import FAULTS
from mailkit.lab.daemons.live import LiveServer
from mailkit.lab.daemons.packages import Missing
from mailkit.lab.daemons.playback import RecordedServer
from mailkit.lab.daemons.recordings import Handed
from mailkit.lab.daemons.running import describe, start, why_not

__all__ = ["FAULTS", "Handed", "LiveServer", "Missing", "RecordedServer", "describe", "start", "why_not"]


def __dir__() -> list[str]:
    return sorted(__all__)
