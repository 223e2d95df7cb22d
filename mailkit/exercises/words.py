"""What a learner means by a word: near misses that are taken for one of a prediction's choices.

A guess is a thought, not a password.  Who types ``Timeout``, ``time-out``, ``５``, ``550`` for ``5xx`` or ``nothing``
for ``timeout`` has guessed; what could stand for two choices is not taken for either.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["meant", "word_of"]

# Words that learners use for a choice wherever that choice is offered, as `_plain` returns them.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "yes": ("y", "true", "yep", "yeah", "sure", "はい"),
    "no": ("n", "false", "nope", "never", "いいえ"),
    "open": ("opened", "answer", "answered", "connect", "connected", "ok", "works", "greeting"),
    "refused": ("refusal", "refuse", "connectionrefused", "closed", "denied"),
    "timeout": ("timedout", "nothing", "silence", "silent", "noanswer", "drop", "dropped", "blocked"),
    "unreachable": ("noroute", "hostunreachable", "networkunreachable", "icmp"),
    "intercepted": ("interception", "someoneelse", "somebodyelse"),
    "rejected": ("reject", "rejection"),
    "pass": ("passed", "ok"),
    "fail": ("failed", "failure", "hardfail"),
    "none": ("nothing", "null"),
    "arrive": ("arrived", "delivered", "sent"),
    "wait": ("waiting", "queue", "queued", "deferred"),
    "bounce": ("bounced", "returned"),
    "0": ("zero", "none"),
    "1": ("one",),
    "2": ("two",),
    "3": ("three",),
    "4": ("four",),
}
_REPLY_CLASS = re.compile(r"([2-5])(?:xx)?")  # a choice such as "5" or "5xx" stands for every code that begins so
_REPLY = re.compile(r"([2-5])(?:xx|\d\d(?:[245]\.\d.*)?)?")
_LONGEST = 200  # characters of a word that are looked at


def word_of(value: Any) -> str:
    """Return *value* as a learner would say it; true and false, numpy's too, are yes and no."""
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)  # the choice "open" without quotes is Python's own function open
    word = str(value).strip()
    return {"True": "yes", "False": "no"}.get(word, word)


def meant(word: str, choices: Sequence[str], also: Mapping[str, Sequence[str]]) -> str | None:
    """Return the one of *choices* that *word* means, or None; *also* has further words for some of them.

    A choice typed as it stands comes first, then the words of *also*, the common synonyms, the class of a reply code,
    and last a beginning, or a part of three letters or more, that only one choice has.
    """
    typed = _plain(word)
    if not typed:
        return None
    plain = {choice: _plain(choice) for choice in choices}
    for known in (
        lambda choice: (plain[choice],),
        lambda choice: [_plain(other) for other in also.get(choice, ())],
        lambda choice: _forms(plain[choice]),
        lambda choice: _SYNONYMS.get(plain[choice], ()),
    ):
        found = [choice for choice in choices if _forms(typed) & set(known(choice))]
        if found:
            return found[0] if len(found) == 1 else None
    if reply := _REPLY.fullmatch(typed):
        found = [c for c in choices if (kind := _REPLY_CLASS.fullmatch(plain[c])) and kind[1] == reply[1]]
    else:
        found = [c for c in choices if plain[c].startswith(typed) or (len(typed) > 2 and typed in plain[c])]
    return found[0] if len(found) == 1 else None


def _plain(word: str) -> str:
    """Return *word* without what does not matter: case, width, quotes, spaces, hyphens, an article, a final dot."""
    text = unicodedata.normalize("NFKC", word[:_LONGEST]).casefold().strip(" \t\n\"'`“”‘’「」.!?,;:")
    text = re.sub(r"^(?:the|a|an)\s+", "", text)
    return re.sub(r"[\s_'’]+|(?<=\w)-+", "", text)


def _forms(word: str) -> set[str]:
    """Return *word*, and what it would be if its end were that of a plural."""
    return {word, *(word.removesuffix(end) for end in ("s", "es") if len(word) > 3 + len(end))}
