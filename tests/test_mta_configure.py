"""What ``mta.configure`` writes, read back by each file's own grammar; and what it refuses to write, with a reason."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailkit import mta

DOMAIN, HOST, RELAY = "kaisha.example", "mail.kaisha.example", "smtp.relay.example"
PATHS = {"certificate": "/etc/ssl/mail.pem", "certificate_key": "/etc/ssl/mail.key"}
SIGNING = {
    "selector": "r2026", "key": "/etc/dkimkeys/r2026.pem",
    "ed25519_selector": "e2026", "ed25519_key": "/etc/dkimkeys/e2026.pem",
}  # fmt: skip
JOBS: dict[str, dict[str, str]] = {
    "submission": PATHS | SIGNING,
    "smarthost": {"relay": RELAY, "user": "hanako@relay.example", "password": "practice-only"},
    "receiving": PATHS | {"postmaster": "hanako"},
}
SOFTWARE = ("postfix", "exim")
NASTY = ["a\nb", "a\r\nmynetworks = 0.0.0.0/0", "a b", "a'b", 'a"b', "a$b", "a#b", "a:b", "${run{/bin/sh}}", "a\0b",
         "a,b", "a;b", "a{b", "a}b", "a\\b", "\u2028", "a\x85b", "\t", "%s", "a" * 5000]  # fmt: skip


def configure(job: str, software: str, **changes: Any) -> mta.Configuration:
    return mta.configure(job, **{"software": software, "domain": DOMAIN, "hostname": HOST, **JOBS[job], **changes})


def structure(configuration: mta.Configuration) -> dict[str, list[str]]:
    """The settings that each file sets, without their values."""
    return {
        path: [re.split(r"[ =:]", line.strip())[0] for line in text.splitlines() if line.strip() and line[0] != "#"]
        for path, text in configuration.files.items()
    }


@pytest.mark.parametrize("software", SOFTWARE)
@pytest.mark.parametrize("job", JOBS)
def test_every_job_is_written_with_reasons_and_with_what_a_probe_sees(job: str, software: str) -> None:
    configuration = configure(job, software)
    assert len(configuration.lines) >= 5
    for line in configuration.all_lines:
        assert line.sees or not line.probe
        if line.probe:  # it is there, under that name
            room, _, call = line.probe.partition(".")
            assert call in importlib.import_module(f"mailkit.{room}").__all__
    assert len({line.probe for line in configuration.lines} - {mta.Probe.NONE}) >= 2
    for line in configuration.lines:
        if line.file in configuration.files and not line.file.endswith((".keys", ".signing")):
            assert line.line in configuration.files[line.file]
    text = next(iter(configuration.files.values()))
    assert text.startswith(f"# {software.capitalize()} ")
    assert "practice-only" not in repr(configuration) + configuration._repr_html_() + repr(configuration.description)
    assert "practice-only" not in configuration.description._repr_html_() + repr(configuration.lines)


@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize("software", SOFTWARE)
@pytest.mark.parametrize("job", JOBS)
def test_a_value_that_would_mean_more_is_refused_with_a_reason(job: str, software: str, value: str) -> None:
    for name in ("domain", "hostname", *JOBS[job]):
        if name == "password" or (name == "user" and value == "%s"):
            continue  # the tables that hold them read both as they are
        with pytest.raises(ValueError, match=r"\w+ .*\w+") as refused:
            configure(job, software, **{name: value})
        assert "\n" not in str(refused.value) and len(str(refused.value)) < 500


@given(password=st.text(min_size=1, max_size=40), software=st.sampled_from(SOFTWARE))
@settings(max_examples=300, deadline=None)
def test_a_password_is_one_literal_value_or_refused_without_being_said(password: str, software: str) -> None:
    plain = configure("smarthost", software)
    try:
        configuration = configure("smarthost", software, password=password)
    except ValueError as refused:
        if len(password) > 3:
            assert password not in str(refused)
        assert not password.isprintable() or password != password.strip() or "^" in password
        return
    (path,) = configuration.secret
    (line,) = configuration.files[path].splitlines()
    assert line.partition("hanako@relay.example:")[2] == password
    assert {p: t for p, t in configuration.files.items() if p != path} == {
        p: t for p, t in plain.files.items() if p != path
    }


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_value_adds_a_line_to_any_file(data: st.DataObject) -> None:
    job, software = data.draw(st.sampled_from(sorted(JOBS))), data.draw(st.sampled_from(SOFTWARE))
    name = data.draw(st.sampled_from(["domain", "hostname", *JOBS[job]]))
    value = data.draw(st.text(max_size=30) | st.text("/ab.$#:'\"\n {}@", max_size=12) | st.from_regex(r"/[a-z/.]{1,9}"))
    try:
        configuration = configure(job, software, **{name: value})
    except ValueError:
        return
    if "selector" not in name and not name.endswith("key"):
        assert structure(configuration).keys() == structure(configure(job, software)).keys()
    for text in configuration.files.values():
        assert text.isascii() or name == "password"
    plain = structure(configure(job, software))
    for path, names in structure(configuration).items():
        if path in plain:
            assert len(names) == len(plain[path]), (path, value)


def test_what_a_version_does_not_know_is_not_written() -> None:
    old, new = (configure("submission", "postfix", version=version) for version in ("3.7.11", "3.11"))
    option = "smtpd_hide_client_session"  # since 3.10
    assert option not in old.files["/etc/postfix/master.cf"] and option in new.files["/etc/postfix/master.cf"]
    for version, level, asks in (("3.9", "3.6", False), ("3.10", "3.6", True), ("3.11", "3.11", True)):
        text = configure("smarthost", "postfix", version=version).files["/etc/postfix/main.cf"]
        assert text.startswith(f"# Postfix {version}, ") and f"\ncompatibility_level = {level}\n" in text
        assert ("\ntls_required_enable = no\n" in text) is asks
    for version in ("3.6", "3.12", "4.96", "x", "3.7\n"):
        with pytest.raises(ValueError, match=r"3\.7 to 3\.11"):
            configure("submission", "postfix", version=version)
    for version in ("4.95", "4.101", "3.7"):
        with pytest.raises(ValueError, match=r"4\.96 to 4\.100"):
            configure("submission", "exim", version=version)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"relay_port": 25}, "OP25B"),
        ({"relay_port": 0}, "port"),
        ({"password": " x"}, "space"),
        ({"password": ""}, "password"),
        ({"relay": "192.0.2.1"}, "address"),
        ({"selector": "a"}, "belong together"),
        ({"ed25519_selector": "a", "ed25519_key": "/k"}, "RSA"),
        ({"selector": "a", "key": "/k", "ed25519_selector": "a", "ed25519_key": "/k"}, "two selectors"),
    ],
)
def test_a_description_that_cannot_work_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        configure("smarthost", "postfix", **changes)


def test_bad_arguments_say_what_to_pass() -> None:
    with pytest.raises(ValueError, match="submission, smarthost, receiving"):
        mta.configure("relay")
    with pytest.raises(ValueError, match="postfix, exim"):
        mta.configure("submission", software="sendmail")
    with pytest.raises(TypeError, match="takes no color; it takes"):
        configure("submission", "postfix", color="red")
    with pytest.raises(ValueError, match="needs hostname, selector"):
        mta.configure("submission", domain=DOMAIN)
    for name in ("hostname", "selector", "certificate"):
        with pytest.raises(TypeError):
            configure("submission", "postfix", **{name: 7})


def test_files_are_written_where_they_will_lie_and_never_over_another(tmp_path: Path) -> None:
    configuration = configure("smarthost", "postfix")
    written = configuration.write(tmp_path)
    assert tmp_path / "etc/postfix/main.cf" in written
    assert (tmp_path / "etc/postfix/sasl_passwd").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        configuration.write(tmp_path)
    with pytest.raises(ValueError, match="password"):
        configuration.text("/etc/postfix/sasl_passwd")
    with pytest.raises(ValueError, match="no file"):
        configuration.text("/etc/passwd")
    assert "relayhost = [smtp.relay.example]:587" in configuration.text("/etc/postfix/main.cf")
