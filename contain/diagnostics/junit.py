"""JUnit's XML: a suite for each file, a case for each finding, and one passing case for a file without any."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from contain.diagnostics.model import Diagnostic


def render(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str]) -> str:
    """All findings, by file."""
    files = dict.fromkeys([*texts, *(item.file for item in diagnostics)])
    return whole([fragment(file, [item for item in diagnostics if item.file == file], "") for file in files])


def fragment(file: str, items: Sequence[Diagnostic], _: str) -> tuple[int, int, str]:
    """Cases, failures and text of one file's suite."""
    cases = [_case(file, item) for item in items] or [
        f'    <testcase name={_attribute("contain lint")} classname={_attribute(file)} time="0"/>\n'
    ]
    failures = sum(item.severity == "error" for item in items)
    head = f'  <testsuite name={_attribute(file)} tests="{len(cases)}" failures="{failures}" errors="0" skipped="0" time="0">\n'
    return len(cases), failures, head + "".join(cases) + "  </testsuite>\n"


def whole(fragments: Iterable[tuple[int, int, str]]) -> str:
    """All files."""
    return "".join(pieces(list(fragments)))


def pieces(fragments: Iterable[tuple[int, int, str]]) -> Iterator[str]:
    """The same, suite by suite; the fragments are gone through twice, since the sums stand first."""
    tests = failures = 0
    for cases, failed, _ in fragments:
        tests, failures = tests + cases, failures + failed
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="contain lint" tests="{tests}" failures="{failures}" errors="0" time="0">\n'
    yield from (text for _, _, text in fragments)
    yield "</testsuites>\n"


def _case(file: str, item: Diagnostic) -> str:
    line = item.position.line if item.position else 1
    column = item.position.column if item.position else 1
    name = _attribute(f"{item.id} {item.name} at {item.pointer or '/'} ({line}:{column})")
    words = escape(_printable(f"{item.place}: {item.severity}: {item.message}"))
    if item.severity == "error":
        inner = f"      <failure type={_attribute(item.id)} message={_attribute(item.message)}>{words}</failure>\n"
    else:
        # nothing that is not an error fails a pipeline
        inner = f"      <system-out>{words}</system-out>\n"
    return f'    <testcase name={name} classname={_attribute(file)} time="0">\n{inner}    </testcase>\n'


def _attribute(text: str) -> str:
    return quoteattr(_printable(text))


def _printable(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return "".join(
        letter if letter.isprintable() and not "\ud800" <= letter <= "\udfff" and letter not in "\ufffe\uffff" else "?" for letter in text
    )
