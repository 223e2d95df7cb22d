"""How long a month of aggregate reports takes beside parsedmarc and a plain ElementTree loop.

Run ``python benchmarks/bench_dmarc.py``: 1,000 small reports and one of 500,000 records are made, then read by each in
a process of its own, the same files in one run.  The large one is XML as it is, since parsedmarc refuses what unpacks
to more than 100 MiB.  It reads offline; where it is not installed it is left out, saying so; with it the run takes
minutes, and three gigabytes.  The aim is at least ten times as fast as parsedmarc, by processor time, in bounded
memory.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

AIM = 10.0
MAX_MEMORY = 600  # MB, pandas and all
FILES, ROWS, LARGE = 1000, 200, 500_000

RECORD = """<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated>
<disposition>none</disposition><dkim>{dkim}</dkim><spf>fail</spf></policy_evaluated></row>
<identifiers><envelope_from>l{n}.example</envelope_from><header_from>kaisha.example</header_from></identifiers>
<auth_results><dkim><domain>kaisha.example</domain><selector>s{n}</selector><result>{dkim}</result></dkim>
<spf><domain>l{n}.example</domain><result>pass</result></spf></auth_results></record>
"""
HEAD = """<?xml version="1.0"?><feedback><version>1.0</version><report_metadata><org_name>r{n}.example</org_name>
<email>r@r{n}.example</email><report_id>{n}</report_id><date_range><begin>{begin}</begin><end>{end}</end></date_range>
</report_metadata><policy_published><domain>kaisha.example</domain><p>none</p><sp>none</sp><adkim>r</adkim>
<aspf>r</aspf><pct>100</pct></policy_published>
"""


def make(path: Path, number: int, rows: int) -> None:
    """Write one report with *rows* records, as gzip where *path* says so."""
    begin = 1_795_000_000 + number % 30 * 86_400
    with gzip.open(path, "wt", compresslevel=1) if path.suffix == ".gz" else path.open("w") as file:
        file.write(HEAD.format(n=number, begin=begin, end=begin + 86_399))
        for i in range(rows):
            ip = f"198.{18 + i % 2}.{i // 250 % 250}.{i % 250}"
            file.write(RECORD.format(ip=ip, count=i % 9 + 1, dkim="pass" if i % 3 else "fail", n=(number + i) % 40))
        file.write("</feedback>")


def read_mailkit(path: Path) -> int:
    """Return how many records mailkit finds."""
    from mailkit import dmarc

    return len(dmarc.read_reports(path))


def read_plain(path: Path) -> int:
    """Return how many records a loop over whole ElementTrees finds, with the same five values of each."""
    found = []
    for file in [path] if path.is_file() else sorted(path.iterdir()):
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            for record in ET.parse(stream).getroot().iter("record"):
                names = ("row/source_ip", "row/count", "row/policy_evaluated/dkim", "row/policy_evaluated/spf")
                found.append([record.findtext(name) for name in (*names, "identifiers/header_from")])
    return len(found)


def read_parsedmarc(path: Path) -> int:
    """Return how many records parsedmarc finds, asking no DNS."""
    import parsedmarc

    found = 0
    for file in [path] if path.is_file() else sorted(path.iterdir()):
        result = parsedmarc.parse_report_file(str(file), offline=True)
        found += len(result["report"]["records"])
    return found


READERS = {"mailkit": read_mailkit, "ElementTree": read_plain, "parsedmarc": read_parsedmarc}


def one(reader: str, path: Path) -> dict[str, float]:
    """Return records, seconds of processor time and peak memory in MB of one reader, in a process of its own."""
    command = [sys.executable, __file__, reader, str(path)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]))


def measure(reader: str, path: Path) -> None:
    """Print the figures of one reader: what :func:`one` starts.  Importing is not counted."""
    if reader == "mailkit":
        import pandas  # noqa: F401

        import mailkit.dmarc  # noqa: F401
    if reader == "parsedmarc":
        import parsedmarc  # noqa: F401
    begun = time.process_time()  # what else runs on this machine does not count
    records = READERS[reader](path)
    seconds = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"records": records, "seconds": seconds, "megabytes": peak}))


def main() -> int:
    """Print all figures; return 1 when an aim is missed."""
    readers = ["mailkit", "ElementTree"]
    if importlib.util.find_spec("parsedmarc"):
        readers.append("parsedmarc")
    else:
        print("parsedmarc is not installed and is left out: pip install parsedmarc")
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        month = Path(folder) / "month"
        month.mkdir()
        for number in range(FILES):
            make(month / f"{number}.xml.gz", number, ROWS)
        large = Path(folder) / "large.xml"
        make(large, 0, LARGE)
        for title, path, records in (
            (f"{FILES} reports of {ROWS} records", month, FILES * ROWS),
            (f"one report of {LARGE} records, {large.stat().st_size / 2**20:.0f} MiB", large, LARGE),
        ):
            print(title)
            seconds = {}
            for reader in readers:
                found = one(reader, path)
                assert found["records"] == records, (reader, found)
                seconds[reader] = found["seconds"]
                print(f"  {reader:12} {seconds[reader]:8.2f} s, peak {found['megabytes']:.0f} MB", flush=True)
                missed |= reader == "mailkit" and found["megabytes"] > MAX_MEMORY
            if "parsedmarc" in seconds:
                ratio = seconds["parsedmarc"] / seconds["mailkit"]
                print(f"  {ratio:.0f} times as fast as parsedmarc (aim: at least {AIM:.0f})")
                missed |= ratio < AIM
    return int(missed)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        sys.exit(main())
