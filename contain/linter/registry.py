"""What a rule is, and where the rules of each kind of document are.

A rule is a generator function: it gets the document's value (and what else it names as parameter: `document`, `bundle`, `image`, `host`) and yields
`(pointer, message)` or `(pointer, message, fix)`. Its docstring is its page:

    ID name: one sentence that holds in a sound document.

    Why it matters.

    section: where the text says so
    bad: a merge patch over the kind's sound base document that the rule must find
    good: one that it must not find

Optional lines: `severity: warning`, `alias:` (ids and names that it had before), `blocking: yes`, `rows:`, `preview: yes`, `engines: yes` (engines' own
defaults do it), `reference:`, `readers:` (what runc, crun and actool make of it: a test asks them), `bad-text:`, `good-text:` (whole documents as JSON
strings), `bad-files:`, `good-files:` (a folder as an object of path to content).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contain.document import Problem
    from contain.linter.fix import Fix

    Found = tuple[str, str] | tuple[str, str, "Fix | str"] | tuple[Problem, "Fix | str"] | Problem
    Function = Callable[..., Iterator[Found]]

#: kind → the modules below contain.linter.rules that hold its rules; `*` is for every kind
MODULES: dict[str, tuple[str, ...]] = {
    "*": ("document.text", "document.numbers", "document.members", "document.kind"),
    "runtime-config": (
        "runtime.root",
        "runtime.mounts",
        "runtime.process",
        "runtime.credentials",
        "runtime.hooks",
        "runtime.annotations",
        "runtime.namespaces",
        "runtime.devices",
        "runtime.resources",
        "runtime.seccomp",
        "runtime.paths",
        "runtime.platforms",
        "runtime.host",
        "image.conversion",
        "security.privileges",
        "security.isolation",
        "security.mounts",
        "security.limits",
    ),
    "runtime-state": ("state.state",),
    "runtime-process-state": ("state.process",),
    "runtime-features": ("state.features",),
    "image-descriptor": ("image.descriptor", "image.annotations"),
    "image-index": ("image.index", "image.descriptor", "image.annotations"),
    "image-manifest": ("image.manifest", "image.descriptor", "image.annotations"),
    "image-config": ("image.config", "image.annotations", "security.image"),
    "image-layout": (),
    "image-layout-folder": ("image.layout",),
    "image-layers": ("image.layers",),
    "docker-archive": (),
    "docker-archive-file": ("image.archive",),
    "aci-file": ("appc.archive",),
    "appc-image": ("appc.image", "appc.app", "appc.isolators", "security.appc"),
    "appc-pod": ("appc.pod", "appc.image", "appc.app", "appc.isolators", "security.appc"),
}


def rule(function: Function) -> Function:
    """Mark a function as a rule."""
    function.__dict__["is_rule"] = True
    return function


def about(*paths: str, only: str = "") -> Callable[[Function], Function]:
    """Say that a rule has nothing to say of a document without any of these members, so that the engine need not ask it.

    `only`: all that it reads is there or below, so what it found holds for every document that says the same there: an engine writes the same
    filter and the same capabilities into thousands of them.
    """

    def marked(function: Function) -> Function:
        function.__dict__["about"] = tuple(tuple(path.split("/")) for path in paths)
        function.__dict__["only"] = tuple(only.split("/")) if only else ()
        return function

    return marked


def subjects(function: Function) -> tuple[tuple[str, ...], ...]:
    """The paths of the members that a rule is about; none when it must always be asked."""
    found: tuple[tuple[str, ...], ...] = function.__dict__.get("about", ())
    return found


def reads_only(function: Function) -> tuple[str, ...]:
    """The path below which is all that a rule reads; empty when it may read anything."""
    found: tuple[str, ...] = function.__dict__.get("only", ())
    return found


def functions(kind: str) -> list[tuple[str, Function]]:
    """Id and function of every rule of a kind, in the order of the modules."""
    found = []
    for name in MODULES.get(kind, ()):
        module = import_module(f"contain.linter.rules.{name}")
        found += [((item.__doc__ or "")[:6], item) for item in vars(module).values() if getattr(item, "is_rule", False)]
    return found


def needs(function: Function) -> tuple[str, ...]:
    """The parameters that a rule names."""
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


class Page:
    """All that is written about a rule."""

    __slots__ = ("body", "fields", "id", "kind", "name", "summary")

    def __init__(self, id: str, name: str, summary: str, body: str, fields: dict[str, list[str]], kind: str) -> None:
        """`fields` holds the lines `word: text` at the end of the docstring."""
        self.id = id
        self.name = name
        self.summary = summary
        self.body = body
        self.fields = fields
        self.kind = kind

    def field(self, word: str, default: str = "") -> str:
        """The first line of that word."""
        return self.fields.get(word, [default])[0]

    @property
    def row(self) -> tuple[str, str, bool, str, str]:
        """The rule's row in the table of contain.diagnostics."""
        return (
            self.name,
            self.field("severity", "error"),
            self.field("blocking") == "yes",
            self.field("section"),
            f"docs/rules/{self.id}.md",
        )


_WORDS = (
    "section",
    "severity",
    "blocking",
    "rows",
    "engines",
    "reference",
    "readers",
    "preview",
    "bad",
    "good",
    "bad-text",
    "good-text",
    "bad-files",
    "good-files",
    "alias",
)


def page(function: Function, kind: str) -> Page:
    """Read a rule's docstring."""
    lines = [line.strip() for line in (function.__doc__ or "").split("\n")]
    head, _, summary = lines[0].partition(": ")
    id, _, name = head.partition(" ")
    body: list[str] = []
    fields: dict[str, list[str]] = {}
    current = ""
    for line in lines[1:]:
        word, colon, rest = line.partition(": ")
        if colon and word in _WORDS:
            current = word
            fields.setdefault(word, []).append(rest)
        elif current and line:
            fields[current][-1] += f" {line}"
        elif not current:
            body.append(line)
    return Page(id, name, summary, "\n".join(body).strip(), fields, kind)


def pages() -> dict[str, Page]:
    """Every rule there is, by id: those with a function and those that the schemas enforce."""
    from json import dumps

    from contain.schema.generate import KINDS, load

    found: dict[str, Page] = {}
    for kind in MODULES:
        for id, function in functions(kind):
            if id in found and kind != "*":
                continue
            found[id] = page(function, kind)
    for kind in KINDS:
        for id, entry in load(kind).get("x-rules", {}).items():
            fields: dict[str, Any] = {
                "section": [entry["section"]],
                "severity": [entry.get("severity", "error")],
                "blocking": [entry.get("blocking", "yes")],
            }
            fields |= {"rows": [entry["rows"]]} if "rows" in entry else {}
            fields |= {word: [dumps(entry[word], ensure_ascii=False)] for word in ("bad", "good") if word in entry}
            if id not in found:
                found[id] = Page(
                    id, entry["name"], entry["summary"], "The schema enforces it (`contain schema " + kind + "`).", fields, kind
                )
    return dict(sorted(found.items()))
