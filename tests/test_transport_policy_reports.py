"""TLS reports: written and read again, and everything that is none (RFC 8460)."""

from __future__ import annotations

import base64
import gzip
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailkit import dmarc
from mailkit.transport_policy import Session, read_reports, report_mail, report_reading, write_report
from mailkit.transport_policy.report_reading import COLUMNS

BEGIN, END = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)
GOOD = Session(
    "kaisha.example", "sts", "mx.kaisha.example", "203.0.113.12", "192.0.2.25",
    policy_text=("version: STSv1", "mode: enforce"), mx_hosts=("mx.kaisha.example",),
)  # fmt: skip
BAD = replace(GOOD, result_type="certificate-expired", reason="it ended yesterday")
NONE = replace(GOOD, policy="no-policy-found", policy_text=(), mx_hosts=())
FACTS: dict[str, Any] = {"organization": "bigmail.example", "contact": "postmaster@bigmail.example"}
REPORT = write_report([GOOD, BAD, GOOD, BAD, NONE], **FACTS, report_id="1@bigmail.example", begin=BEGIN, end=END)
MAIL = report_mail(
    REPORT, domain="kaisha.example", organization="bigmail.example", sender="postmaster@bigmail.example",
    recipient="tls-reports@kaisha.example", report_id="1@bigmail.example", begin=BEGIN, end=END,
)  # fmt: skip

# The example of RFC 8460 appendix B.
RFC = b"""{
  "organization-name": "Company-X",
  "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
  "contact-info": "sts-reporting@company-x.example",
  "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
  "policies": [{
    "policy": {
      "policy-type": "sts",
      "policy-string": ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"],
      "policy-domain": "company-y.example",
      "mx-host": ["*.mail.company-y.example"]
    },
    "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
    "failure-details": [
      {"result-type": "certificate-expired", "sending-mta-ip": "2001:db8:abcd:0012::1",
       "receiving-mx-hostname": "mx1.mail.company-y.example", "failed-session-count": 100},
      {"result-type": "starttls-not-supported", "sending-mta-ip": "2001:db8:abcd:0013::1",
       "receiving-mx-hostname": "mx2.mail.company-y.example", "receiving-ip": "203.0.113.56",
       "failed-session-count": 200, "additional-information": "https://reports.company-x.example/report_info?id=5065"},
      {"result-type": "validation-failure", "sending-mta-ip": "198.51.100.62", "receiving-ip": "203.0.113.58",
       "receiving-mx-hostname": "mx-backup.mail.company-y.example", "failed-session-count": 3,
       "failure-reason-code": "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED"}]
  }]
}"""


def test_the_example_of_the_rfc():
    frame = read_reports(RFC)
    assert list(frame.columns) == list(COLUMNS)
    assert (frame["successful"].sum(), frame["failed"].sum()) == (5326, 303)
    assert list(frame["result_type"]) == ["", "certificate-expired", "starttls-not-supported", "validation-failure"]
    assert list(frame["failed"]) == [0, 100, 200, 3]
    assert set(frame["policy"]) == {"sts"} and set(frame["domain"]) == {"company-y.example"}
    assert frame["begin"].iloc[0].isoformat() == "2016-04-01T00:00:00+00:00"


def test_what_is_written_can_be_read(tmp_path):
    (tmp_path / "a.json").write_bytes(REPORT)
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(RFC))
    (tmp_path / "c.eml").write_bytes(MAIL)  # the first one again
    (tmp_path / "d.json").write_bytes(b"{")
    (tmp_path / "e.txt").write_bytes(b"not looked at")
    frame = read_reports(tmp_path)
    own = frame[frame["organization"] == "bigmail.example"]
    assert own.groupby("policy", observed=True)[["successful", "failed"]].sum().to_dict("index") == {
        "no-policy-found": {"successful": 1, "failed": 0},
        "sts": {"successful": 2, "failed": 2},
    }
    (failure,) = own[own["result_type"] != ""].itertuples()
    assert (failure.failed, failure.reason, failure.receiving_ip) == (2, "it ended yesterday", "192.0.2.25")
    assert frame.attrs["problems"] == (("d.json", "it is no JSON"),)
    for one in (tmp_path / "a.json", str(tmp_path / "c.eml"), MAIL, gzip.compress(REPORT)):
        assert len(read_reports(one)) == len(own)
    assert len(read_reports([MAIL, RFC])) == len(frame)


def test_the_mail_says_what_it_carries():
    head = MAIL.partition(b"\r\n\r\n")[0]
    for line in (
        b'Content-Type: multipart/report; report-type="tlsrpt"',
        b"TLS-Report-Domain: kaisha.example",
        b"TLS-Report-Submitter: bigmail.example",
        b"TLS-Required: No",
    ):
        assert line in head
    assert b"application/tlsrpt+gzip" in MAIL
    assert b"bigmail.example!kaisha.example!1795478400!1795564799.json.gz" in MAIL


