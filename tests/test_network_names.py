"""Names in one spelling, records to paste and back, and one deadline for a job."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkit.network import Deadline, DnsRecord, is_host_name, parse_paste, paste, same_name, to_ascii


@pytest.mark.parametrize(
    ("typed", "ascii_name"),
    [
        ("kaisha.example", "kaisha.example"),
        ("Kaisha.EXAMPLE.", "kaisha.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),  # IDNA 2008 keeps the ß apart from ss
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),  # the ideographic full stop is a dot
        ("ｋａｉｓｈａ.example", "kaisha.example"),  # full-width letters
        ("_dmarc.kaisha.example", "_dmarc.kaisha.example"),
        ("_sip._tcp.bücher.example", "_sip._tcp.xn--bcher-kva.example"),
        ("*.kaisha.example", "*.kaisha.example"),
        ("25.2.0.192.in-addr.arpa", "25.2.0.192.in-addr.arpa"),
        ("localhost", "localhost"),
    ],
)
def test_names_are_brought_into_one_spelling(typed: str, ascii_name: str) -> None:
    assert to_ascii(typed) == ascii_name
    assert same_name(typed, ascii_name + ".")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "not an empty one"),
        (" ", "not an empty one"),
        (".", "two dots stand side by side"),
        ("a..example", "two dots stand side by side"),
        (".example", "or one stands in front"),
        ("taro@kaisha.example", "is an e-mail address; give the part after the @"),
        ("https://kaisha.example/", "is a URL; give its domain name alone"),
        ("192.0.2.1", "is an address, not a domain name"),
        ("[2001:db8::1]", "is an address, not a domain name"),
        ("kaisha example", "letters, digits and hyphens"),
        ("-kaisha.example", "letters, digits and hyphens"),
        ("kai\x00sha.example", "letters, digits and hyphens"),
        ("kai\nsha.example", "letters, digits and hyphens"),
        ("kai\u202esha.example", "is no domain name"),
        ("x" * 64 + ".example", "at most 63 octets"),
        ("ü" * 70 + ".example", "is no domain name"),
        ("a." * 130 + "example", "longer than 253 octets"),
        ("例" * 100_000, "is no domain name"),
        ("kaisha.example" + "\u00ad" * 2000 + "x", "longer than 253 octets"),  # soft hyphens are mapped to nothing
    ],
)
def test_what_is_no_name_is_told_so(typed: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        to_ascii(typed)
    assert not same_name(typed, typed)


def test_a_name_is_text() -> None:
    with pytest.raises(TypeError, match="not bytes"):
        to_ascii(b"kaisha.example")  # type: ignore[arg-type]
    assert not same_name(None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("mx.kaisha.example", True),
        ("MX1.kaisha.example.", True),
        ("3com.example", True),  # RFC 1123 section 2.1 lets a label begin with a digit
        ("mx_1.kaisha.example", False),
        ("-mx.kaisha.example", False),
        ("mx-.kaisha.example", False),
        ("192.0.2.25", False),
        ("mx..example", False),
        ("", False),
        (".", False),
        ("bücher.example", False),
        ("x" * 64 + ".example", False),
        ("a." * 127 + "example", False),
    ],
)
def test_what_a_host_may_be_called(name: str, fits: bool) -> None:
    assert is_host_name(name) is fits


LONG = "v=DKIM1; p=" + "A" * 400


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (DnsRecord("Kaisha.example.", "mx", "0 ."), "kaisha.example. 3600 IN MX 0 ."),
        (DnsRecord("kaisha.example", "TXT", "v=spf1 -all", 300), 'kaisha.example. 300 IN TXT "v=spf1 -all"'),
        (DnsRecord("bücher.example", "A", "192.0.2.1"), "xn--bcher-kva.example. 3600 IN A 192.0.2.1"),
        (DnsRecord("a.example", "TXT", 'say "no\\"; é'), 'a.example. 3600 IN TXT "say \\"no\\\\\\"; \\195\\169"'),
        (DnsRecord("a.example", "TXT", "tab\tline\nend\x00"), 'a.example. 3600 IN TXT "tab\\009line\\010end\\000"'),
        (DnsRecord("a.example", "TXT", ""), 'a.example. 3600 IN TXT ""'),
        (
            DnsRecord("a.example", "TXT", LONG),
            f'a.example. 3600 IN TXT "{LONG[:255]}" "{LONG[255:]}"',
        ),
    ],
)
def test_a_record_has_one_form_and_its_way_back(record: DnsRecord, line: str) -> None:
    assert record.zone_line == line
    assert parse_paste(line) == (record,)


def test_several_records_are_pasted_line_by_line() -> None:
    records = (DnsRecord("a.example", "TXT", "x"), DnsRecord("*.a.example", "CNAME", "b.example."))
    assert parse_paste(f"; for the zone of a.example\n\n{paste(*records)}\n") == records
    assert parse_paste("a.example. IN MX 10 mx.a.example.") == (DnsRecord("a.example", "MX", "10 mx.a.example."),)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a b", "TXT", "x"), "is no domain name"),
        (("a.example", "ADDRESS", "x"), "cannot be its value"),
        (("a.example", "MX", "mx.a.example."), "cannot be its value"),
        (("a.example", "A", "192.0.2.256"), "cannot be its value"),
        (("a.example", "A", "192.0.2.1\nb.example. IN A 192.0.2.2"), "one line of printable characters"),
        (("a.example", "TXT", "x", -1), "a TTL is a whole number"),
        (("a.example", "TXT", "x" * 70_000), "at most 65000 characters"),
    ],
)
def test_what_is_no_record(arguments: tuple[str, str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        DnsRecord(*arguments)


@pytest.mark.parametrize(
    "text", ["nonsense", "a.example. TXT", 'a.example. IN TXT "open', "a.example. IN MX ten mx.a.example.", "\n" * 2000]
)
def test_what_cannot_be_pasted(text: str) -> None:
    with pytest.raises(ValueError, match=r"record|quoted|value|lines"):
        parse_paste(text)


def test_a_deadline_counts_down() -> None:
    deadline = Deadline(60)
    assert 59 < deadline.left() <= 60
    assert deadline.at_most(1) == 1
    assert 59 < deadline.at_most(100) <= 60
    assert not deadline.over
    assert Deadline(math.inf).left() == math.inf


def test_a_deadline_that_is_over() -> None:
    deadline = Deadline(0)
    assert deadline.over
    with pytest.raises(TimeoutError):
        deadline.left()
    with pytest.raises(TimeoutError):
        deadline.at_most(1)


def test_a_paused_deadline_waits() -> None:
    deadline = Deadline(60)
    before = deadline.left()
    with deadline.paused():
        time.sleep(0.2)
    assert before - deadline.left() < 0.2


@pytest.mark.parametrize(
    ("seconds", "kind"), [("5", TypeError), (True, TypeError), (-1, ValueError), (math.nan, ValueError)]
)
def test_a_deadline_is_a_number_of_seconds(seconds: float, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="number of seconds"):
        Deadline(seconds)


# Whatever is typed or pasted


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_a_value_error(text: str) -> None:
    try:
        name = to_ascii(text)
    except ValueError:
        assert not same_name(text, text)
    else:
        assert to_ascii(name) == name and name.isascii()
        assert same_name(text, name.upper() + ".")
    is_host_name(text)


@given(st.text(st.characters(codec="utf-8"), max_size=600))
def test_any_text_can_be_pasted_and_read_back(text: str) -> None:
    record = DnsRecord("a.example", "TXT", text)
    assert parse_paste(paste(record)) == (record,)
    assert "\n" not in record.zone_line and record.zone_line.isascii()


@given(st.text(max_size=120))
def test_any_line_is_a_record_or_a_value_error(line: str) -> None:
    try:
        records = parse_paste(line)
    except ValueError:
        return
    assert parse_paste(paste(*records)) == records
