"""``mta.lint``: what is said of a configuration, each setting alone, and nothing of what is not understood."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support_daemons import unpacked

from mailkit import mta
from mailkit.results import Finding, Rows, Verdict

GUARD = "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"
SIGNED = "smtpd_milters = inet:127.0.0.1:8891\n"
RELAY = "relayhost = [smtp.relay.example]:587\nsmtp_sasl_auth_enable = yes\n"
ENDS = ("\r", "\v", "\f", "\x1c", "\x85", "\u2028")  # to str.splitlines
MASTER = "smtp inet n - {chroot} - - smtpd\n"


def lint(folder: Path, text: str, name: str = "main.cf", master: str = "", version: str = "") -> Rows[Finding]:
    (folder / name).write_text(text, newline="")
    if master:
        (folder / "master.cf").write_text(master)
    return mta.lint(folder if master else folder / name, version=version)


@pytest.fixture(autouse=True)
def without_postconf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.mark.parametrize(
    ("text", "check", "verdict"),
    [
        ("compatibility_level = 3.6", "open relay", "pass"),
        (GUARD, "open relay", "pass"),
        ("smtpd_relay_restrictions = permit_mynetworks\n  reject_unauth_destination", "open relay", "pass"),
        ("smtpd_relay_restrictions =", "no working refusal", "fail"),
        ("smtpd_relay_restrictions = permit", "no working refusal", "fail"),
        ("smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated", "no working refusal", "fail"),
        ("smtpd_relay_restrictions = permit, reject_unauth_destination", "no working refusal", "fail"),
        # At compatibility level 0, the default, smtpd_relay_restrictions is empty.
        ("", "no working refusal", "fail"),
        ("smtpd_recipient_restrictions = check_client_access hash:/x, reject_unauth_destination", "open relay", "warn"),
        ("compatibility_level = 1\nsmtpd_recipient_restrictions = check_client_access hash:/x, reject", "open relay",
         "pass"),
        ("compatibility_level = $x", "open relay", "unknown"),
        ("smtpd_relay_restrictions = PERMIT_MYNETWORKS, Reject_Unauth_Destination", "open relay", "pass"),
        ("smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = reject_unauth_destination", "open relay", "pass"),
        ("smtpd_relay_restrictions = check_policy_service unix:private/policyd-spf, reject_unauth_destination",
         "open relay", "warn"),
        ("smtpd_relay_restrictions = check_client_access hash:/x, reject_unauth_destination", "open relay", "warn"),
        ("smtpd_relay_restrictions = our_own_class, reject_unauth_destination", "open relay", "unknown"),
        ("smtpd_relay_restrictions = ${x?{reject}}, $nobody_knows", "open relay", "unknown"),
        ("guard = reject_unauth_destination\nsmtpd_relay_restrictions = $guard", "open relay", "pass"),
        ("smtpd_relay_restrictions = warn_if_reject reject_unauth_destination", "no working refusal", "fail"),
        ("mynetworks = 127.0.0.0/8 0.0.0.0/0", "mynetworks", "fail"),
        ("mynetworks = 8.0.0.0/8", "mynetworks", "warn"),
        ("mynetworks = 0.0.0.0/1, 128.0.0.0/1", "mynetworks", "fail"),
        ("mynetworks = [2000::]/3", "mynetworks", "warn"),
        ("mynetworks = [2001:db8::]/48", "mynetworks", ""),
        ("mynetworks = " + "10.0.0.1 " * 2000 + "0.0.0.0/0", "mynetworks", "unknown"),
        ("mynetworks_style = class", "mynetworks", "warn"),
        ("mynetworks_style = $x", "mynetworks", "unknown"),
        ("", "mynetworks", "info"),  # at compatibility level 0 the style is subnet
        ("compatibility_level = 2", "mynetworks", ""),
        # The refusal spares mynetworks: as good as none where everybody is in it.
        (GUARD + "mynetworks = 127.0.0.0/8 0.0.0.0/0", "open relay", "fail"),
        (GUARD + "mynetworks = [::]/0", "open relay", "fail"),
        (GUARD + "mynetworks = hash:/etc/postfix/networks", "open relay", "unknown"),
        (GUARD + "mynetworks = 8.0.0.0/8", "open relay", "warn"),
        (GUARD + "mynetworks_style = class", "open relay", "warn"),
        (GUARD + "mynetworks = 127.0.0.0/8 10.0.0.0/8", "open relay", "pass"),
        ("mynetworks = 0.0.0.0/0\nsmtpd_relay_restrictions = reject_unauth_destination", "open relay", "pass"),
        (GUARD + "mynetworks = 0.0.0.0/0\nsmtpd_recipient_restrictions = reject_unauth_destination",
         "open relay", "pass"),
        ("mynetworks = hash:/etc/postfix/networks", "mynetworks", "unknown"),
        ("smtpd_sasl_auth_enable = yes", "AUTH before TLS", "fail"),
        ("smtpd_sasl_auth_enable = YES", "AUTH before TLS", "fail"),
        ("smtpd_sasl_auth_enable = yes\nsmtpd_enforce_tls = yes", "AUTH before TLS", "pass"),
        ("smtpd_sasl_auth_enable = yes\nsmtpd_tls_auth_only = yes", "AUTH before TLS", "pass"),
        ("smtpd_sasl_auth_enable = yes\nsmtpd_tls_security_level = encrypt", "AUTH before TLS", "pass"),
        ("smtpd_sasl_auth_enable = yes\nsmtpd_sasl_security_options = noplaintext", "AUTH before TLS", "pass"),
        ("smtpd_sasl_auth_enable = yes\nsmtpd_tls_auth_only = $x", "AUTH before TLS", "unknown"),
        (SIGNED + "milter_default_action = accept", "a milter that is down", "warn"),
        (SIGNED + "milter_default_action = tempfail", "a milter that is down", "pass"),
        ("smtpd_milters = { inet:127.0.0.1:8891, default_action=accept }", "a milter that is down", "unknown"),
        (SIGNED, "a milter that is down", "pass"),
        (SIGNED + "milter_default_action = perhaps", "a milter that is down", "unknown"),
        ("", "SMTP smuggling", "unknown"),
        ("smtpd_forbid_bare_newline = no", "SMTP smuggling", "fail"),
        ("smtpd_forbid_bare_newline = note", "SMTP smuggling", "warn"),
        ("smtpd_forbid_bare_newline = normalize", "SMTP smuggling", "pass"),
        (RELAY, "password to the smarthost", "fail"),
        (RELAY + "smtp_tls_security_level = may", "password to the smarthost", "fail"),
        (RELAY + "smtp_tls_security_level = encrypt", "password to the smarthost", "warn"),
        (RELAY + "smtp_tls_security_level = secure", "password to the smarthost", "pass"),
        (RELAY + "smtp_tls_security_level = verify", "password to the smarthost", "pass"),
        (RELAY.replace("[", "").replace("]", "") + "smtp_tls_security_level = verify", "password to the smarthost",
         "warn"),
        (RELAY + "smtp_tls_security_level = Secure", "password to the smarthost", "pass"),
        (RELAY + "smtp_enforce_tls = yes", "password to the smarthost", "pass"),
        (RELAY + "smtp_enforce_tls = yes\nsmtp_tls_enforce_peername = no", "password to the smarthost", "warn"),
        (RELAY.replace("= yes", "= Yes"), "password to the smarthost", "fail"),
        (RELAY + "default_transport = uucp", "password to the smarthost", "unknown"),
        (RELAY + "smtp_tls_policy_maps = hash:/x", "password to the smarthost", "unknown"),
        ("relayhost = [smtp.relay.example]", "OP25B", "warn"),
        ("relayhost = smtp.relay.example:25", "OP25B", "warn"),
        ("relayhost = [2001:db8::1]", "OP25B", "warn"),
        ("relayhost = [2001:db8::1]:587", "OP25B", ""),
        ("relayhost = [a.relay.example]:submission, b.relay.example", "OP25B", "warn"),
        ("relayhost = $x", "OP25B", ""),
        ("smtpd_use_tls = yes", "a deprecated name", "warn"),
        ("smtpd_recipient_restrictions = check_relay_domains", "a setting that is gone", "warn"),
        ("smtpd_relay_restrictions = permit_mynetworks, check_relay_domains", "open relay", "pass"),
        ("", "commands sent ahead", "unknown"),
        ("smtpd_forbid_unauth_pipelining = no", "commands sent ahead", "warn"),
        ("smtpd_forbid_unauth_pipelining = yes", "commands sent ahead", "pass"),
        ("smtpd_forbid_unauth_pipelining = maybe", "commands sent ahead", "unknown"),
        (RELAY + "smtp_tls_security_level = secure", "TLS given up on request", "unknown"),
        (RELAY + "smtp_tls_security_level = secure\ntls_required_enable = no", "TLS given up on request", "pass"),
        (RELAY + "smtp_tls_security_level = secure\ntls_required_enable = $x", "TLS given up on request", "unknown"),
        ("mynetworks = 127.0.0.1\nmynetworks = 127.0.0.2", "set twice", "warn"),
        # Nothing but a line feed ends a line, and a no-break space is no white space.
        *[(f"mynetworks = 127.0.0.1\n# see{end}mynetworks = 0.0.0.0/0", "mynetworks", "") for end in ENDS],
        ("mynetworks = 127.0.0.1\n\xa0mynetworks = 0.0.0.0/0", "mynetworks", ""),
    ],
)  # fmt: skip
def test_what_main_cf_means(tmp_path: Path, text: str, check: str, verdict: str) -> None:
    rows = lint(tmp_path, "myhostname = mail.kaisha.example\n" + text)
    assert {row.verdict for row in rows.where(check=check)} == ({Verdict(verdict)} if verdict else set())


@pytest.mark.parametrize(
    ("version", "text", "check", "verdict"),
    [
        ("3.8.4", "", "SMTP smuggling", "fail"),
        ("3.9", "", "SMTP smuggling", "pass"),
        ("3.8", "", "commands sent ahead", "warn"),
        ("3.9", "", "commands sent ahead", "pass"),
        ("3.9", RELAY + "smtp_tls_security_level = secure", "TLS given up on request", "pass"),
        ("3.10", RELAY + "smtp_tls_security_level = secure", "TLS given up on request", "warn"),
        (
            "3.11",
            RELAY + "smtp_tls_security_level = secure\ntls_required_enable = yes",
            "TLS given up on request",
            "warn",
        ),
        ("3.8", "smtp_use_tls = yes", "a deprecated name", "info"),
        ("3.9", "smtp_use_tls = yes", "a deprecated name", "warn"),
        ("3.10", "smtp_tls_enforce_peername = yes", "a deprecated name", "info"),
        ("3.11", "smtp_tls_enforce_peername = yes", "a deprecated name", "warn"),
        ("3.8", "smtpd_recipient_restrictions = reject_maps_rbl", "a setting that is gone", "warn"),
        ("3.9", "smtpd_recipient_restrictions = reject_maps_rbl", "a setting that is gone", "fail"),
        ("3.11", "compatibility_level = 3.6", "an old compatibility level", "info"),
        ("3.11", "", "an old compatibility level", "info"),
    ],
)
def test_what_hangs_on_the_version_of_postfix(
    tmp_path: Path, version: str, text: str, check: str, verdict: str
) -> None:
    rows = lint(tmp_path, "myhostname = mail.kaisha.example\n" + text, version=version)
    assert {row.verdict for row in rows.where(check=check)} == {Verdict(verdict)}
    assert rows.caption.startswith("judged as version " + version[:3])


def test_a_version_has_nothing_to_say_of_the_next_one(tmp_path: Path) -> None:
    for version, text in (("3.10", "compatibility_level = 3.6"), ("3.11", "compatibility_level = 3.11")):
        assert not lint(tmp_path, text, version=version).where(check="an old compatibility level")
    with pytest.raises(ValueError, match="two or three numbers"):
        lint(tmp_path, GUARD, version="newest")
    with pytest.raises(TypeError, match="text"):
        mta.lint(tmp_path / "main.cf", version=3.9)  # type: ignore[arg-type]


def test_a_service_sees_its_own_options(tmp_path: Path) -> None:
    master = (
        "smtp inet n - n - - smtpd\n"
        "submission inet n - n - - smtpd\n  -o smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=encrypt\n"
        "  -o { smtpd_relay_restrictions = permit_sasl_authenticated, reject }\n"
        "2525 inet n - n - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n  -o smtpd_relay_restrictions=\n"
    )
    rows = lint(tmp_path, GUARD, master=master)
    told = {(row.check, row.subject.rpartition(" ")[2]): row.verdict for row in rows}
    assert told["AUTH before TLS", "submission"] is told["open relay", "submission"] is Verdict.PASS
    assert told["AUTH before TLS", "2525"] is told["no working refusal", "2525"] is Verdict.FAIL
    assert told["open relay", "smtp"] is Verdict.PASS and ("AUTH before TLS", "smtp") not in told


@pytest.mark.parametrize(
    ("everywhere", "here", "verdict"), [("127.0.0.0/8", "0.0.0.0/0", "fail"), ("0.0.0.0/0", "127.0.0.0/8", "pass")]
)
def test_a_service_has_networks_of_its_own(tmp_path: Path, everywhere: str, here: str, verdict: str) -> None:
    master = MASTER.format(chroot="n").replace("smtpd", f"smtpd -o mynetworks={here}")
    rows = lint(tmp_path, GUARD + f"mynetworks = {everywhere}\n", master=master)
    assert [row.verdict for row in rows.where(check="open relay")] == [Verdict(verdict)]
    assert [row.evidence for row in rows.where(check="mynetworks")] == ([here] if verdict == "fail" else [])


def test_the_client_of_master_cf_has_settings_of_its_own(tmp_path: Path) -> None:
    master = MASTER.format(chroot="n") + "smtp unix - - n - - smtp -o smtp_tls_security_level=secure\n"
    rows = lint(tmp_path, GUARD + RELAY, master=master)
    assert [row.verdict for row in rows.where(check="password to the smarthost")] == [Verdict.PASS]


def test_what_old_names_say_is_not_shown_as_if_it_were_written(tmp_path: Path) -> None:
    (row,) = lint(tmp_path, RELAY + "smtp_use_tls = yes\n").where(check="password to the smarthost")
    assert row.evidence.endswith("smtp_tls_security_level = (default), by the old names may")


def test_without_main_cf_nothing_hangs_on_a_default(tmp_path: Path) -> None:
    master = (
        "smtp inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes\nsmtp unix - - n - - smtp\n"
        "submission inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=encrypt\n"
    )
    for name in ("master.cf", "saved"):  # the output of postconf -M has any name
        rows = lint(tmp_path, master, name, version="3.7")
        assert rows.caption.endswith("without main.cf")
        told = {(row.check, row.subject.rpartition(" ")[2]): row.verdict for row in rows}
        assert told.pop(("AUTH before TLS", "submission")) is Verdict.PASS
        assert set(told.values()) == {Verdict.UNKNOWN}


@pytest.mark.parametrize(("chroot", "count"), [("y", 1), ("n", 0), ("-", 0)])
def test_a_socket_outside_the_chroot_is_pointed_at(tmp_path: Path, chroot: str, count: int) -> None:
    main = GUARD + "smtpd_milters = unix:/run/opendkim/opendkim.sock\n"
    rows = lint(tmp_path, main, master=MASTER.format(chroot=chroot))
    assert len(rows.where(check="a socket and the chroot", verdict=Verdict.WARN)) == count


@pytest.mark.parametrize(
    ("software", "version"),
    [*(("postfix", f"3.{n}") for n in range(7, 12)), *(("exim", f"4.{n}") for n in range(96, 101))],
)
@pytest.mark.parametrize("job", ["submission", "smarthost", "receiving"])
def test_what_configure_writes_has_nothing_to_mend(tmp_path: Path, job: str, software: str, version: str) -> None:
    paths = {"certificate": "/etc/ssl/mail.pem", "certificate_key": "/etc/ssl/mail.key"}
    signing = {"selector": "a", "key": "/k/a", "ed25519_selector": "b", "ed25519_key": "/k/b"}
    words = {
        "submission": paths | signing,
        "smarthost": signing | {"relay": "smtp.relay.example", "user": "hanako", "password": "practice-only"},
        "receiving": paths | {"postmaster": "hanako"},
    }[job]
    words |= {"software": software, "version": version, "domain": "kaisha.example", "hostname": "mail.kaisha.example"}
    mta.configure(job, **words).write(tmp_path)
    rows = mta.lint(tmp_path / ("etc/postfix" if software == "postfix" else "etc/exim4/exim4.conf"), version=version)
    assert {row.verdict for row in rows} == {Verdict.PASS}
    assert rows.where(check="open relay")
    if (tmp_path / "etc/postfix-policyd-spf-python").exists():
        (row,) = mta.lint(tmp_path / "etc/postfix-policyd-spf-python/policyd-spf.conf")
        assert row.verdict is Verdict.PASS


EXIM = """\
acl_smtp_rcpt = acl_check_rcpt
domainlist local_domains = kaisha.example
hostlist relay_from_hosts = <; 127.0.0.1 ; ::1
{main}
begin acl
acl_check_rcpt:
{front}
  accept hosts = +relay_from_hosts
         control = dkim_disable_verify
  require message = 550 5.7.1 Relaying denied
          domains = +local_domains
  accept
