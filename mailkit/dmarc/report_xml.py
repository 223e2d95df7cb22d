"""Reading the XML of an aggregate report record by record (RFC 9990 appendix A, and RFC 7489 appendix C).

The parser is expat.  Before it builds anything, a first pass to the first record refuses document types, and with them
every entity; then records are taken out as they are completed, so that memory does not grow with the report.

Most records of a report are alike but for address and count.  So the text between the two, once parsed, is remembered,
and a record with the same text around them is not parsed again.  What the parser is given is the report without those
records: a document that is well-formed exactly when the report is.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from mailkit.dmarc.report_rows import Header, Reader, Row, Shape
from mailkit.message.report_files import Bounded, ReportProblem
from mailkit.results import visible

__all__ = ["Batch", "Known", "read_xml"]

_CHUNK = 1 << 18  # octets read at a time
_MAX_STANDSTILL = 4 << 20  # octets without one element completed below the root
_MAX_KNOWN = 32 << 20  # octets of remembered texts
_NAMESPACES = {"urn:ietf:params:xml:ns:dmarc-2.0": "RFC 9990"}
_END = b"</record>"
_RECORD = re.compile(rb"\s*<record>")
_FRONT = re.compile(
    rb"\s*<record>(\s*<row>\s*<source_ip>)([0-9A-Fa-f.:]{2,45})(</source_ip>\s*<count>)([0-9]{1,11})(?=</count>)"
)

Batch = tuple[Header, list[Row]]
Text = tuple[bytes, bytes, bytes]  # of a record: before the address, between address and count, after the count


@dataclass
class Known:
    """The texts of records that were parsed before, for each beginning of a document: what they mean depends on it."""

    shapes: dict[bytes, dict[Text, Shape]] = field(default_factory=dict)
    octets: int = 0

    def of(self, beginning: bytes) -> dict[Text, Shape]:
        """Return the texts known in documents that begin so."""
        if beginning not in self.shapes:
            self.octets += len(beginning)
            if self.octets >= _MAX_KNOWN:
                return {}
            self.shapes[beginning] = {}
        return self.shapes[beginning]

    def learn(self, shapes: dict[Text, Shape], text: Text, shape: Shape) -> None:
        """Remember what *text* means, as long as there is room."""
        self.octets += sum(map(len, text))
        if self.octets < _MAX_KNOWN:
            shapes[text] = shape


@dataclass(frozen=True)
class _Beginning:
    """How a document begins: the name of its root, its octets up to the first element below, where a record begins."""

    root: str
    octets: bytes
    record: int


class _Found(Exception):
    """The first record has begun; the argument is where."""


def read_xml(stream: Bounded, known: Known) -> Iterator[Batch]:
    """Yield the header with (source_ip, count, shape) of the records that each piece of *stream* completes.

    Raises ReportProblem with a sentence for what is no report, or stops being one.
    """
    head = stream.read(_CHUNK)
    beginning = _beginning(head)
    namespace, _, local = beginning.root.rpartition("}")
    if local != "feedback":
        raise ReportProblem(f"it is XML, but no DMARC report: the root element is {visible(local, 60)}")
    reader = Reader(_NAMESPACES.get(namespace.removeprefix("{"), "RFC 7489"))
    document = _Document()
    rest = yield from _alike(head, beginning, stream, document, reader, known)
    standstill = 0
    while rest:
        done = document.feed(rest)
        if rows := reader.take(done):
            yield reader.header, rows
        standstill = 0 if done else standstill + len(rest)
        if standstill > _MAX_STANDSTILL:
            raise ReportProblem(f"one element goes on for more than {_MAX_STANDSTILL >> 20} MiB")
        rest = stream.read(_CHUNK)
    if rows := reader.take(document.end()):
        yield reader.header, rows
    reader.finish()


class _Document:
    """An ElementTree that is emptied while it is being built."""

    def __init__(self) -> None:
        builder = ET.TreeBuilder()
        self._top = builder.start("top", {})  # to reach the root before it is complete
        self._parser = ET.XMLParser(target=builder)

    def feed(self, octets: bytes, *, complete: bool = False) -> list[ET.Element]:
        """Return the children of the root that *octets* complete; all of them where the caller knows so."""
        try:
            self._parser.feed(octets)
        except ET.ParseError as error:
            raise ReportProblem(f"the XML is broken ({expat.ErrorString(error.code)})") from None
        # Otherwise the last one may go on.
        done = (self._top[0][:] if complete else self._top[0][:-1]) if len(self._top) else []
        if done:
            del self._top[0][: len(done)]
        return done

    def end(self) -> list[ET.Element]:
        """Return the last children, once everything was fed."""
        try:
            self._parser.close()
        except ET.ParseError:
            raise ReportProblem("the XML ends too early") from None
        return self._top[0][:]


def _alike(
    head: bytes, beginning: _Beginning, stream: Bounded, document: _Document, reader: Reader, known: Known
) -> Generator[Batch, None, bytes]:
    """Yield batches while record follows record in the usual form; return the octets from where that ends."""
    if not head.startswith(b"<record>", beginning.record):
        return head
    reader.take(document.feed(head[: beginning.record], complete=True))
    shapes = known.of(beginning.octets)
    buffer = head[beginning.record :]
    while True:
        rows: list[Row | None] = []
        unknown: list[tuple[int, Text | None, bytes]] = []
        position = 0
        usual = True
        while (end := buffer.find(_END, position)) >= 0:
            match = _FRONT.match(buffer, position)
            text = (match[1], match[3], buffer[match.end() : end]) if match else None
            shape = shapes.get(text) if text else None
            if match and shape is not None:
                rows.append((match[2].decode("ascii"), int(match[4]), shape))
            else:
                whole = buffer[position : end + len(_END)]
                usual = _RECORD.match(whole) is not None and _is_plain(whole)
                if not usual:
                    break
                unknown.append((len(rows), text, whole))
                rows.append(None)
            position = end + len(_END)
        parsed = reader.take(document.feed(b"".join(whole for *_, whole in unknown), complete=True))
        for (place, text, _), row in zip(unknown, parsed, strict=True):
            rows[place] = row
            if text and b"source_ip" not in text[2] and b"<count" not in text[2]:
                known.learn(shapes, text, row[2])
        reader.count(len(rows) - len(parsed))
        if rows:
            yield reader.header, [row for row in rows if row is not None]
        buffer = buffer[position:]
        if not usual or not (chunk := stream.read(_CHUNK)):
            return buffer
        buffer += chunk
        if len(buffer) > _MAX_STANDSTILL:
            raise ReportProblem(f"one element goes on for more than {_MAX_STANDSTILL >> 20} MiB")


def _is_plain(record: bytes) -> bool:
    """Return whether *record* ends where it seems to: no comment, no CDATA, no record inside."""
    return b"<!" not in record and b"<?" not in record and record.count(b"<record") == 1


def _beginning(head: bytes) -> _Beginning:
    """Return how the document begins.  Raises ReportProblem for what is no XML, or has a document type."""
    parser = expat.ParserCreate(namespace_separator="}")
    roots: list[tuple[str, int]] = []
    depth = 0

    def refuse(*_: object) -> None:
        raise ReportProblem("it has a document type, which no report has and which can hold entities")

    def start(name: str, _: object) -> None:
        nonlocal depth
        if not depth:
            roots.append(("{" + name if "}" in name else name, parser.CurrentByteIndex))
        elif depth == 1 and name.rpartition("}")[2] == "record":
            raise _Found(parser.CurrentByteIndex)
        depth += 1

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    record = len(head)
    try:
        parser.Parse(head, len(head) < _CHUNK)
    except _Found as found:
        record = int(found.args[0])
    except expat.ExpatError as error:
        if not roots:
            raise ReportProblem(f"it is no XML: broken in line {error.lineno}") from None
    except (LookupError, ValueError) as error:
        if isinstance(error, ReportProblem):
            raise
        raise ReportProblem("it is XML in an encoding that cannot be read") from None
    if not roots:
        raise ReportProblem(f"no element begins within the first {_CHUNK >> 10} KiB")
    name, begins = roots[0]
    return _Beginning(name, head[: head.find(b"<", begins + 1)], record)