@pytest.mark.parametrize(
    "change",
    [
        {"sessions": []},
        {"sessions": [GOOD, replace(GOOD, domain="other.example")]},
        {"begin": END, "end": BEGIN},
        {"begin": BEGIN.replace(tzinfo=None)},
        {"report_id": "a b"},
        {"report_id": "a\r\nX: y"},
    ],
)
def test_bad_arguments_of_the_writer(change):
    given: dict[str, Any] = {**FACTS, "sessions": [GOOD], "report_id": "1", "begin": BEGIN, "end": END} | change
    with pytest.raises(ValueError):
        write_report(given.pop("sessions"), **given)


def changed(*path: Any, to: Any) -> bytes:
    report = json.loads(RFC)
    place = report
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return json.dumps(report).encode()


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "it is empty"),
        (b"hello", "neither JSON nor an archive, nor a mail"),
        (b"{", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"[1]", "it has no list of policies"),
        (b"{}", "it has no list of policies"),
        (b'{"policies": []}', "this one 0"),
        (changed("policies", to=[1]), "a policy has no policy"),
        (changed("policies", 0, "summary", to=None), "a policy has no summary"),
        (changed("policies", 0, "summary", "total-failure-session-count", to=-1), "is no number of sessions"),
        (changed("policies", 0, "summary", "total-failure-session-count", to=True), "is no number of sessions"),
        (changed("policies", 0, "summary", "total-failure-session-count", to=1e300), "is no number of sessions"),
        (changed("policies", 0, "summary", "total-failure-session-count", to="9" * 5000), "is no number of sessions"),
        (changed("policies", 0, "failure-details", to={}) + b" ", ""),
        (changed("policies", 0, "failure-details", to="x"), "failure-details is no list"),
        (changed("policies", 0, "failure-details", 0, to=1), "something else than fields"),
        (changed("date-range", to=None), "start-datetime is no moment"),
        (changed("date-range", "end-datetime", to="yesterday"), "end-datetime is no moment"),
        (changed("date-range", "end-datetime", to="9" * 50), "end-datetime is no moment"),
        (changed("date-range", "end-datetime", to="NaT"), "end-datetime is no moment"),
        (changed("date-range", "end-datetime", to="now"), "end-datetime is no moment"),
        (changed("date-range", "end-datetime", to="2026"), "end-datetime is no moment"),
        (changed("date-range", "end-datetime", to="24/11/2026"), "end-datetime is no moment"),
        (changed("date-range", "end-datetime", to="2026-13-24T00:00:00Z"), "end-datetime is no moment"),
        (changed("date-range", "start-datetime", to="9999-12-31T23:59:59Z"), "start-datetime is no moment"),
        (changed("date-range", "start-datetime", to="0001-01-01T00:00:00Z"), "start-datetime is no moment"),
        (changed("policies", 0, "failure-details", to=[{}] * 200_000), "more than 200,000 lists and objects"),
        (changed("policies", 0, "policy", "mx-host", to=["x"] * 2_000_001), "or 2,000,000 values"),
        (gzip.compress(RFC)[:40], "the archive is damaged"),
        (gzip.compress(b" " * (50 << 20)), "as bombs do"),
        (gzip.compress(b"x"), "it is no JSON"),
        (gzip.compress(gzip.compress(RFC)), "an archive in the archive"),
        (b"{" + b" " * (100 << 20), "larger than 32 MiB"),
        (b"Subject: x\r\n\r\nno report\r\n", "neither JSON nor an archive, nor a mail with one attached"),
        (MAIL + b"x" * (64 << 20), "the mail is larger than 64 MiB"),
    ],
)
def test_what_is_no_report(octets, reason, tmp_path):
    file = tmp_path / "report.json"
    file.write_bytes(octets)
    if not reason:
        assert len(read_reports(file)) == 1
        return
    with pytest.raises(ValueError, match=reason):
        read_reports(file)
    with pytest.raises(ValueError, match="the octets: "):
        read_reports(octets)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-24T00:00:00Z", "2026-11-24T00:00:00+00:00"),
        ("2026-11-24t09:00:00.5+09:00", "2026-11-24T00:00:00.500000+00:00"),
        ("2026-11-23 19:00:00-0500", "2026-11-24T00:00:00+00:00"),
        ("2026-11-24T00:00:00", "2026-11-24T00:00:00+00:00"),
        ("2000-01-01T00:00:00+14:00", "1999-12-31T10:00:00+00:00"),
        ("2099-12-31T23:59:59z", "2099-12-31T23:59:59+00:00"),
    ],
)
def test_moments_in_the_forms_that_senders_write(written, meant):
    frame = read_reports(changed("date-range", "start-datetime", to=written))
    assert frame["begin"].iloc[0].isoformat() == meant


