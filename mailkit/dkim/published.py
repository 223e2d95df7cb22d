"""All the keys of a domain that can be found, judged in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailkit.dkim.keys import Key, key
from mailkit.dkim.names import record_name
from mailkit.dkim.selector_search import SelectorStatus, SelectorTrial
from mailkit.dkim.selector_search import selectors as search
from mailkit.network import Network
from mailkit.results import Rows, Sentence, Verdict

__all__ = ["in_words", "published_keys"]

_MOST = 50
_DEADLINE = 20.0  # seconds for all lookups together


def published_keys(domain: str, selectors: Sequence[str] | None = None, *, net: Network) -> Rows[Key]:
    """Return the keys of *domain*, judged: those of *selectors*, or of the usual selectors for which there is one.

    An alias that leads to no key is judged as a mere guess where nobody named its selector.  Raises ValueError or
    TypeError for what cannot be a domain or a selector, and for more than 50 selectors.
    """
    if isinstance(selectors, str):
        raise TypeError("selectors is a list of names: selectors=['s2026']")
    if selectors is not None and len(selectors) > _MOST:
        raise ValueError(f"at most {_MOST} selectors are looked at")
    net = net.remembering(_DEADLINE)
    if selectors is None:
        trials = [trial for trial in search(domain, net=net) if trial.status is not SelectorStatus.REST]
        return Rows(Key, [_tried(trial, key(domain, trial.selector, net=net)) for trial in trials], caption=net.caption)
    net.prefetch((record_name(selector, domain), "TXT") for selector in selectors)
    return Rows(Key, [key(domain, selector, net=net) for selector in selectors], caption=net.caption)


def _tried(trial: SelectorTrial, found: Key) -> Key:
    if trial.status in (SelectorStatus.DANGLING, SelectorStatus.SPARE):
        return replace(found, verdict=trial.verdict, reason=trial.reason)
    return found


def in_words(keys: Rows[Key]) -> Sentence:
    """Return what the judged *keys* come to, as a sentence."""
    if not keys:
        return Sentence(
            "No key was found, which proves nothing: selectors cannot be listed. Take them from the s= of a message."
        )
    counted = {verdict: [key.selector for key in keys if key.verdict is verdict] for verdict in Verdict}
    words = {
        Verdict.PASS: "good",
        Verdict.WARN: "to be looked at",
        Verdict.FAIL: "not usable",
        Verdict.INFO: "of note",
        Verdict.UNKNOWN: "not to be seen from here",
    }
    parts = [f"{', '.join(names)} {words[verdict]}" for verdict, names in counted.items() if names]
    return Sentence(f"{len(keys)} selector{'s' if len(keys) > 1 else ''} of {keys[0].domain}: {'; '.join(parts)}.")
