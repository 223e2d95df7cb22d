"""``mta.read_log``: lines as Postfix and Exim write them, and logs that somebody has tampered with."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailkit import mta
from mailkit.mta import Delivery, Fate
from mailkit.results import Rows

POSTFIX = """\
Nov 27 03:31:29 mail postfix/submission/smtpd[171]: 02C832E: client=unknown[192.0.2.99], sasl_method=PLAIN, sasl_username=hanako
Nov 27 03:31:29 mail postfix/cleanup[177]: 02C832E: message-id=<1@kaisha.example>
Nov 27 03:31:29 mail postfix/qmgr[172]: 02C832E: from=<hanako@kaisha.example>, size=269, nrcpt=2 (queue active)
Nov 27 03:31:29 mail postfix/smtp[180]: 02C832E: to=<taro@other.example>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to mx.other.example[192.0.2.25]:25: Connection timed out)
Nov 27 03:31:30 mail postfix/smtp[180]: 02C832E: to=<jiro@other.example>, orig_to=<j@kaisha.example>, relay=mx.other.example[192.0.2.25]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 taken (really))
Nov 27 04:31:29 mail postfix/smtp[180]: 02C832E: to=<taro@other.example>, relay=none, delay=3630, delays=3600/0/30/0, dsn=4.4.1, status=deferred (connect to mx.other.example[192.0.2.25]:25: Connection timed out)
2026-12-02T03:31:29.123456+00:00 mail postfix/qmgr[172]: 02C832E: from=<hanako@kaisha.example>, status=expired, returned to sender
2026-12-02T03:31:29.123456+00:00 mail postfix/bounce[172]: 02C832E: sender non-delivery notification: 9F00A2E
2026-12-02T03:31:29.123456+00:00 mail postfix/qmgr[172]: 9F00A2E: from=<>, size=2000, nrcpt=1 (queue active)
2026-12-02T03:31:29.123456+00:00 mail postfix/smtpd[9]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <x@evil.example>: Relay access denied; from=<a@evil.example> to=<x@evil.example> proto=ESMTP helo=<x>
2026-12-02T03:31:30.123456+00:00 mail postfix/smtpd[9]: warning: connect to Milter service inet:127.0.0.1:8891: Connection refused
"""  # noqa: E501
EXIM = """\
2026-11-27 03:31:36 exim 4.96 daemon started: pid=46, -q1m, listening for SMTP on [127.0.0.1]:25
2026-11-27 03:31:36 1xWmgS-00000l-1f <= hanako@kaisha.example H=(client.example) [192.0.2.99] P=esmtpsa X=TLS1.3 A=plain:hanako S=337 id=1@kaisha.example
2026-11-27 03:31:36 1xWmgS-00000l-1f == taro@other.example R=smarthost T=smarthost_smtp defer (-37) H=smtp.relay.example [198.51.100.5]: TLS session: (certificate verification failed)
2026-11-27 03:46:36 1xWmgS-00000l-1f => taro@other.example R=smarthost T=smarthost_smtp H=smtp.relay.example [198.51.100.5] X=TLS1.3 CV=yes A=plain C="250 2.0.0 taken"
2026-11-27 03:46:36 1xWmgS-00000l-1f Completed
2026-11-27 03:46:37 1xWmgS-0000000001f-0abc <= <> R=1xWmgS-00000l-1f U=Debian-exim P=local S=1200
2026-11-27 03:46:37 1xWmgS-0000000001f-0abc ** a@evil.example R=dnslookup T=remote_smtp H=mx.evil.example [203.0.113.9]: SMTP error from remote mail server after RCPT TO:<a@evil.example>: 550 5.1.1 no such user
2026-11-27 03:46:38 H=(x) [203.0.113.9] F=<a@evil.example> rejected RCPT <x@evil.example>: 550 5.7.1 Relaying denied
"""  # noqa: E501


def read(folder: Path, text: str | bytes) -> Rows[Delivery]:
    path = folder / "log"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return mta.read_log(path)


def told(rows: Rows[Delivery]) -> list[tuple[str, str, str, str, int]]:
    return [(row.queue_id, row.fate, row.sender, row.recipient, row.tries) for row in rows]


def test_a_postfix_log_becomes_rows_by_queue_id(tmp_path: Path) -> None:
    rows = read(tmp_path, POSTFIX)
    assert told(rows) == [
        ("02C832E", "expired", "hanako@kaisha.example", "taro@other.example", 2),
        ("02C832E", "sent", "hanako@kaisha.example", "jiro@other.example", 1),
        ("", "rejected", "a@evil.example", "x@evil.example", 0),
        ("", "warning", "", "", 0),
        ("9F00A2E", "queued", "", "", 0),
    ]
    assert rows[0].user == "hanako" and rows[0].client == "unknown[192.0.2.99]"
    assert rows[0].reply == "connect to mx.other.example[192.0.2.25]:25: Connection timed out"
    assert rows[1].reply == "250 2.0.0 taken (really)" and rows[1].relay == "mx.other.example[192.0.2.25]:25"
    assert rows[2].reply == "554 5.7.1 <x@evil.example>: Relay access denied" and "203.0.113.9" in rows[2].client
    assert "lines say nothing" in rows.caption


@pytest.mark.parametrize(
    "tls", ["", "tls=secure, ", "tls=may:none, ", "tls=!secure, ", "tls=may/requiretls:nocertmatch, "]
)
def test_postfix_3_11_says_in_between_how_tls_went(tmp_path: Path, tls: str) -> None:
    line = (
        "Nov 27 10:44:34 mail postfix/smtp[210]: 7FA0434: to=<taro@other.example>, relay=mx[198.51.100.5]:587, "
        f"delay=0.1, delays=0.05/0.09/0.01/0, {tls}dsn=2.0.0, status=sent (250 2.0.0 taken)\n"
    )
    (row,) = read(tmp_path, line)
    assert (row.fate, row.recipient, row.reply) == (Fate.SENT, "taro@other.example", "250 2.0.0 taken")


def test_an_exim_log_becomes_rows_by_message_id(tmp_path: Path) -> None:
    rows = read(tmp_path, EXIM)
    assert told(rows) == [
        ("1xWmgS-00000l-1f", "sent", "hanako@kaisha.example", "taro@other.example", 2),
        ("1xWmgS-0000000001f-0abc", "bounced", "", "a@evil.example", 1),
        ("", "rejected", "a@evil.example", "x@evil.example", 0),
    ]
    assert rows[0].user == "hanako" and rows[0].reply == "250 2.0.0 taken"
    assert rows[0].relay == "smtp.relay.example [198.51.100.5]"
    assert rows[1].reply.endswith("550 5.1.1 no such user")
    assert rows[2].reply == "550 5.7.1 Relaying denied"


def test_words_of_a_stranger_claim_nothing(tmp_path: Path) -> None:
    line = (
        "Nov 27 03:31:29 mail postfix/smtp[180]: 02C832E: to=<taro@other.example>, relay=mx[192.0.2.25]:25, delay=1, "
        "delays=0/0/1/0, dsn=5.0.0, status=bounced (host said: 550 status=sent (250 ok) \x1b[31m\u202e<script>)\n"
    )
    (row,) = read(tmp_path, line)
    assert row.fate is Fate.BOUNCED
    assert "\x1b" not in row.reply and "\u202e" not in row.reply and "<script>" not in row._repr_html_()


def test_a_log_without_end_or_sense_is_bounded(tmp_path: Path) -> None:
    assert list(read(tmp_path, b"")) == []
    assert list(read(tmp_path, b"\0" * 2_000_000)) == []
    assert list(read(tmp_path, b"Nov 27 03:31:29 mail postfix/smtp[1]: AAAAAA: to=<" + b"<>, relay=" * 200_000)) == []
    assert list(read(tmp_path, "2026-11-27 03:31:36 " + "rejected RCPT " * 50_000)) == []
    many = "".join(
        f"2026-11-27 03:31:36 1xWm{n:02d}-00000l-1f => {n}@{m}.example R=r T=t\n"
        for n in range(99)
        for m in range(1100)
    )
    rows = read(tmp_path, many)
    assert len(rows) == 100_000 and "8900 more lines" in rows.caption


@given(
    st.lists(st.sampled_from(POSTFIX.splitlines() + EXIM.splitlines()) | st.text(max_size=80), max_size=20), st.data()
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_without_an_error(tmp_path: Path, lines: list[str], data: st.DataObject) -> None:
    text = "\n".join(lines)
    cut = data.draw(st.integers(0, len(text)))
    rows = read(tmp_path, (text[:cut] + data.draw(st.text(max_size=5)) + text[cut:]).encode("utf-8", "surrogatepass"))
    assert len(rows) <= len(text.splitlines()) + 20
    rows._repr_html_()


def test_a_compressed_log_is_to_be_unpacked_first(tmp_path: Path) -> None:
    (tmp_path / "mail.log.2.gz").write_bytes(gzip.compress(POSTFIX.encode()))
    with pytest.raises(ValueError, match="compressed: unpack it first"):
        mta.read_log(tmp_path / "mail.log.2.gz")


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ValueError, match="is no file"):
            mta.read_log(path)