def test_one_impossible_moment_spoils_no_other_report(tmp_path):
    (tmp_path / "a.json").write_bytes(changed("date-range", "end-datetime", to="9999-12-31T23:59:59Z"))
    (tmp_path / "b.json").write_bytes(RFC)
    frame = read_reports(tmp_path)
    assert len(frame) == len(read_reports(RFC)) and [name for name, _ in frame.attrs["problems"]] == ["a.json"]


AGGREGATE = b"<?xml version='1.0'?><feedback></feedback>"


@pytest.mark.parametrize(
    "octets",
    [
        AGGREGATE,
        AGGREGATE[21:],
        gzip.compress(AGGREGATE),
        b"Content-Type: application/xml\r\n\r\n" + AGGREGATE,
        b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(gzip.compress(AGGREGATE)),
    ],
)
def test_an_aggregate_report_is_sent_to_its_own_reader(octets):
    with pytest.raises(ValueError, match=r"it is XML, not JSON: aggregate .* read with mailkit\.dmarc\.read_reports"):
        read_reports(octets)


def test_a_tls_report_is_sent_to_its_own_reader():
    for octets in (RFC, gzip.compress(RFC), MAIL, b"Content-Type: application/json\r\n\r\n" + RFC):
        with pytest.raises(ValueError, match=r"it is JSON, not XML: TLS .* mailkit\.transport_policy\.read_reports"):
            dmarc.read_reports(octets)


def test_both_kinds_in_one_mailbox(tmp_path):
    """Each reader takes its own and names the others."""
    aggregate = b"From: r@b.example\r\nContent-Type: application/xml\r\n\r\n" + AGGREGATE + b"\r\n"
    box = tmp_path / "reports.mbox"
    box.write_bytes(b"From x\r\n" + MAIL + b"\r\nFrom x\r\n" + aggregate + b"\r\nFrom x\r\n" + MAIL)
    frame = read_reports(box)
    assert set(frame["organization"]) == {"bigmail.example"} and len(frame) == len(read_reports(MAIL))
    ((name, reason),) = frame.attrs["problems"]
    assert name == "reports.mbox, mail 2" and "mailkit.dmarc.read_reports" in reason


def test_an_archive_of_several(tmp_path):
    packed = tmp_path / "reports.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", RFC)
        archive.writestr("b.json", b"{")
        archive.writestr("c.json", REPORT)
    frame = read_reports(packed)
    assert len(frame) == len(read_reports([RFC, REPORT]))
    assert frame.attrs["problems"] == (("reports.zip, b.json", "it is no JSON"),)


def test_numbers_as_text_and_what_is_not_described():
    text = changed("policies", 0, "summary", "total-failure-session-count", to="400")
    frame = read_reports(text)
    assert frame["failed"].sum() == 400
    assert frame[frame["result_type"] == ""]["failed"].sum() == 97


def test_what_is_said_is_bounded_and_shown_safely():
    text = changed("organization-name", to="<b>\x1b[31m" + "x" * 5000)
    (name,) = set(read_reports(text)["organization"])
    assert "\x1b" not in name and len(name) < 1100


def test_bad_paths(tmp_path):
    with pytest.raises(TypeError, match="paths is a file"):
        read_reports([])
    with pytest.raises(FileNotFoundError):
        read_reports(tmp_path / "nowhere.json")
    with pytest.raises(ValueError, match=r"the folder holds no reports: no file in it ends in \.json, \.gz"):
        read_reports(tmp_path)


def test_a_maildir_with_a_mail_that_cannot_be_read(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.M1P1.host").write_bytes(MAIL)
    (tmp_path / "new" / "2.M1P1.host").symlink_to(tmp_path / "gone")
    frame = read_reports(tmp_path)
    assert set(frame["report_id"]) == {"1@bigmail.example"}
    assert [(name, "cannot be read" in why) for name, why in frame.attrs["problems"]] == [("2.M1P1.host", True)]


def test_no_number_is_so_large_that_a_sum_runs_over():
    most = report_reading._MOST_COUNT
    assert most * report_reading._MOST_ROWS < 2**63
    key = "total-failure-session-count"
    assert read_reports(changed("policies", 0, "summary", key, to=most))["failed"].sum() >= most
    with pytest.raises(ValueError, match="no number of sessions"):
        read_reports(changed("policies", 0, "summary", key, to=most + 1))


KEYS = ("policies", "policy", "summary", "date-range", "failure-details", "policy-type")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_no_json_raises_anything_else(value):
    for octets in (json.dumps(value).encode(), changed("policies", to=value), changed("policies", 0, to=value)):
        try:
            read_reports(octets)
        except ValueError as error:
            assert str(error).startswith("the octets: ")
