"""A practice internet, and what one does with it: publish, send, wait, look into mailboxes, begin again."""

from __future__ import annotations

import ssl
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.rdatatype

from mailkit.clients import Credentials
from mailkit.lab import provider
from mailkit.lab.clock import duration
from mailkit.lab.mail import complaints, dmarc_reports, tls_reports
from mailkit.lab.mail.log import LogEntry
from mailkit.lab.mail.mailboxes import INBOX, JUNK, Mail
from mailkit.lab.running import Running
from mailkit.lab.web.pages import Page
from mailkit.network import DnsRecord, parse_paste
from mailkit.network.dns_lookup import read
from mailkit.results import Rows, Sentence

__all__ = ["Lab"]


class Lab(Running):
    """A practice internet, running from :meth:`start` (or ``with``) to :meth:`close`.

    *world* is the folder it is made of, by default ``data/lab``.  Raises ValueError when it is not understood.
    """

    def publish(self, name: str, rdtype: str, *values: str, ttl: int = 300, wait: bool = True) -> Sentence:
        """Replace the *rdtype* records of *name* by *values*, and let their old TTL pass unless *wait* is False.

        *ttl* is in seconds.  Raises ValueError for a name outside this world or a value the type does not take.
        """
        held = self.resolver.ttl_of(name, rdtype)
        self._authority.publish(name, rdtype, *values, ttl=ttl)
        return self._changed(f"Published {rdtype} at {name}.", held, wait)

    def withdraw(self, name: str, rdtype: str, *, wait: bool = True) -> Sentence:
        """Take the *rdtype* records of *name* away, and let their TTL pass unless *wait* is False."""
        held = self.resolver.ttl_of(name, rdtype)
        self._authority.withdraw(name, rdtype)
        return self._changed(f"Withdrew {rdtype} at {name}.", held, wait)

    def publish_policy(self, domain: str, policy: str, **page: Any) -> Sentence:
        """Serve *policy* as the MTA-STS policy of *domain*, at once; its record in the DNS is published apart.

        *page* may say how it is served: ``status``, ``media_type``, ``location``, ``certificate``.  Raises ValueError.
        """
        name = f"mta-sts.{domain}"
        self.pages.publish(name, Page(policy, **page))
        return Sentence(f"https://{name}/.well-known/mta-sts.txt serves the new policy.")

    def renew_certificate(self, host: str, pem: bytes | None = None) -> Sentence:
        """Let the server *host* show another certificate from now on: *pem*, its key first, or a newly issued one.

        Raises ValueError for no server of this world, and for what is no key and certificate.
        """
        if host not in self._contexts:
            raise ValueError(f"no server {host!r}; there are {', '.join(self._contexts)}")
        if pem is None:
            from mailkit.lab import ca  # it needs cryptography, which is slow to import

            pem = ca.issue(self.world, host, "good")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "server.pem")
            file.write_bytes(pem)
            try:
                self._contexts[host]().load_cert_chain(file)
            except ssl.SSLError:
                raise ValueError("pem is a private key and a certificate for it, in PEM") from None
        self._renewed.add(host)
        return Sentence(f"{host} shows a new certificate.")

    def _changed(self, what: str, held: int, wait: bool) -> Sentence:
        if not wait:
            return Sentence(f"{what} Caches may still give the old answer for up to {duration(held)}.")
        self.advance(held)
        return Sentence(f"{what} {duration(held).capitalize()} later no cache holds the old answer.")

    def account(self, address: str) -> Credentials:
        """Return the login of the mailbox *address*; its display does not show the password."""
        if address not in self.world.mailboxes:
            raise ValueError(f"no mailbox {address!r}; there are {', '.join(self.world.mailboxes)}")
        return self.world.mailboxes[address]

    def inbox(self, address: str, folder: str = INBOX) -> Rows[Mail]:
        """Return the mail in the mailbox *address*, oldest first, once everything on its way has arrived.

        *folder* "Junk" shows what a check has put there.
        """
        self.account(address)
        self.settle()
        caption = f"mailbox of {address}, {self.clock.now():%Y-%m-%d}"
        return Rows(Mail, self.mailboxes.mail(address, folder), caption=caption)

    @property
    def log(self) -> Rows[LogEntry]:
        """The log of all mail servers, oldest line first."""
        return self._log.rows(f"mail log, {self.clock.now():%Y-%m-%d}")

    def settle(self) -> None:
        """Wait until no delivery is under way, however long that takes on this machine.

        Those that wait for another try stay in their queue until the clock has advanced.
        """
        if not self._is_forked:
            self._queue.settle()

    def advance(self, seconds: float) -> Sentence:
        """Move the clock on by *seconds*: caches forget, and queues try again what is due.

        Where a day ends (UTC), the receivers send their DMARC reports on it, and the senders their TLS reports.
        """
        self.settle()
        now = self.clock.advance(seconds)
        self._report(now)
        self._queue.run_due()
        self.settle()
        return Sentence(f"{duration(seconds).capitalize()} later: it is {now:%Y-%m-%d %H:%M} UTC.")

    def _report(self, now: datetime) -> None:
        dmarc_reports.send_due(
            self._observations,
            now=now,
            world=self.world,
            queue=self._queue,
            log=self._log,
            network_of=self._serving,
        )
        tls_reports.send_due(
            self.transport.sessions,
            now=now,
            world=self.world,
            queue=self._queue,
            log=self._log,
            network_of=self._serving,
        )

    def lift(self, vantage: str) -> Sentence:
        """Have the provider of *vantage* open port 25, as a customer may ask some of them to."""
        point = self.network(vantage).vantage
        if not any(rule.until_lifted for rule in self.world.vantage_points[point].rules):
            return Sentence(f"The provider of {point} does not open port 25 on request.")
        self.router.lifted.add(point)
        return Sentence(f"Request granted: port 25 is open from {point}.")

    def set_reverse_name(self, address: str, name: str) -> Sentence:
        """Give *address*, a rented machine's, the reverse name *name*, as a customer of its provider does.

        The provider looks first whether *name* leads to *address*, and says so when it does not.  Raises ValueError
        for what is no address or no name.
        """

        def addresses_of(host: str) -> tuple[str, ...]:
            return self._published(host, "A") + self._published(host, "AAAA")

        if why := provider.refusal(address, name, self.world, addresses_of):
            return Sentence(f"The provider refuses: {why}")
        return self.publish(provider.reverse_name(address), "PTR", f"{name.rstrip('.')}.")

    def _published(self, name: str, rdtype: str) -> tuple[str, ...]:
        """Return what the zones say now, whatever caches still hold."""
        response = self._authority.resolve(dns.message.make_query(name, rdtype))
        return read(name, rdtype, dns.message.from_wire(response.to_wire())).records

    def paste(self, text: str) -> Sentence:
        """Publish the lines of a zone file in *text*, as plans and findings offer them; comments are passed over.

        A text stands beside the others at its name, but takes the place of one of the same kind (``v=spf1``,
        ``v=DMARC1``), of which a name has one; records of other types take the place of those that are there.  Raises
        ValueError for what is no such text.
        """
        groups: dict[tuple[str, str], list[DnsRecord]] = {}
        for record in parse_paste(text):
            groups.setdefault((record.name, record.rdtype), []).append(record)
        for (name, rdtype), records in groups.items():
            values = [record.rdata.to_text() for record in records]
            if rdtype == "TXT" and "_domainkey." not in name:
                kinds = {record.value.split()[0] for record in records if record.value.startswith("v=")}
                there = self._published(name, rdtype)
                values += [old for old in there if old not in values and old.strip('"').split(" ")[0] not in kinds]
            self.publish(name, rdtype, *values, ttl=min(record.ttl for record in records))
        names = ", ".join(f"{rdtype} at {name}" for name, rdtype in groups) or "nothing"
        return Sentence(f"Published: {names}.")

    def complain(self, address: str) -> Sentence:
        """Have the owner of the mailbox *address* call the newest message in it spam; the sender's service is told.

        Raises ValueError for a mailbox that does not exist.
        """
        mails = self.inbox(address) + self.inbox(address, JUNK)
        if not mails:
            return Sentence(f"There is nothing in the mailbox of {address} to complain about.")
        mail = max(mails, key=lambda each: each.received)
        source = complaints.came_from(mail.message)
        service = self.router.owners.get(source)
        if service is None or not service.complaints_to:
            return Sentence(f"Who sent it from {source or 'nowhere'} has not asked to be told of complaints.")
        own = next(h.name for h in self.world.hosts.values() if address.rpartition("@")[2] in h.domains)
        number = self._queue.new_id()
        to, now = service.complaints_to, self.clock.now()
        report = complaints.feedback_report(mail, source=source, host=own, to=to, number=number, now=now)
        self._queue.originate(own, "", [to], report)
        self.settle()
        return Sentence(f"{own} has told {to}, in the format of RFC 5965.")

    def reset(self) -> Sentence:
        """Go back to the beginning: zones, caches, mailboxes, queues, filters and the clock."""
        self.settle()
        self._queue.reset()
        self._observations.reset()
        self.mailboxes.reset()
        self._readers.reset()
        self._log.reset()
        self._authority.reset()
        self.resolver.reset()
        self.pages.reset()
        self.transport.reset()
        for host in self._renewed:
            self._contexts[host]().load_cert_chain(self.world.ca_file.with_name(f"{host}.pem"))
        self._renewed.clear()
        self.router.lifted.clear()
        self.router.taps.clear()
        self.clock.reset()
        return Sentence("The practice internet is as it was in the beginning.")
