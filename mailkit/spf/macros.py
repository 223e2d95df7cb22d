"""Macro strings (RFC 7208 section 7): their grammar, checked before anything is expanded.

pyspf lets a few wrong macros through (``%{d0}``, ``%{dX}``, an unclosed ``%{``); the grammar here is that of
section 7.1, so these are syntax errors as the RFC wants.
"""

from __future__ import annotations

import re

import spf

__all__ = ["MACRO", "check_macros", "depends_on_message", "fit_name", "names_local_part"]

# %{letter digits r delimiters}, %%, %_ and %-.  Nine digits are plenty: 128 must work, more need not.
MACRO = re.compile(r"%(?:[%_-]|\{([slodiphcrtv])(0*[1-9][0-9]{0,8})?(r?)([.\-+,/_=]*)\})", re.IGNORECASE)

# Macros whose value differs from one message to the next; %{d}, %{o} and %{v} are the domain's own affair.
_DEPENDS_ON_SENDER = re.compile(r"%\{[slihpcrt]", re.IGNORECASE)

_LOCAL_PART = re.compile(r"%\{[sl]", re.IGNORECASE)
_IN_EXPLANATIONS_ONLY = re.compile(r"%\{[crt]", re.IGNORECASE)


def check_macros(text: str, *, explanation: bool = False) -> None:
    """Raise pyspf's PermError when *text* is no macro string; the letters c, r and t are for *explanation* only."""
    if "%" not in text:
        return
    if "%" in MACRO.sub("", text):
        raise spf.PermError("invalid-macro-char", text)
    if not explanation and any(_IN_EXPLANATIONS_ONLY.match(m[0]) for m in MACRO.finditer(text)):
        raise spf.PermError("c,r,t macros allowed in exp= text only", text)


def depends_on_message(term: str) -> bool:
    """Return whether what *term* looks up differs from one message to the next."""
    return "%" in term and _DEPENDS_ON_SENDER.search(term) is not None


def names_local_part(term: str) -> bool:
    """Return whether *term* holds ``%{l}`` or ``%{s}``: with a local part that is not ASCII it matches nothing.

    See RFC 8616 section 4; such a local part can be no DNS label.
    """
    return _LOCAL_PART.search(term) is not None


def fit_name(name: str) -> str:
    """Return *name* without its final dot, cut on the left, label by label, to 253 characters (section 7.3)."""
    name = name.removesuffix(".")
    if len(name) > 253:
        dot = name.find(".", len(name) - 254)
        name = name[dot + 1 :]
    return name
