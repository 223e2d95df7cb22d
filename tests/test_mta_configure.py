"""What ``mta.configure`` writes, read back by each file's own grammar; and what it refuses to write, with a reason."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
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
LOGIN = {name: JOBS["smarthost"][name] for name in ("user", "password")}
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
        if name in ("user", "password"):
            continue  # the tables that hold them read both as they are
        with pytest.raises(ValueError, match=r"\w+ .*\w+") as refused:
            configure(job, software, **{name: value})
        assert "\n" not in str(refused.value) and len(str(refused.value)) < 500


@given(value=st.text(min_size=1, max_size=40), software=st.sampled_from(SOFTWARE), name=st.sampled_from(list(LOGIN)))
@example(value="KAISHA\\hanako", software="exim", name="user")
@example(value='#1 "x"|${y}', software="exim", name="user")
@example(value="a:b", software="postfix", name="user")
@settings(max_examples=300, deadline=None)
def test_what_one_logs_in_with_is_literal_or_refused_without_being_said(value: str, software: str, name: str) -> None:
    plain = configure("smarthost", software)
    try:
        configuration = configure("smarthost", software, **{name: value})
    except ValueError as refused:
        if len(value) > 3:
            assert value not in str(refused)
        parts = ("^", ":") if name == "user" else ("^",)
        assert not value.isprintable() or value != value.strip() or any(part in value for part in parts)
        return
    (path,) = configuration.secret
    (line,) = configuration.files[path].splitlines()
    user, _, password = line.split(" ", 1)[1].partition(":")
    assert (user, password) == tuple({**LOGIN, name: value}.values())
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
        assert text.isascii() or name in LOGIN
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
        ({"user": "hanako:relay.example"}, "colon"),
        ({"relay": "192.0.2.1"}, "relay: .* address.* certificate"),
        ({"relay": "[2001:db8::1]"}, "relay: .* address.* certificate"),
        ({"hostname": "mail.kaisha.example:25"}, "hostname: "),
        ({"ca_file": ""}, "ca_file"),
        ({"selector": "a"}, "belong together"),
        ({"ed25519_selector": "a", "ed25519_key": "/k"}, "RSA"),
        ({"selector": "a", "key": "/k", "ed25519_selector": "a", "ed25519_key": "/k"}, "two selectors"),
        ({"selector": "a", "key": "/k", "ed25519_selector": "A", "ed25519_key": "/k"}, "two selectors"),
        ({"selector": ".".join(["a" * 60] * 4), "key": "/k"}, "too long"),
    ],
)
def test_a_description_that_cannot_work_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        configure("smarthost", "postfix", **changes)


def test_names_of_any_script_are_written_as_the_dns_has_them() -> None:
    names = {"domain": "会社.example", "hostname": "mail.会社.example", "relay": "smtp.例え.example"}
    for software in SOFTWARE:
        configuration = configure("smarthost", software, **names)
        written = configuration.description
        assert (written.domain, written.relay) == ("xn--6oq404h.example", "smtp.xn--r8jz45g.example")
        assert all(text.isascii() for text in configuration.files.values())


def test_exim_has_nobody_read_as_root() -> None:
    with pytest.raises(ValueError, match="never_users"):
        configure("receiving", "exim", postmaster="root")
    assert configure("receiving", "postfix", postmaster="root").files


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
