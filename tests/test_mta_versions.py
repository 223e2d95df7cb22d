"""What changed from version to version: the table, and the versions themselves where ``.ci/mta releases`` fetched them.

Each version is run out of the packages of the Debian or Ubuntu that has it, and asked for what it was written for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import support_mta_promises as promises
from support_daemons import unpacked
from support_machine import ADDRESSES, machine
from support_mta import AUTHORITY, DOMAIN, RELAY, SIGNING, Running, running

from mailkit import datasets, mta
from mailkit.mta.versions import SOFTWARE, numbers

OTHERS = [("postfix", f"3.{n}") for n in (8, 9, 10, 11)] + [("exim", f"4.{n}") for n in (97, 98, 99, 100)]
ASKS_FOR_LESS = "TLS-Required: no\n"


def test_the_table_holds_versions_that_are_known_and_says_what_was_seen() -> None:
    for row in datasets.load("mta_versions").itertuples():
        first, last = SOFTWARE[row.software.lower()]
        assert first <= numbers(row.version)[:2] <= last
        assert row.kind in {"default", "new", "renamed", "removed", "behaviour"}
        assert bool(row.before) is (row.kind != "new") and row.since and row.meaning.endswith(".")
        if row.seen != "documents only":
            seen = [numbers(version) for version in row.seen.split(", ")]
            assert seen == sorted(seen) and seen[-1] >= numbers(row.version)[:2]


def test_changes_between_two_versions() -> None:
    def settings(software: str, before: str, after: str) -> set[str]:
        return {row.setting for row in mta.version_changes(software, before, after)}

    assert "smtpd_forbid_bare_newline" in settings("postfix", "3.8", "3.9")
    assert "smtpd_forbid_bare_newline" not in settings("postfix", "3.9", "3.11")
    assert settings("postfix", "3.7", "3.11") >= settings("postfix", "3.9", "3.10") == {
        "tls_required_enable", "smtpd_hide_client_session", "smtp_tlsrpt_enable"
    }  # fmt: skip
    assert settings("exim", "4.100", "4.100.1") == {"end of DATA"} <= settings("exim", "4.99", "4.100")
    assert settings("exim", "4.96", "4.96") == set()
    rows = mta.version_changes("exim", "4.99", "4.100")
    assert "4.99 to 4.100" in rows.caption and {row.version for row in rows} == {"4.99.3", "4.100", "4.100.1"}


@pytest.mark.parametrize(
    ("software", "before", "after", "words"),
    [
        ("sendmail", "8.17", "8.18", "postfix, exim"),
        ("postfix", "3.9", "3.8", "older"),
        ("postfix", "three", "3.8", "two or three numbers"),
    ],
)
def test_versions_that_mean_nothing_are_refused(software: str, before: str, after: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mta.version_changes(software, before, after)
    with pytest.raises(TypeError):
        mta.version_changes("postfix", 3.7, "3.8")  # type: ignore[arg-type]


# Late patches of 3.10 have the default of 3.11: which patch is run here is Debian's choice.
BETWEEN = ("milter_default_action", "3.10")


def newest(software: str, version: str) -> list[tuple[str, str]]:
    """Setting -> value that the table gives for *version*: what its last change before made of it."""
    known: dict[str, str] = {}
    for row in datasets.load("mta_versions").itertuples():
        if row.software.lower() == software and row.kind in {"default", "new"}:
            if numbers(row.version)[:2] <= numbers(version):
                known[row.setting] = row.since
            else:
                known.setdefault(row.setting, row.before)
    return [(name, value) for name, value in known.items() if re.fullmatch(r"[a-z_]+", name)]


@pytest.mark.parametrize("version", ["3.7", "3.8", "3.9", "3.10", "3.11"])
def test_postfix_has_the_defaults_of_the_table(version: str, tmp_path: Path) -> None:
    root = unpacked("postfix" if version == "3.7" else f"postfix-{version}")
    with machine(tmp_path, root) as box:
        box.run("sh", "-c", "mkdir -p /etc/postfix && : >/etc/postfix/main.cf && : >/etc/postfix/master.cf")
        said = box.run("sh", "-c", "postconf -d 2>/dev/null")
        assert box.run("postconf", "-d", "-h", "mail_version").startswith(f"{version}.")
    defaults = dict(line.split(" =", 1) for line in said.splitlines() if " =" in line)
    for name, value in newest("postfix", version):
        if not value:
            assert name not in defaults, name
        elif " " not in value and value != "(empty)" and (name, version) != BETWEEN:
            assert defaults[name].strip() == value, name


@pytest.fixture(scope="module", params=OTHERS, ids=" ".join)
def submission(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    software, version = request.param
    with running(tmp_path_factory.mktemp("m"), "submission", software, release=version) as one:
        yield one


@pytest.fixture(scope="module", params=OTHERS, ids=" ".join)
def receiving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    software, version = request.param
    records = {
        (DOMAIN, "TXT"): ['"v=spf1 ip4:192.0.2.99 -all"'],
        (f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=none"'],
        ("never.example", "TXT"): ['"v=spf1 -all"'],
    }
    with running(tmp_path_factory.mktemp("m"), "receiving", software, records, release=version) as one:
        yield one


def test_a_submission_server_keeps_its_promises(submission: Running) -> None:
    assert promises.accepted(submission) == ""
    promises.no_login_before_tls(submission)
    promises.at_465_too(submission)
    promises.introduces_itself(submission)
    promises.no_relaying(submission)
    sent = promises.signs_with_both_keys(submission)
    hides = submission.software == "postfix" and submission.configuration.description.numbers >= (3, 10)
    assert (ADDRESSES["stranger"].encode() not in sent) is hides


def test_a_receiving_server_keeps_its_promises(receiving: Running) -> None:
    assert promises.accepted(receiving) == ""
    for end in promises.SMUGGLED:
        promises.hides_no_second_message(receiving, end)
    promises.no_synchronization_no_talk(receiving)
    spf = receiving.software == "postfix" or "SPF" in receiving.machine.run("exim4", "-bV").split()
    promises.records_what_it_checked(receiving, spf)
    promises.takes_what_fails_spf(receiving, spf)


@pytest.mark.parametrize(("software", "version"), OTHERS)
def test_a_smarthost_gets_mail_and_password_when_it_verifies(software: str, version: str, tmp_path: Path) -> None:
    with running(tmp_path, "smarthost", software, release=version, **SIGNING) as one:
        assert promises.accepted(one) == ""
        sink = one.sink("relay", 587, AUTHORITY.issue(RELAY).pem(), auth=True)
        promises.hand_in(one, ASKS_FOR_LESS)
        one.machine.until(lambda: sink.messages, f"delivered: {one.log}")
        rows = one.machine.until(
            lambda: mta.read_log(promises.where(one)).where(fate=mta.Fate.SENT), f"read: {one.log}"
        )
        assert [row.recipient for row in rows] == ["taro@other.example"]


@pytest.mark.parametrize("bad", ["another name", "no TLS"])
@pytest.mark.parametrize(("software", "version"), OTHERS)
def test_no_message_talks_it_into_trust(software: str, version: str, bad: str, tmp_path: Path) -> None:
    with running(tmp_path, "smarthost", software, release=version) as one:
        promises.no_trust_no_password(one, bad, before=ASKS_FOR_LESS)


def test_without_the_line_postfix_gives_the_password_away(tmp_path: Path) -> None:
    with running(tmp_path, "smarthost", "postfix", release="3.10") as one:
        one.machine.run("postconf", "-e", "tls_required_enable=yes")
        one.machine.run("postfix", "reload")
        sink = one.sink("relay", 587, AUTHORITY.issue("evil.example").pem(), auth=True)
        promises.hand_in(one, ASKS_FOR_LESS)
        one.machine.until(lambda: sink.messages, f"delivered: {one.log}")
        assert sink.logins


@pytest.mark.parametrize("version", ["4.97", "4.98", "4.99", "4.100"])
def test_exim_sends_nothing_unsigned_when_a_key_is_gone(version: str, tmp_path: Path) -> None:
    with running(tmp_path, "submission", "exim", release=version) as one:
        sink = one.sink("receiver", 25)
        one.machine.run("rm", "/etc/dkimkeys/e2026.pem")
        promises.logged_in(one).sendmail(f"hanako@{DOMAIN}", ["taro@other.example"], promises.MESSAGE)
        one.machine.until(lambda: " == " in one.log, f"deferred: {one.log}")
        assert sink.messages == []
