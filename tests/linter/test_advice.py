"""Advice about something that runs: what cannot be known is never called clean."""

from __future__ import annotations

from contain.linter.advice import UNKNOWN, advise
from contain.linter.examples import BASES, merged


def _verdicts(patch):
    return {item.id: item.verdict for item in advise(merged(BASES["runtime-config"], patch))}


def test_known_values_are_judged_as_in_a_document():
    """The same rules, the same words."""
    verdicts = _verdicts({"process": {"capabilities": {"bounding": ["CAP_SYS_ADMIN"]}, "noNewPrivileges": True}})
    assert verdicts["SEC004"] == "found"
    assert verdicts["SEC009"] == "clean"


def test_unknown_values_are_not_clean():
    """A rule that reads one says unknown; the others are as they were."""
    verdicts = _verdicts({"process": {"capabilities": UNKNOWN, "noNewPrivileges": UNKNOWN}, "linux": {"seccomp": UNKNOWN}})
    assert {verdicts[id] for id in ("SEC009", "SEC105", "SEC106")} == {"unknown"}
    assert verdicts["SEC001"] == "found"


def test_nothing_is_known():
    """Not even then a rule fails, and none says clean about what it would read."""
    found = advise({"process": UNKNOWN, "linux": UNKNOWN, "root": UNKNOWN, "mounts": UNKNOWN, "hooks": UNKNOWN, "annotations": UNKNOWN})
    assert len({item.id for item in found}) > 40
    assert {item.verdict for item in found if item.id in ("SEC001", "SEC004", "SEC201", "SEC301")} == {"unknown"}