acl_check_data:
  accept
begin transports
out:
  driver = smtp
{transport}
begin authenticators
plain:
  driver = plaintext
  {side}
"""
ALL = "hosts_require_tls = *\n  tls_verify_hosts = *\n  hosts_require_auth = *"


@pytest.mark.parametrize(
    ("fields", "check", "verdict"),
    [
        ({}, "open relay", "pass"),
        ({"front": "accept"}, "open relay", "unknown"),
        ({"front": "accept hosts = *"}, "open relay", "unknown"),
        ({"front": ".include /etc/exim4/more"}, "open relay", "unknown"),
        ({"main": "Relaying = x"}, "open relay", "unknown"),
        ({"front": ".ifdef X\n  require message = 550 5.7.1 Relaying denied\n.endif"}, "open relay", "unknown"),
        ({"main": ".ifdef X\nhostlist relay_from_hosts = *\n.endif"}, "open relay", "unknown"),
        ({"main": "hostlist relay_from_hosts = *"}, "open relay", "fail"),
        ({"main": "domainlist local_domains = *"}, "open relay", "unknown"),
        ({"main": "hostlist relay_from_hosts = 192.0.2.0/24"}, "open relay", "unknown"),
        ({"side": "server_condition = x"}, "AUTH before TLS", "fail"),
        ({"side": "server_condition = x", "main": "auth_advertise_hosts ="}, "AUTH before TLS", "pass"),
        ({"side": "server_condition = x", "main": "auth_advertise_hosts = ${if def:tls_in_cipher{*}{}}"},
         "AUTH before TLS", "pass"),
        ({"side": "server_condition = x", "main": "auth_advertise_hosts = ${acl{x}}"}, "AUTH before TLS", "unknown"),
        ({"side": "server_condition = x\n  server_advertise_condition = ${if def:tls_in_cipher}"}, "AUTH before TLS",
         "pass"),
        ({"side": "server_condition = x\n  server_advertise_condition = ${if eq{$tls_in_cipher}{}{}{*}}"},
         "AUTH before TLS", "pass"),
        # The other way round: on offer without TLS alone.
        ({"side": "server_condition = x\n  server_advertise_condition = ${if eq{$tls_in_cipher}{}{*}{}}"},
         "AUTH before TLS", "unknown"),
        ({"side": "server_condition = x", "main": "auth_advertise_hosts = ${if def:tls_in_cipher{}{*}}"},
         "AUTH before TLS", "unknown"),
        ({"side": "server_condition = x", "main": ".ifdef X\nauth_advertise_hosts =\n.endif"}, "AUTH before TLS",
         "unknown"),
        ({"side": "server_condition = x", "main": ".include /etc/exim4/more"}, "AUTH before TLS", "unknown"),
        ({"transport": "hosts_try_auth = *"}, "password to the smarthost", "warn"),
        ({"transport": "hosts_require_auth = *"}, "password to the smarthost", "warn"),
        ({"transport": ALL}, "password to the smarthost", "pass"),
        ({"transport": ALL + "\n  tls_verify_cert_hostnames ="}, "password to the smarthost", "unknown"),
        ({"transport": ALL + "\n  hosts_avoid_tls = *"}, "password to the smarthost", "unknown"),
        ({"transport": ALL.replace("*", "+some")}, "password to the smarthost", "unknown"),
        ({"transport": f".ifdef STRICT\n{ALL}\n.endif"}, "password to the smarthost", "unknown"),
        ({"transport": f".ifdef X\n.endif\n{ALL}"}, "password to the smarthost", "pass"),
        ({"transport": ALL + "\n.include /etc/exim4/more"}, "password to the smarthost", "unknown"),
        ({"transport": "dkim_domain = x\ndkim_private_key = /k\n.include /etc/exim4/more"},
         "a key that cannot be read", "unknown"),
        ({"main": "# see\x0cchunking_advertise_hosts ="}, "SMTP smuggling", "unknown"),
        ({"main": "smtp_enforce_sync = no"}, "commands sent ahead", "warn"),
        ({"main": ".ifdef X\nno_smtp_enforce_sync\n.endif"}, "commands sent ahead", ""),
        ({"transport": "dkim_domain = x\ndkim_private_key = /k"}, "a key that cannot be read", "warn"),
        ({"main": "allow_insecure_tainted_data = yes"}, "a setting that is gone", "warn"),
        ({}, "SMTP smuggling", "unknown"),
        ({"main": "chunking_advertise_hosts ="}, "SMTP smuggling", "pass"),
        ({"main": "pipelining_advertise_hosts ="}, "SMTP smuggling", "pass"),
        ({"main": "chunking_advertise_hosts = 192.0.2.0/24"}, "SMTP smuggling", "unknown"),
    ],
)  # fmt: skip
def test_what_exims_file_means(tmp_path: Path, fields: dict[str, str], check: str, verdict: str) -> None:
    text = EXIM.format(**({"main": "", "front": "", "transport": "", "side": "client_send = x"} | fields))
    rows = lint(tmp_path, text, "exim4.conf")
    assert [row.verdict for row in rows.where(check=check)] == ([Verdict(verdict)] if verdict else [])


def test_an_include_may_set_what_is_not_there(tmp_path: Path) -> None:
    text = ".include /etc/exim4/conf.d/main\nbegin acl\nacl_check_rcpt:\n  accept\n"
    for first, verdict in ((text, "unknown"), (text.partition("\n")[2], "pass")):  # no acl_smtp_rcpt: all is refused
        (row,) = lint(tmp_path, first, "exim4.conf").where(check="open relay")
        assert row.verdict is Verdict(verdict)


@pytest.mark.parametrize(
    ("version", "main", "check", "verdict"),
    [
        ("4.95", "allow_insecure_tainted_data = yes", "a setting that is gone", "warn"),
        ("4.96", "allow_insecure_tainted_data = yes", "a setting that is gone", "fail"),
        ("4.96", ".ifdef X\nallow_insecure_tainted_data = yes\n.endif", "a setting that is gone", "warn"),
        ("4.97", "", "SMTP smuggling", "unknown"),
        ("4.98", "", "SMTP smuggling", "pass"),
        ("4.100.1", "", "SMTP smuggling", "pass"),
    ],
)
def test_what_hangs_on_the_version_of_exim(tmp_path: Path, version: str, main: str, check: str, verdict: str) -> None:
    text = EXIM.format(main=main, front="", transport="", side="client_send = x")
    rows = lint(tmp_path, text, "exim4.conf", version=version)
    assert [row.verdict for row in rows.where(check=check)] == [Verdict(verdict)]


def test_exim_tells_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exim").write_text("#!/bin/sh\necho 'Exim version 4.99.1 #2 built 06-Jan-2026'\n")
    (tmp_path / "exim").chmod(0o755)
    text = EXIM.format(main="", front="", transport="", side="client_send = x")
    assert lint(tmp_path, text, "exim4.conf").caption.startswith("the version is not known")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lint(tmp_path, text, "exim4.conf").caption.startswith("judged as version 4.99")
    (tmp_path / "exim").write_text("#!/bin/sh\nexit 1\n")
    assert lint(tmp_path, text, "exim4.conf").caption.startswith("the version is not known")


def test_the_output_of_exim_bp_is_read_without_a_verdict_on_what_it_does_not_show(tmp_path: Path) -> None:
    rows = lint(tmp_path, "no_accept_8bitmime\nacl_smtp_rcpt = acl_check_rcpt\nauth_advertise_hosts = *\n", "said")
    assert [(row.check, row.verdict) for row in rows] == [("open relay", "unknown"), ("AUTH before TLS", "unknown")]


@pytest.mark.parametrize(
    ("relay", "macros", "verdicts"),
    [
        ("smtp.relay.example::587", "", ["warn"]),
        ("smtp.relay.example", "", ["warn", "warn"]),
        ("smtp.relay.example::25", "", ["warn", "warn"]),
        ("a.relay.example::587;b.relay.example", "", ["warn", "warn"]),
        ("smtp.relay.example::587", "REMOTE_SMTP_SMARTHOST_HOSTS_REQUIRE_TLS = *\n", ["warn"]),
        ("smtp.relay.example::587", "REMOTE_SMTP_SMARTHOST_HOSTS_REQUIRE_TLS = *\n"
         "REMOTE_SMTP_SMARTHOST_TLS_VERIFY_HOSTS = *\n", ["info"]),
    ],
)  # fmt: skip
def test_debians_answers(tmp_path: Path, relay: str, macros: str, verdicts: list[str]) -> None:
    (tmp_path / "exim4.conf.localmacros").write_text(macros)
    text = f"dc_eximconfig_configtype='smarthost'\ndc_smarthost='{relay}'\ndc_relay_nets=''\n"
    rows = lint(tmp_path, text, "update-exim4.conf.conf")
    assert [row.verdict for row in rows] == verdicts
    assert "hosts_try_auth" in rows[-1].advice


@pytest.mark.parametrize("name", ["dc_relay_nets", "dc_relay_domains"])
@pytest.mark.parametrize(("value", "count"), [("10.0.0.0/8;*", 1), ("::/0", 1), ("10.0.0.0/8 ; *.kaisha.example", 0)])
def test_debians_answers_may_let_everybody_in(tmp_path: Path, name: str, value: str, count: int) -> None:
    rows = lint(tmp_path, f"dc_eximconfig_configtype='internet'\n{name}='{value}'\n", "update-exim4.conf.conf")
    assert len(rows.where(check="open relay", verdict=Verdict.FAIL)) == count


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("TestOnly = 1\nHELO_reject = Fail\nMail_From_reject = Fail\n", "warn"),
        ("TestOnly = 1\n", "warn"),
        ("TestOnly = 0\n", "info"),
        ("TestOnly = 0  # only tests\n", "info"),
        ("TestOnly = yes\n", "unknown"),
        ("TestOnly = 1\nHELO_reject = False\nMail_From_reject = False\n", "pass"),
    ],
)
def test_policyd_spf_reads_the_other_way_round(tmp_path: Path, text: str, verdict: str) -> None:
    (row,) = lint(tmp_path, text, "policyd-spf.conf")
    assert row.verdict == verdict


def test_what_is_no_configuration_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no main\.cf"):
        mta.lint(tmp_path)
    with pytest.raises(ValueError, match="no file"):
        mta.lint(tmp_path / "nothing")
    with pytest.raises(ValueError, match="neither"):
        lint(tmp_path, "hello\n", "notes.txt")
    with pytest.raises(ValueError, match="1 MiB"):
        lint(tmp_path, "a" * 2**21, "exim.conf")


@given(st.text(max_size=300) | st.text("abc_$={}()\n #\\:,<;*smtpd", max_size=200))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_judged_without_an_error(tmp_path: Path, text: str) -> None:
    for name, start in (("main.cf", "myhostname = x\n"), ("exim.conf", "daemon_smtp_ports = 25\nbegin acl\n")):
        (tmp_path / name).write_bytes((start + text).encode("utf-8", "surrogatepass"))
        for row in mta.lint(tmp_path / name):
            assert row.evidence.isprintable() or row.evidence == ""


LONG = 2**20 - 5000  # nearly what is read of a file
HOSTILE = {
    "references to references": "a0 = x\n"
    + "".join(f"a{n} = " + f"${{a{n - 1}}}" * 20 + "\n" for n in range(1, 12))
    + "smtpd_relay_restrictions = $a11\nx = $x\nmyhostname = x\n",
    "references to a long value": f"b = {'x' * (LONG // 2)}\nsmtpd_relay_restrictions = {'$b ' * (LONG // 6)}\n",
    "a long list": "smtpd_relay_restrictions = " + "permit_mynetworks, " * 10_000 + "reject\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_grows_without_an_end_is_bounded_and_not_understood(tmp_path: Path, text: str) -> None:
    assert lint(tmp_path, text).where(check="open relay")[0].verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("policyd-spf.conf", "TestOnly = " + " " * LONG + "x\nTestOnly = 1\n"),
        ("exim.conf", "daemon_smtp_ports =" + " " * LONG + "x\n"),
        ("exim.conf", "begin acl\nacl_check_rcpt:\n" + "  accept hosts = +relay_from_hosts " * (LONG // 40) + "\n"),
        ("update-exim4.conf.conf", "dc_smarthost='" + ";" * LONG + "'\n"),
        ("master.cf", "smtp inet n - n - - smtpd " + "-o{" * (LONG // 3) + "\n"),
    ],
)
def test_a_line_without_an_end_takes_time_that_grows_with_it_alone(tmp_path: Path, name: str, text: str) -> None:
    """Any reading that takes the square of the length would take hours."""
    for row in lint(tmp_path, text, name):
        assert len(row.evidence) <= 600 and len(row.fix) <= 600


def test_more_services_than_anybody_runs_are_refused(tmp_path: Path) -> None:
    master = "".join(f"{port} inet n - n - - smtpd\n" for port in range(1, 1000))
    with pytest.raises(ValueError, match="no master"):
        lint(tmp_path, GUARD, master=master)


def test_nothing_of_a_file_is_offered_to_paste_unless_it_is_a_host_name(tmp_path: Path) -> None:
    (row,) = lint(tmp_path, "relayhost = [smtp.\x1b[31mrelay.example]\n").where(check="OP25B")
    assert row.fix == "" and "\\x1b" in row.evidence
    (row,) = lint(tmp_path, "relayhost = [smtp.relay.example]:25\n").where(check="OP25B")
    assert row.fix == "relayhost = [smtp.relay.example]:587"


def test_postconf_tells_the_version_and_the_names_it_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # dpkg is to be found for this
    root = unpacked("postfix")
    monkeypatch.setenv("PATH", f"{root}/usr/sbin")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{root}/usr/lib/postfix:{root}/usr/lib/x86_64-linux-gnu")
    text = "compatibility_level = 3.6\nmyhostname = mail.kaisha.example\nsmtpd_tls_auth_onyl = yes\n"
    rows = lint(tmp_path, text, master=MASTER.format(chroot="n"))
    (warning,) = rows.where(check="postconf's warnings")
    assert "unused parameter: smtpd_tls_auth_onyl=yes" in warning.evidence
    # Postfix 3.7 is older than the default that closes the hole.
    assert [row.verdict for row in rows.where(check="SMTP smuggling")] == [Verdict.FAIL]
