"""What lesson 09 rests on: its picture, and the command lines that it offers for one's own terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support_notebooks import sections_of_text

from mailkit import mta, workbook
from mailkit.figures.mta import side_by_side
from mailkit.lab import Lab, daemons
from mailkit.mta import Configuration

# Command -> the software that has it, and what it says there.
COMMANDS = {
    "postconf -n": ("postfix", "relayhost = [smtp.isp.example]:587"),
    "postfix check": ("postfix", ""),
    "exim -bP transports": ("exim", "hosts_require_tls = *"),
    "exim -bt alice@bigmail.example": ("exim", "router = smarthost, transport = smarthost_smtp"),
    "mailq": ("postfix", "Mail queue is empty"),
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


def files(software: str, job: str, lab: Lab) -> Configuration:
    return mta.configure(job, software=software, **daemons.describe(job, lab=lab))


def test_the_picture_has_the_lines_of_both_and_what_is_seen_of_them(lab: Lab) -> None:
    said = repr(side_by_side(files("postfix", "smarthost", lab), files("exim", "smarthost", lab)))
    for words in (
        "the way out: relayhost = [smtp.isp.example]:587 | route_data = smtp.isp.example | the log says",
        "the right relay: smtp_tls_security_level = secure | tls_verify_hosts = * | a certificate that does not verify",
        "no signer: milter_default_action = tempfail | dkim_strict = true | a signer that is down",
    ):
        assert words in said
    assert lab.account("jiro@isp.example").password not in said


def test_the_picture_of_another_job_leaves_out_what_it_does_not_have(lab: Lab) -> None:
    said = repr(side_by_side(files("postfix", "submission", lab), files("exim", "submission", lab)))
    assert "the way out" not in said and "login in TLS only: smtpd_tls_auth_only = yes | auth_advertise_hosts" in said


def test_the_picture_of_the_lesson_says_in_full_what_is_seen(lab: Lab) -> None:
    """A long value may be cut: it stands in the file."""
    picture = side_by_side(files("postfix", "smarthost", lab), files("exim", "smarthost", lab))
    drawn = [text.get_text() for text in picture.figure.axes[0].texts]
    assert [text for text in drawn if text.endswith("…") and not text.startswith("=")] == []


def test_the_picture_takes_one_configuration_of_each(lab: Lab) -> None:
    exim = files("exim", "smarthost", lab)
    with pytest.raises(ValueError, match="one configuration of each"):
        side_by_side(exim, exim)


def offered(root: Path) -> list[str]:
    """The command lines of the lesson, without their remarks."""
    text = sections_of_text(workbook.read(root / "notebooks" / "09_mta.ipynb"))["In your own terminal"]
    lines = re.split(r"^```$", text, flags=re.MULTILINE)[1].splitlines()
    return [line.partition(" #")[0].strip() for line in lines if line.strip()]


@pytest.mark.parametrize("software", ["postfix", "exim"])
def test_the_commands_work_as_printed(software: str, root: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = offered(root)
    assert [one for one in commands if not one.startswith("swaks ")] == list(COMMANDS)
    monkeypatch.setenv("MAILKIT_DAEMONS", "live")
    try:
        server = daemons.start(files(software, "smarthost", lab), lab=lab)
    except daemons.Missing as error:
        pytest.skip(str(error))
    with server:
        assert isinstance(server, daemons.LiveServer)
        for command, (known_by, said) in COMMANDS.items():
            if known_by == software:
                shown = server.machine.run(*command.split())
                assert said in shown and ("error" not in shown.lower() or not said), shown
