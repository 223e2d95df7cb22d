"""Aggregate reports: read in every wrapping, written and read back, and hostile ones bounded."""

from __future__ import annotations

import email.message
import gzip
import io
import itertools
import os
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support_spf_dns import DnsServer

from mailkit import dkim, dmarc
from mailkit.dmarc import report_reading, report_rows, report_xml
from mailkit.dmarc.report_reading import COLUMNS
from mailkit.message import report_files

BEGIN, END = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)

RECORD = """<record><row><source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated>
<disposition>none</disposition><dkim>pass</dkim><spf>fail</spf>
<reason><type>forwarded</type><comment>a list</comment></reason></policy_evaluated></row>
<identifiers><envelope_from>l.test</envelope_from><header_from>Kaisha.test</header_from></identifiers>
<auth_results><dkim><domain>kaisha.test</domain><selector>s1</selector><result>pass</result></dkim>
<dkim><domain>l.test</domain><selector>x</selector><result>fail</result></dkim>
<spf><domain>l.test</domain><result>pass</result></spf></auth_results></record>"""
METADATA = """<report_metadata><org_name>bigmail.test</org_name><email>r@bigmail.test</email>
<report_id>{id}</report_id><date_range><begin>1764000000</begin><end>1764086399</end></date_range></report_metadata>"""
PUBLISHED = """<policy_published><domain>kaisha.test</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp>
<pct>100</pct></policy_published>"""


def report(records: str = RECORD, *, report_id: str = "1", attributes: str = "", head: str = "") -> bytes:
    metadata = METADATA.format(id=report_id)
    return f'<?xml version="1.0"?>{head}<feedback{attributes}>{metadata}{PUBLISHED}{records}</feedback>'.encode()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, octets in members:
            archive.writestr(name, octets)
    return buffer.getvalue()


