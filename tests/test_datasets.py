"""The tables in data/: whole, dated, and saying what is true in 2026 where older advice says otherwise."""

from __future__ import annotations

import csv
import re
import warnings
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from mailkit import datasets
from mailkit.results import Table

ROOT = Path(__file__).resolve().parent.parent
MOMENT = re.compile(r"20\d\d-\d\d-\d\d")


@pytest.mark.parametrize("name", datasets.names())
def test_every_row_is_whole_and_says_how_old_it_is(name: str) -> None:
    with (ROOT / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][-2:] == ["source", "as_of"]
    assert {len(row) for row in rows} == {len(rows[0])}
    assert all(MOMENT.fullmatch(row[-1]) for row in rows[1:])
    key = 4 if name == "smtp_replies" else 2  # receivers use one pair of codes for several things
    assert len({tuple(row[:key]) for row in rows}) == len(rows), "no row stands there twice"
    assert all(cell == cell.strip() for row in rows for cell in row)


def test_rows_older_than_a_year_are_named_as_a_warning() -> None:
    """A warning in the output of ``make test`` and no failure: a table does not break because time goes by."""
    today = datetime.now(UTC).date()
    for name in datasets.names():
        old = [row for row in datasets.load(name).to_dict("records") if _days(str(row["as_of"]), today) > 365]
        if old:
            first = [f"{next(iter(row.values()))} ({row['as_of']})" for row in old[:5]]
            more = f" and {len(old) - 5} more" if len(old) > 5 else ""
            message = f"data/{name}.csv: read again what is older than a year: {', '.join(map(str, first))}{more}"
            warnings.warn(message, stacklevel=1)


def _days(moment: str, today: date) -> int:
    return (today - date.fromisoformat(moment)).days


@pytest.mark.parametrize("moment", ["2026-11-24", "2012-08-01"])
def test_the_age_of_a_row_is_counted_in_days(moment: str) -> None:
    assert _days(moment, date(2026, 11, 24)) == {"2026-11-24": 0, "2012-08-01": 5228}[moment]


CONFIDENCE = {"documented", "third party", "unconfirmed", "practice"}


@pytest.mark.parametrize("name", [name for name in datasets.names() if "confidence" in datasets.load(name)])
def test_each_cell_about_a_service_says_how_sure_it_is(name: str) -> None:
    rows = datasets.load(name)
    assert set(rows["confidence"]) <= CONFIDENCE
    assert all(rows["source"]), "a source for each"
    guesses = rows[rows["source"] == "general knowledge"]
    assert set(guesses["confidence"]) <= {"unconfirmed"}, "what no source says is unconfirmed"
    others = rows[rows["source"].str.contains("public repositories|archive|quoted|many configurations")]
    assert set(others["confidence"]) <= {"third party"}, "what others publish is no word of the service"


@pytest.mark.parametrize("name", ["port25_policies", "services", "service_records", "service_signs"])
def test_what_is_said_of_others_has_a_confidence(name: str) -> None:
    assert list(datasets.load(name))[-3:] == ["confidence", "source", "as_of"]


def test_a_policy_that_no_page_of_today_confirms_is_not_stated_as_sure() -> None:
    rows = datasets.load("port25_policies").set_index("network")
    assert rows.loc["Linode / Akamai", "confidence"] == "unconfirmed", "a text of 2019 alone"
    quoted = rows[rows["source"].str.contains("quoted")]
    assert len(quoted) == 2 and set(quoted["confidence"]) == {"third party"}


def test_a_table_is_shown_with_its_age() -> None:
    table = datasets.show("smtp_ports", "port", "iana_name")
    assert isinstance(table, Table) and list(table.frame) == ["port", "iana_name"]
    assert re.search(r"as of 2026-\d\d-\d\d to 2026-\d\d-\d\d$", table.caption)
    with pytest.raises(ValueError, match="no column"):
        datasets.show("smtp_ports", "prot")
    with pytest.raises(ValueError, match="no table 'ports'"):
        datasets.load("ports")


def test_the_clouds_as_their_pages_say_today() -> None:
    rows = datasets.load("port25_policies").set_index("network")
    google = rows.loc["Google Cloud"]
    assert "blocked" in google["outgoing_25"] and "no procedure" in google["lifted_on_request"]
    assert rows.loc["Azure: Enterprise Agreement or MCA-E", "outgoing_25"] == "open"
    assert "yes" in rows.loc["Azure: Enterprise Dev/Test", "lifted_on_request"]
    assert rows.loc["Azure: every other subscription (pay as you go, CSP …)", "lifted_on_request"] == "no"
    assert rows.loc["DigitalOcean", "also_blocked"] == "465 and 587"
    assert "public addresses" in rows.loc["Amazon EC2 and Lambda", "outgoing_25"]
    assert "Region" in rows.loc["Amazon EC2 and Lambda", "lifted_on_request"]
    assert "paid invoice" in rows.loc["Hetzner Cloud", "lifted_on_request"]
    assert any(name.startswith("Alibaba") for name in rows.index)


def test_rfc_3207_is_updated_by_rfc_7817_alone() -> None:
    rows = datasets.load("starttls_rfcs").set_index("protocol")
    assert rows.loc["SMTP relay", "updated_by"] == "RFC 7817"
    assert rows.loc["SMTP submission", "updated_by"] == "RFC 7817 (the service: RFC 8314)"
    assert "registered" in rows.loc["FTP", "tls_from_the_start"]
    assert "registered" in rows.loc["LDAP", "tls_from_the_start"]
    assert rows.loc["XMPP", "tls_from_the_start"].startswith("5223")


def test_what_no_longer_holds_is_not_said() -> None:
    ports = datasets.load("smtp_ports").set_index("port")
    assert "1997" not in ports.loc["465", "history"], "the year is not in RFC 8314 section 7.3"
    replies = datasets.load("smtp_replies").query("receiver == ''").set_index(["code", "enhanced"])
    assert "no second code" in replies.loc[("501", "5.7.0"), "rfc"], "RFC 4954 section 4 gives 501 for *"
    versions = datasets.load("tls_versions").set_index("version")
    assert "RFC 10015" in versions.loc["TLS 1.2", "status"]
    assert "RFC 9325 section 5.2" in versions.loc["TLS 1.0", "what_to_do"], "opportunistic TLS may fall back to clear"


def test_who_tries_again_when_and_for_how_long() -> None:
    rows = datasets.load("retry_times").set_index("sender")
    assert rows["gives_up_after"].to_dict() == {
        "the standard": "at least 4 to 5 days",
        "Postfix": "5 days",
        "Exim": "4 days",
        "Exchange Online": "24 hours; 12 to 24 can be set",
    }
    assert "30 minutes" in rows.loc["the standard", "first_retry"]


def test_dates_that_a_reader_has_to_plan_with() -> None:
    lifetimes = datasets.load("certificate_lifetimes")
    assert dict(zip(lifetimes["issued_from"], lifetimes["longest_days"])) == {
        "2026-03-15": "200",
        "2027-03-15": "100",
        "2029-03-15": "47",
    }
    google = datasets.load("password_logins").set_index("provider").loc["Google"]
    assert (google["cut_from"], google["complete"]) == ("2025-03-14", "2025-05-01")
    ways = datasets.load("client_settings").set_index("way")
    assert "few" in ways.loc["SRV records", "read_by"] and ways.loc["SRV records", "not_read_by"] == "Thunderbird"