def mailed(*attachments: tuple[str, str, bytes]) -> bytes:
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "r@bigmail.test", "d@kaisha.test", "Report Domain: kaisha.test"
    message.set_content("A report for you.")
    for name, kind, octets in attachments:
        maintype, _, subtype = kind.partition("/")
        message.add_attachment(octets, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes()


def read(tmp_path: Path, name: str, octets: bytes) -> pd.DataFrame:
    path = tmp_path / name
    path.write_bytes(octets)
    return dmarc.read_reports(path)


def test_columns(tmp_path: Path) -> None:
    frame = read(tmp_path, "r.xml", report())
    assert tuple(frame.columns) == COLUMNS
    row = frame.iloc[0].to_dict()
    expected = {
        "source_ip": "192.0.2.1",
        "count": 3,
        "disposition": "none",
        "dkim": "pass",
        "spf": "fail",
        "header_from": "kaisha.test",
        "org_name": "bigmail.test",
        "report_id": "1",
        "domain": "kaisha.test",
        "aligned": True,
        "p": "none",
        "envelope_from": "l.test",
        "reason": "forwarded",
        "comment": "a list",
        "dkim_domain": "kaisha.test, l.test",
        "dkim_selector": "s1, x",
        "dkim_result": "pass, fail",
        "spf_domain": "l.test",
        "spf_result": "pass",
        "format": "RFC 7489",
        "file": "r.xml",
        "begin": pd.Timestamp(1764000000, unit="s", tz="UTC"),
    }
    assert {name: row[name] for name in expected} == expected
    assert frame["count"].dtype == "int64" and str(frame["begin"].dtype) == "datetime64[ns, UTC]"


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("plain.xml", report()),
        ("no-ending", report()),
        ("bom.xml", b"\xef\xbb\xbf" + report()),
        ("space.xml", b"\r\n " + report().partition(b"?>")[2]),
        ("utf16.xml", report().decode().replace("?>", ' encoding="utf-16"?>', 1).encode("utf-16")),
        ("latin1.xml", report().replace(b"?>", b' encoding="iso-8859-1"?>', 1).replace(b"a list", b"a l\xefst")),
        ("a.xml.gz", gzip.compress(report())),
        ("a.zip", zipped(("a.xml", report()))),
        ("stored.zip", zipped(("a.xml", report()), method=zipfile.ZIP_STORED)),
        ("gz.eml", mailed(("a.xml.gz", "application/gzip", gzip.compress(report())))),
        ("zip.eml", mailed(("a.zip", "application/zip", zipped(("a.xml", report()))))),
        ("xml.eml", mailed(("a.xml", "text/xml", report()))),
        ("octets.eml", mailed(("a", "application/octet-stream", gzip.compress(report())))),
        ("with-others.eml", mailed(("x.png", "image/png", b"\x89PNG"), ("a.xml", "application/xml", report()))),
        ("box.mbox", b"From r@b.test Tue Nov 24 12:00:00 2026\n" + mailed(("a.xml", "text/xml", report())) + b"\n"),
        ("namespace.xml", report(attributes=' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"')),
        ("old.xml", report(attributes=' xmlns="http://dmarc.org/dmarc-xml/0.1"')),
        ("prefix.xml", report().replace(b"<feedback>", b'<n:feedback xmlns:n="urn:x">').replace(b"</f", b"</n:f")),
        ("comments.xml", report(head="<!-- made by hand --><?style x?>")),
        ("extension.xml", report("<extension><e xmlns='urn:e'>x</e></extension>" + RECORD)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_wrapping(tmp_path: Path, name: str, octets: bytes) -> None:
    frame = read(tmp_path, name, octets)
    assert frame[["source_ip", "count", "dkim"]].to_dict("records") == [
        {"source_ip": "192.0.2.1", "count": 3, "dkim": "pass"}
    ]
    assert frame["format"][0] == ("RFC 9990" if name == "namespace.xml" else "RFC 7489")


def test_a_folder_of_reports(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.xml").write_bytes(report(report_id="1"))
    (tmp_path / "b.xml.gz").write_bytes(gzip.compress(report(report_id="2")))
    (tmp_path / "sub" / "c.zip").write_bytes(zipped(("1.xml", report(report_id="3")), ("2.xml", b"<feedback>")))
    (tmp_path / "sub" / "d.eml").write_bytes(mailed(("again.xml", "text/xml", report(report_id="1"))))
    (tmp_path / "broken.xml").write_bytes(report()[:-40])
    (tmp_path / "notes.txt").write_bytes(b"not a report, and not asked")
    frame = dmarc.read_reports(str(tmp_path))
    assert sorted(frame["report_id"]) == ["1", "2", "3"]
    assert [Path(name).name for name, _ in frame.attrs["problems"]] == ["broken.xml", "c.zip, 2.xml"]
    assert [Path(name).name for name in frame.attrs["repeated"]] == ["d.eml, again.xml"]
    assert set(frame["file"].map(lambda name: Path(name).name)) == {"a.xml", "b.xml.gz", "c.zip, 1.xml"}


def test_the_octets_of_mails(tmp_path: Path) -> None:
    """As they lie in a mailbox: one that is no report does not spoil the others."""
    first, second = (mailed(("r.xml.gz", "application/gzip", gzip.compress(report(report_id=n)))) for n in "12")
    one = dmarc.read_reports(first)
    assert one.equals(read(tmp_path, "r.eml", first).assign(file=one["file"]))
    several = dmarc.read_reports([first, b"Subject: lunch?\r\n\r\nAt one?\r\n", second, first])
    assert list(several["report_id"]) == ["1", "2"]
    assert [(name, "it is no report" in why) for name, why in several.attrs["problems"]] == [("message 2", True)]
    assert several.attrs["repeated"] == ("message 4, r.xml.gz",)
    with pytest.raises(ValueError, match=r"it is no report.*message 1"):
        dmarc.read_reports(b"Subject: lunch?\r\n\r\nAt one?\r\n")


def test_several_paths(tmp_path: Path) -> None:
    paths = [tmp_path / "1.xml", tmp_path / "2.xml"]
    for number, path in enumerate(paths):
        path.write_bytes(report(RECORD * (number + 1), report_id=str(number)))
    assert len(dmarc.read_reports(paths)) == 3
    paths[1].write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"2\.xml.*no report"):
        dmarc.read_reports(paths)


def test_a_maildir(tmp_path: Path) -> None:
    """Its mails have no ending; what lies in tmp is not delivered yet."""
    for folder, number in (("cur", "1"), ("new", "2"), ("tmp", "3")):
        (tmp_path / "Maildir" / folder).mkdir(parents=True)
        octets = mailed(("r.xml.gz", "application/gzip", gzip.compress(report(report_id=number))))
        (tmp_path / "Maildir" / folder / f"{number}.M1P1.host:2,S").write_bytes(octets)
    frame = dmarc.read_reports(tmp_path)
    assert list(frame["report_id"]) == ["1", "2"] and frame.attrs["problems"] == ()


def test_a_folder_without_reports(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_bytes(report())
    with pytest.raises(ValueError, match=r"no file in it ends in \.xml, \.gz, \.zip, \.eml or \.mbox"):
        dmarc.read_reports(tmp_path)


def test_a_file_that_cannot_be_read_does_not_spoil_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.xml").write_bytes(report())
    (tmp_path / "dangling.eml").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe.xml")  # reading it would wait for ever
    frame = dmarc.read_reports(tmp_path)
    problems = dict(frame.attrs["problems"])
    assert len(frame) == 1 and problems.keys() == {"dangling.eml", "pipe.xml"}
    assert "cannot be read" in problems["dangling.eml"] and "is no file" in problems["pipe.xml"]
    with pytest.raises(ValueError, match="is no file"):
        dmarc.read_reports(tmp_path / "pipe.xml")
    with pytest.raises(FileNotFoundError):
        dmarc.read_reports(tmp_path / "dangling.eml")


def test_what_receivers_spell_differently_is_one_word_and_one_host(tmp_path: Path, dns: DnsServer) -> None:
    capitals = RECORD.replace("<dkim>pass", "<dkim>Pass").replace("<disposition>none", "<disposition>NONE")
    capitals = capitals.replace("<result>pass", "<result>PASS").replace("kaisha.test</domain>", "Kaisha.Test</domain>")
    spellings = ("2001:db8::1", "2001:0DB8:0:0:0:0:0:1", "2001:db8:0:0::0001", "192.0.2.1", "::ffff:192.0.2.1")
    strange = ("::1::", "fe80::1%eth0", ":")
    records = "".join(capitals.replace("192.0.2.1", address) for address in (*spellings, *strange))
    frame = read(tmp_path, "r.xml", report(RECORD + records))
    assert frame["aligned"].all() and set(frame["disposition"]) == {"none"}
    assert set(frame["dkim_domain"]) == {"kaisha.test, l.test"} and set(frame["dkim_result"]) == {"pass, fail"}
    hosts = {row.address: row.messages for row in dmarc.sources(frame, net=dns.net())}
    assert hosts == {"192.0.2.1": 9, "2001:db8::1": 9, **dict.fromkeys(strange, 3)}


@pytest.mark.parametrize("before", ["", RECORD], ids=["the first record", "one like those before"])
def test_no_count_is_so_large_that_a_sum_runs_over(tmp_path: Path, before: str) -> None:
    most = report_rows._MAX_COUNT
    assert most * report_reading._MAX_ROWS < 2**63
    frame = read(tmp_path, "most.xml", report(before + RECORD.replace("3</count>", f"{most}</count>") * 100))
    assert frame["count"].sum() == 100 * most + (3 if before else 0)
    with pytest.raises(ValueError, match=rf"count of record \d is {most + 1}"):
        read(tmp_path, "more.xml", report(before + RECORD.replace("3</count>", f"{most + 1}</count>")))


BOMB = (
    "<!DOCTYPE feedback [" + "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(12)) + "]>"
)
EXTERNAL = '<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
NESTED = zipped(("inner.zip", zipped(("a.xml", report()))))


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b"just text", "no report"),
        (b"\x00\x01\x02", "no report"),
        (mailed(), "no report"),
        (mailed(("x.gz", "application/gzip", gzip.compress(b"text"))), "no XML"),
        (b"<html><body>no</body></html>", "root element is html"),
        (b"<feedback/>", "report_metadata does not come"),
        (b"<feedback>", "ends too early|broken"),
        (report()[:-40], "ends too early|broken"),
        (report(RECORD + "<record>"), "broken"),
        (report(""), "no records"),
        (report(RECORD.replace("<count>3</count>", "")), "count of record 1 is missing"),
        (report(RECORD + RECORD.replace("3</count>", "-3</count>")), "count of record 2 is -3"),
        (report(RECORD.replace("3</count>", "9" * 30 + "</count>")), "count of record 1"),
        (report(RECORD.replace("source_ip", "source")), "no source_ip"),
        (report().replace(b"1764000000", b"yesterday"), "begin is yesterday"),
        (report().replace(b"1764000000", b"99999999999"), "begin is"),
        (report().replace(b"<domain>kaisha.test</domain><adkim>", b"<adkim>"), "which domain"),
        (report().replace(b"org_name", b"organisation"), "org_name"),
        (report(RECORD.replace("<record>", "<record>\x01")), "broken"),
        (report().replace(b"?>", b' encoding="utf-99"?>', 1), "encoding|no XML"),
        (report(head=BOMB).replace(b"a list", b"&l11;"), "document type"),
        (report(head=EXTERNAL).replace(b"a list", b"&x;"), "document type"),
        (report(head='<!DOCTYPE f SYSTEM "http://192.0.2.1/x.dtd">'), "document type"),
        (report(head='<!DOCTYPE f [<!ENTITY % p SYSTEM "http://192.0.2.1/x"> %p;]>'), "document type"),
        (report(head=BOMB).decode().replace("?>", ' encoding="utf-16"?>', 1).encode("utf-16"), "document type"),
        (gzip.compress(report())[:-20], "damaged"),
        (b"\x1f\x8bnonsense", "damaged"),
        (b"PK\x03\x04nonsense", "damaged"),
        (zipped(), "no report|damaged"),
        (NESTED, "archive in the archive"),
        (gzip.compress(gzip.compress(report())), "archive in the archive"),
        (zipped(*[(f"{i}.xml", b"<feedback/>") for i in range(101)]), "more than 100 files"),
        (zipped(("a.xml", report()), method=zipfile.ZIP_LZMA), "unknown kind"),
        (gzip.compress(b"<feedback>" + b" " * (40 << 20)), "goes on|300 times"),
        (zipped(("a.xml", b"<feedback>" + b"<record/>" * (5 << 20))), "does not come|300 times|no source_ip"),
        (b"<feedback>" + b" " * (6 << 20), "goes on"),
        (b"<feedback a='" + b"x" * (6 << 20), "no element begins"),
        (b"<feedback>" + b"<a>" * (2 << 20), "goes on"),
        (b"<feedback><a " + b" ".join(b"a%d='x'" % i for i in range(400_000)), "goes on"),
        (b"<!--" + b"x" * (1 << 20) + b"--><feedback/>", "no element begins"),
    ],
)
def test_what_is_no_report_or_up_to_no_good(tmp_path: Path, octets: bytes, words: str) -> None:
    begun = time.process_time()
    with pytest.raises(ValueError, match=words):
        read(tmp_path, "r.bin", octets)
    assert time.process_time() - begun < 30


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path: Path) -> None:
    """A gigabyte and more of well-formed records behind one megabyte."""
    packed = io.BytesIO()
    head, _, tail = report(RECORD).partition(RECORD.encode())
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(head)
        filler = b"<x>" + b" " * (1 << 20) + b"</x>"
        for _ in range(400):
            file.write(filler)
        file.write(RECORD.encode() + tail)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="300 times"):
            read(tmp_path, "bomb.xml.gz", packed.getvalue())
        assert tracemalloc.get_traced_memory()[1] < 60 << 20
    finally:
        tracemalloc.stop()


class Long:
    """A report of so many octets, made while it is read; ``record`` is made anew for each number."""

    def __init__(self, record: Callable[[int], str], octets: int) -> None:
        head, _, tail = report().partition(RECORD.encode())
        records = (record(number).encode() for number in itertools.count())
        size = octets // len(record(0).encode())
        self._pieces = itertools.chain([head], itertools.islice(records, size), [tail])
        self._left = b""
        self.records = size

    def read(self, size: int) -> bytes:
        pieces, length = [self._left], len(self._left)
        while length < size and (piece := next(self._pieces, b"")):
            pieces.append(piece)
            length += len(piece)
        whole = b"".join(pieces)
        self._left = whole[size:]
        return whole[:size]


def peak_of_reading(record: Callable[[int], str], octets: int) -> int:
    """Return the most memory in use, in octets, while a report of so many *octets* is read and let go of."""
    stream = Long(record, octets)
    tracemalloc.start()
    try:
        batches = report_xml.read_xml(report_files.Bounded(stream, None), report_xml.Known())
        assert sum(len(rows) for _, rows in batches) == stream.records
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(lambda n: RECORD.replace("192.0.2.1", f"192.0.{n // 250 % 250}.{n % 250}"), id="alike"),
        pytest.param(lambda n: RECORD.replace("a list", f"list {n}"), id="each different"),
        pytest.param(lambda n: RECORD.replace("<record>", f"<record n='{n}'>"), id="of an unusual form"),
    ],
)
def test_memory_does_not_grow_with_a_report(record: Callable[[int], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of records has a limit of its own, a small one here."""
    monkeypatch.setattr(report_xml, "_MAX_KNOWN", 1 << 20)
    short, long = peak_of_reading(record, 3 << 20), peak_of_reading(record, 12 << 20)
    assert long < short + (1 << 20)


def test_a_report_of_a_hundred_megabytes(tmp_path: Path) -> None:
    """It is read whole; what is kept of it is the table."""
    stream = Long(lambda n: RECORD.replace("192.0.2.1", f"192.0.{n // 250 % 250}.{n % 250}"), 100_000_000)
    path = tmp_path / "large.xml.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        while octets := stream.read(1 << 20):
            file.write(octets)
    frame = dmarc.read_reports(path)
    assert len(frame) == stream.records > 100_000
    assert frame["count"].sum() == 3 * len(frame) and frame["source_ip"].nunique() == 62_500


def test_limits_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, "_MAX_OCTETS", 1 << 20)
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        read(tmp_path, "big.xml", report(RECORD * 5000))
    monkeypatch.setattr(report_rows, "_MAX_RECORDS", 100)
    with pytest.raises(ValueError, match="more than 100 records"):
        read(tmp_path, "many.xml", report(RECORD * 101))
    monkeypatch.setattr(report_files, "_MAX_MAIL", 1 << 20)
    with pytest.raises(ValueError, match="mail is larger than 1 MiB"):
        read(tmp_path, "big.eml", mailed(("a.xml", "text/xml", report())) + b"x" * (1 << 20))
    with pytest.raises(ValueError, match="mail is larger than 1 MiB"):
        read(tmp_path, "big.mbox", b"From x\n" + mailed(("a.xml", "text/xml", report())) + b"x" * (1 << 20))


def test_deeply_nested_mail(tmp_path: Path) -> None:
    head = b"From: a@b.test\r\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(5000)
    )
    with pytest.raises(ValueError, match=r"no report|nested|parts"):
        read(tmp_path, "deep.eml", head + report())


def test_what_a_report_says_is_made_visible(tmp_path: Path) -> None:
    evil = RECORD.replace("a list", "\u202e<script>alert(1)</script>".replace("<", "&lt;")).replace(
        "192.0.2.1", "1" * 5000
    )
    frame = read(tmp_path, "r.xml", report(evil))
    assert frame["comment"][0].startswith("\\u202e") and len(frame["source_ip"][0]) == 255


@given(st.binary(max_size=2000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_octets_are_a_report_or_a_value_error(tmp_path: Path, octets: bytes) -> None:
    for whole in (octets, b"<feedback>" + octets, gzip.compress(octets), report()[:600] + octets):
        try:
            read(tmp_path, "r", whole)
        except ValueError as problem:
            assert str(problem)


@given(st.integers(0, len(report()) - 1), st.binary(min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_report_is_a_report_or_a_value_error(tmp_path: Path, place: int, octets: bytes) -> None:
    whole = report()
    try:
        read(tmp_path, "r", whole[:place] + octets + whole[place + len(octets) :])
    except ValueError as problem:
        assert str(problem)


@pytest.mark.parametrize("value", [[], [1], 7, None])
def test_bad_arguments(value: Any) -> None:
    with pytest.raises(TypeError):
        dmarc.read_reports(value)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        dmarc.read_reports(tmp_path / "none.xml")
    with pytest.raises(ValueError, match=r"holds no reports"):
        dmarc.read_reports(tmp_path)


# Writing.


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer() as server:
        server.publish("root.test", "A", "192.0.2.1")
        yield server


def test_a_report_written_is_a_report_read(tmp_path: Path, dns: DnsServer) -> None:
    pair = dkim.generate()
    dns.publish("_dmarc.kaisha.test", "TXT", "v=DMARC1; p=reject; np=reject; rua=mailto:d@kaisha.test")
    dns.publish("kaisha.test", "TXT", "v=spf1 ip4:192.0.2.25 -all")
    dns.publish("s1._domainkey.kaisha.test", "TXT", pair.record)
    net = dns.net()
    message = (
        b"From: a@kaisha.test\r\nTo: b@c.test\r\nSubject: x\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n\r\nHello\r\n"
    )
    good = dkim.sign(message, domain="kaisha.test", selector="s1", key=pair)
    arrived = [
        dmarc.evaluate(good, "192.0.2.25", "a@kaisha.test", "m.kaisha.test", net=net),
        dmarc.evaluate(good, "192.0.2.25", "a@kaisha.test", "m.kaisha.test", net=net),
        dmarc.evaluate(good, "2001:db8::1", "", "list.test", net=net),
        dmarc.evaluate(message, "198.51.100.66", 'x"<y>&@evil.test', "evil.test", net=net),
    ]
    seen = [dmarc.Seen.of(each) for each in arrived]
    published = dmarc.policy("kaisha.test", net=net)
    options = {
        "org_name": "bigmail.test",
        "email": "r@bigmail.test",
        "report_id": "2026.11.24",
        "begin": BEGIN,
        "end": END,
    }
    xml = dmarc.write_report(seen, published, **options)
    name = dmarc.report_name("bigmail.test", published, BEGIN, END)
    assert name == f"bigmail.test!kaisha.test!{int(BEGIN.timestamp())}!{int(END.timestamp())}.xml.gz"
    frame = read(tmp_path, name, gzip.compress(xml))
    columns = [
        "source_ip",
        "count",
        "disposition",
        "dkim",
        "spf",
        "header_from",
        "spf_result",
        "dkim_selector",
        "reason",
    ]
    assert frame[columns].to_numpy().tolist() == [
        ["192.0.2.25", 2, "pass", "pass", "pass", "kaisha.test", "pass", "s1", ""],
        ["2001:db8::1", 1, "pass", "pass", "fail", "kaisha.test", "none", "s1", ""],
        ["198.51.100.66", 1, "quarantine", "fail", "fail", "kaisha.test", "none", "", "local_policy"],
    ]
    said = frame.iloc[0]
    assert (said["p"], said["np"], said["testing"], said["discovery_method"]) == ("reject", "reject", "n", "treewalk")
    assert (said["format"], said["begin"], said["end"]) == ("RFC 9990", pd.Timestamp(BEGIN), pd.Timestamp(END))

    mail = dmarc.report_mail(
        xml,
        published,
        receiver="bigmail.test",
        sender="r@bigmail.test",
        recipient="d@kaisha.test",
        report_id="2026.11.24",
        begin=BEGIN,
        end=END,
    )
    assert b"Report-ID: <2026.11.24>" in b" ".join(mail.split()) and name.encode() in mail
    assert read(tmp_path, "report.eml", mail)[columns].equals(frame[columns])


def test_where_reports_may_be_sent(dns: DnsServer) -> None:
    uris = ["d@kaisha.test", "d@sub.kaisha.test", "x@agreed.test", "x@never.test", "x@moved.test", "x@onwards.test"]
    rua = ",".join(f"mailto:{uri}" for uri in [*uris, "x@silent.test"]) + ",https://web.test/in"
    dns.publish("_dmarc.kaisha.test", "TXT", f"v=DMARC1; p=none; rua={rua}")
    dns.publish("kaisha.test._report._dmarc.agreed.test", "TXT", "v=DMARC1")
    dns.publish("kaisha.test._report._dmarc.moved.test", "TXT", "v=DMARC1; rua=mailto:new@moved.test")
    dns.publish("kaisha.test._report._dmarc.onwards.test", "TXT", "v=DMARC1; rua=mailto:x@victim.test")
    dns.fail("kaisha.test._report._dmarc.silent.test")
    net = dns.net()
    found = dmarc.destinations(dmarc.policy("kaisha.test", net=net), net=net)
    assert found == ("d@kaisha.test", "d@sub.kaisha.test", "x@agreed.test", "new@moved.test")
    assert dmarc.destinations(dmarc.policy("other.test", net=net), net=net) == ()


def test_what_cannot_be_reported(dns: DnsServer) -> None:
    net = dns.net()
    nobody = dmarc.evaluate(b"From: a@b.test\r\n\r\n", "192.0.2.1", "", "h.test", net=net)
    with pytest.raises(ValueError, match="nobody to report to"):
        dmarc.Seen.of(nobody)
    dns.publish("_dmarc.b.test", "TXT", "v=DMARC1; p=none; rua=mailto:d@b.test")
    one = dmarc.Seen.of(dmarc.evaluate(b"From: a@b.test\r\n\r\n", "192.0.2.1", "", "h.test", net=dns.net()))
    published = dmarc.policy("b.test", net=dns.net())
    options = {"org_name": "o", "email": "e@o.test", "report_id": "1", "begin": BEGIN, "end": END}
    for changed, words in (
        ({"begin": END}, "time zone"),
        ({"begin": BEGIN.replace(tzinfo=None)}, "time zone"),
        ({"report_id": "a b"}, "report_id"),
    ):
        with pytest.raises(ValueError, match=words):
            dmarc.write_report([one], published, **{**options, **changed})
    with pytest.raises(ValueError, match="nothing to report"):
        dmarc.write_report([], published, **options)
    with pytest.raises(ValueError, match="policy that was found"):
        dmarc.write_report([one], dmarc.policy("other.test", net=dns.net()), **options)


def test_a_disposition_of_ones_own_has_its_reason(dns: DnsServer) -> None:
    dns.publish("_dmarc.b.test", "TXT", "v=DMARC1; p=reject; rua=mailto:d@b.test")
    found = dmarc.evaluate(b"From: a@b.test\r\n\r\n", "192.0.2.1", "", "h.test", net=dns.net())
    for done, override in ((dmarc.Policy.REJECT, ""), (dmarc.Policy.NONE, "local_policy"), (None, "local_policy")):
        assert dmarc.Seen.of(found, done).override == override


# Records that are alike are parsed once: the outcome is that of parsing them all.

VARIANTS = [
    RECORD,
    RECORD.replace("192.0.2.1", "192.0.2.2"),
    RECORD.replace("192.0.2.1", "2001:db8::1").replace("<count>3", "<count>17"),
    RECORD.replace("\n", "\n  "),
    RECORD.replace("<count>3</count>", "<count> 3 </count>"),
    RECORD.replace("<row>", "<row><count>9</count>"),
    RECORD.replace("</row>", "<source_ip>192.0.2.77</source_ip></row>"),
    RECORD.replace("</row>", "<count>5</count></row>"),
    RECORD.replace("</row>", "</row><row><source_ip>192.0.2.78</source_ip></row>"),
    RECORD.replace("a list", "<![CDATA[</record>]]>"),
    RECORD.replace("a list", "<!-- </record> -->"),
    RECORD.replace("a list", "<?x </record>?>"),
    RECORD.replace("a list", "a &lt;list&#62;"),
    RECORD.replace("</row>", "</row><x><record/></x>"),
    RECORD.replace("</row>", "</row><x><record>y</record></x>"),
    RECORD.replace("<record>", "<record >"),
    RECORD.replace("<record>", "<record a='x>y'>"),
    RECORD.replace("pass</dkim>", "fail</dkim>"),
    RECORD.replace("<dkim>", "<dkim xmlns='urn:other'>", 1),
    "<records>" + RECORD + "</records>",
    "<extension>" + RECORD + "</extension>",
]
BETWEEN = ["", "\n", " \t\n", "<!-- x -->", "<!-- <record> -->", "<!-- </record> -->", "<?x <record>?>", "<e/>"]


def outcome(octets: bytes) -> Any:
    """What a report says, or that it is none."""
    stream = report_files.Bounded(io.BytesIO(octets), None)
    try:
        return [row for _, rows in report_xml.read_xml(stream, report_xml.Known()) for row in rows]
    except ValueError:
        return "no report"


@given(st.lists(st.tuples(st.sampled_from(VARIANTS), st.sampled_from(BETWEEN)), min_size=1, max_size=12))
@settings(deadline=None, max_examples=300)
def test_records_that_are_alike(pieces: list[tuple[str, str]]) -> None:
    text = RECORD + "".join(between + record for record, between in pieces)
    slowly = outcome(report(text.replace("<record>", "<record  >")))
    assert outcome(report(text)) == slowly != "no report"


@given(st.lists(st.sampled_from(VARIANTS), min_size=2, max_size=6), st.data())
@settings(deadline=None, max_examples=300)
def test_damaged_records_that_are_alike(records: list[str], data: st.DataObject) -> None:
    text = "".join(records)
    place = data.draw(st.integers(len(RECORD), len(text) - 1))
    cut = (
        text[:place]
        + data.draw(st.sampled_from(["<", ">", "&", "]]>", "\x00", "</record>", "<record>", "é"]))
        + text[place:]
    )
    assert outcome(report(cut)) == outcome(report(cut.replace("<record>", "<record  >")))


def test_what_is_known_of_one_document_does_not_speak_for_another(tmp_path: Path) -> None:
    """The same octets of a record mean another text under another encoding."""
    record = RECORD.encode().replace(b"a list", b"\xc3\xa9")
    for number, encoding in enumerate(("utf-8", "iso-8859-1")):
        head, _, tail = report(report_id=str(number)).partition(RECORD.encode())
        head = head.replace(b"?>", f' encoding="{encoding}"?>'.encode(), 1)
        (tmp_path / f"{number}.xml").write_bytes(head + record + tail)
    assert list(dmarc.read_reports(tmp_path)["comment"]) == ["é", "Ã©"]
