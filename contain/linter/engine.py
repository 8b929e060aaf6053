"""Lints one document: reading, kind, schema, members, rules; positions only for what is reported."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from contain import schema
from contain.diagnostics import model
from contain.diagnostics.model import Diagnostic
from contain.diagnostics.table import RULES
from contain.document import Problem, parse
from contain.linter import keyed, members
from contain.linter.kinds import KINDS, decide
from contain.linter.reading import get, pruned
from contain.linter.registry import functions, needs, reads_only, subjects
from contain.linter.settings import Settings, matches
from contain.linter.unknown import UnknowableError
from contain.schema.kinds import KINDS as SCHEMAS

if TYPE_CHECKING:
    from datetime import date

    from contain.document import Document
    from contain.linter.bundle import Bundle
    from contain.linter.fix import Fix
    from contain.linter.kinds import Verdict
    from contain.linter.own import OwnSchema
    from contain.linter.registry import Found, Function

    _Row = tuple[str, str, str, Fix | str, Problem | None]

_NOTHING: dict[str, Any] = {}


class Linter:
    """Lints documents with one set of settings; the rules of a kind are looked up once."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Defaults when no settings are given."""
        self.settings = settings or Settings()
        self.table = self.settings.table()
        self._functions: dict[str, list[tuple[str, Function, tuple[str, ...]]]] = {}
        self._plans: dict[str, _Plan] = {}
        self.schemas: list[OwnSchema] = []
        if self.settings.schemas:
            from contain.linter.own import own_schemas  # few have schemas of their own

            self.schemas = own_schemas(self.settings)
        #: the image config that runtime configs are compared with
        self.image: Any = None
        #: facts about a host, as `contain doctor --host` prints them
        self.host: Any = None
        #: set when a rule raised: the command then exits with 3
        self.failed = False

    def lint(self, data: bytes, name: str, *, bundle: Bundle | None = None, named: bool = False) -> list[Diagnostic]:
        """Everything that is to be said about one document; `named` makes an unknown kind an error."""
        document = parse(data, name, limit=self.settings.max_size)
        return self.check(document, bundle=bundle, named=named)

    def check(self, document: Document, *, kind: str = "", bundle: Bundle | None = None, named: bool = False) -> list[Diagnostic]:
        """The same for a document that is read already."""
        verdict = decide(document.guess if document.value is None else document.value)
        if not (named or kind or self.settings.kind or verdict.kind):
            return []  # found by walking, and none of ours: whatever is wrong with it is not our business
        if self.settings.allow:
            self._see([document.name])
        run = _Run(self, document, bundle)
        if document.problems:
            run.rules("*")
        if document.value is not None or not document.problems:  # null can be read, and is no manifest
            run.kind(verdict, kind or self.settings.kind, named=named)
        return self.allowed(run.diagnostics(), document.value)

    def rules_of(self, kind: str) -> list[tuple[str, Function, tuple[str, ...]]]:
        """Id, function and parameters of the rules of a kind that are on."""
        if kind not in self._functions:
            self._functions[kind] = [(id, function, needs(function)) for id, function in functions(kind) if id in self.table]
        return self._functions[kind]

    def plan(self, kind: str) -> _Plan:
        """The rules of a kind as a run goes through them."""
        if kind not in self._plans:
            self._plans[kind] = _Plan(self.rules_of(kind), alone=kind == "*")
        return self._plans[kind]

    def allowed(self, found: list[Diagnostic], value: Any) -> list[Diagnostic]:
        """Without what the settings ignore for this file or allow at this place."""
        settings = self.settings
        if settings.per_file_ignores:
            found = [item for item in found if not settings.ignored(item.id, item.file)]
        if not settings.allow:
            return found
        today = _today()
        self._see([item.file for item in found])
        kept = []
        for item in found:
            for allow in settings.allow:
                expired = allow.expires is not None and allow.expires < today
                if expired or not item.id.startswith(allow.rule) or not matches(item.file, allow.path, settings.folder):
                    continue
                if not allow.at or keyed.matches(allow.at, keyed.pointer(value, item.pointer), item.pointer):
                    allow.used = True
                    break
            else:
                kept.append(item)
        return kept

    def _see(self, files: list[str]) -> None:
        """Note which entries of the settings are about these files."""
        for allow in self.settings.allow:
            if not allow.seen:
                allow.seen = any(matches(file, allow.path, self.settings.folder) for file in dict.fromkeys(files))

    def closing(self, *, whole: bool = True) -> list[Diagnostic]:
        """What is to be said about the settings, after all files; `whole`: all files that they are about were there to be looked at."""
        found: list[Diagnostic] = []
        if not self.settings.allow:
            return found
        today = _today()
        for allow in self.settings.allow:
            if allow.expires is not None and allow.expires < today:
                found.append(
                    model.make("DOC502", f"the entry that allows {allow.rule} expired on {allow.expires}: {allow.reason}", allow.where)
                )
            elif not allow.used and (allow.seen or whole):
                found.append(model.make("DOC501", f"the entry that allows {allow.rule} matches nothing: {allow.reason}", allow.where))
        return [item for item in found if item.id in self.table]


def _today() -> date:
    from datetime import UTC, datetime  # only entries that allow something have a day

    return datetime.now(UTC).date()


class _Plan:
    """The rules of a kind, with what each of them is about."""

    def __init__(self, rules: list[tuple[str, Function, tuple[str, ...]]], *, alone: bool) -> None:
        """`alone`: the rules get no value, but what they name."""
        wanted: list[tuple[tuple[str, ...], ...]] = []
        #: the members that are all that some rules read; what the last document said there, and what each of those rules found in it
        self.parts: list[tuple[str, ...]] = []
        self.last: list[tuple[Any, dict[str, list[tuple[str, Found]]]]] = []
        #: index of the subject, id, function, what it wants beside the value, and index of the part that is all that it reads
        self.rows: list[tuple[int, str, Function, tuple[str, ...], int]] = []
        for id, function, names in rules:
            paths, only = subjects(function), reads_only(function)
            if paths and paths not in wanted:
                wanted.append(paths)
            if only and only not in self.parts:
                self.parts.append(only)
            index = wanted.index(paths) if paths else -1
            part = self.parts.index(only) if only else -1
            self.rows.append((index, id, function, names if alone or len(names) > 1 else (), part))
        self.last = [(None, {}) for _ in self.parts]
        #: the objects that hold a subject, each by the index of the object above it, those above first
        self.objects: list[tuple[int, str]] = []
        #: for each subject where its members are: index of the object, and name
        self.subjects = [[(self._object(path[:-1]), path[-1]) for path in paths] for paths in wanted]

    def _object(self, path: tuple[str, ...]) -> int:
        if not path:
            return 0
        row = self._object(path[:-1]), path[-1]
        if row not in self.objects:
            self.objects.append(row)
        return self.objects.index(row) + 1

    def answers(self, value: Any) -> list[dict[str, list[tuple[str, Found]]]]:
        """For each part the findings of rules that read it alone, as far as they are known of this document: those of the last one that said the same."""
        for index, path in enumerate(self.parts):
            node = get(value, *path)
            if node != self.last[index][0]:
                self.last[index] = node, {}
        return [known for _, known in self.last]

    def there(self, value: Any) -> list[bool]:
        """For each subject whether the document has it, or may have it; the last one is for rules that are always asked."""
        nodes = [value]
        for index, name in self.objects:
            node = nodes[index]
            nodes.append(node.get(name, _NOTHING) if node.__class__ is dict else node)
        found = []
        for places in self.subjects:
            for index, name in places:
                node = nodes[index]
                if node.__class__ is not dict or name in node:
                    found.append(True)
                    break
            else:
                found.append(False)
        found.append(True)
        return found


class _Run:
    """One document on its way through the rules."""

    def __init__(self, linter: Linter, document: Document, bundle: Bundle | None) -> None:
        self.linter = linter
        self.document = document
        self.found: list[tuple[str, Found]] = []
        #: what the rules of the kind found, which may follow from a finding of the schema
        self.ruled: list[tuple[str, Found]] = []
        self.poisoned: frozenset[str] = frozenset()
        self.arguments: dict[str, Any] = {"document": document, "bundle": bundle, "image": linter.image, "host": linter.host}

    def rules(self, kind: str, value: Any = None) -> None:
        """Run the rules of a kind."""
        into = self.found if kind == "*" else self.ruled
        plan = self.linter.plan(kind)
        there = plan.there(value)
        most = self.linter.settings.max_findings + 1  # of a rule that finds more than is told there is no need to know how much
        # what is not known is like nothing else
        answers = plan.answers(value) if plan.parts and not self.poisoned else []
        for subject, id, function, names, part in plan.rows:
            if not there[subject]:
                continue
            try:
                if not names:
                    if part >= 0 and answers:
                        known = answers[part].get(id)
                        if known is None:
                            known = answers[part][id] = [(id, found) for found in islice(function(value), most)]
                        into += known
                        continue
                    for found in islice(function(value), most):
                        into.append((id, found))
                    continue
                wanted = [self.arguments.get(name, value) for name in names]
                if None in wanted:
                    continue  # what the rule needs is not there: the files beside the document, or a host
                for found in islice(function(*wanted), most):
                    into.append((id, found))
            except UnknowableError:
                continue  # it would have to decide by something that has a finding already
            except RecursionError:
                raise
            except Exception as error:  # noqa: BLE001  one broken rule does not stop the others
                if self.poisoned and "'Unknown'" in str(error):
                    continue  # functions in C say it so
                self.linter.failed = True
                self.found.append(("DOC999", ("", f"rule {id} ({function.__name__}) failed: {type(error).__name__}: {error}")))

    def kind(self, verdict: Verdict, forced: str, *, named: bool) -> None:
        """Run all that is for the kind of the document."""
        document = self.document
        if _too_deep(document, self.linter.settings.max_depth):
            self.found.append(("DOC402", ("", f"the document is nested more than {self.linter.settings.max_depth} deep")))
            return
        kind = forced or verdict.kind
        if verdict.other and not forced:
            at, words = "/config", f"the document reads as {KINDS[kind]} (manifests) and as {KINDS[verdict.other]} (config, layers)"
            if "mediaType" in document.value:  # type: ignore[operator]  # it is an object
                at, words = "/mediaType", f"the document calls itself {KINDS[kind]} and has the members of {KINDS[verdict.other]}"
            self.found.append(("DOC302", (at, words, "remove the members of the other kind, or correct mediaType")))
            return
        if not kind:
            if verdict.relative:
                self.found.append(("DOC303", ("", f"{verdict.relative}: not checked")))
            elif named:
                self.found.append(
                    ("DOC301", ("", f"the kind of this document is unknown: {verdict.hint}", "--kind says what it is meant to be"))
                )
            return
        value = document.value
        nulls = "null" in document.text
        if kind in SCHEMAS:
            numbers = {problem.pointer for problem in document.problems if problem.id in ("DOC101", "DOC102")}
            rows = [row for row in schema.rows(kind, value) if row[0] not in numbers]
            self.found += [(id, (pointer, message)) for pointer, id, message in rows]
            self.found += members.findings(value, kind, nulls=nulls, most=self.linter.settings.max_findings)
            self.poisoned = frozenset(numbers.union(row[0] for row in rows))
            if "" in self.poisoned:
                return
        if self.linter.schemas:
            from contain.linter.own import own_findings  # as above

            settings = self.linter.settings
            self.found += [("DOC601", row) for row in own_findings(self.linter.schemas, settings, document.name, kind, value)]
        if self.poisoned or nulls:
            value = pruned(value, self.poisoned)
        elif value.__class__ is dict:
            value = dict(value)  # a top level of its own for each run: see contain.linter.reading.once
        self.rules(kind, value)

    def diagnostics(self) -> list[Diagnostic]:
        """The findings with positions, in order of place; what hangs on a value that has a finding already is left out."""
        document, table = self.document, self.linter.table
        kept: dict[tuple[str, str, str], _Row] = {}
        ruled = [pair for pair in self.ruled if self._fresh(pair[1])] if self.poisoned else self.ruled
        for id, found in [*self.found, *ruled]:
            if id not in table:
                continue
            if isinstance(found, Problem):
                kept[id, found.pointer, str(found.position.offset)] = (id, found.message, found.pointer, "", found)
            elif isinstance(found[0], Problem):
                problem = found[0]
                kept[id, problem.pointer, str(problem.position.offset)] = (id, problem.message, problem.pointer, found[1], problem)
            else:
                kept.setdefault((id, found[0], str(found[1])), (id, str(found[1]), found[0], found[2] if len(found) > 2 else "", None))
        rows = list(kept.values())
        most = self.linter.settings.max_findings
        over = len(rows) - most
        rows = rows[:most]
        places = document.positions([row[2] for row in rows if row[4] is None], keys=[row[2] for row in rows if row[0].startswith("DOC2")])
        result = [self._diagnostic(*row, places) for row in rows]
        result.sort(key=lambda item: (item.position.offset if item.position else 0, model.SEVERITIES.index(item.severity)))
        if over > 0 and "DOC403" in table:
            result.append(model.make("DOC403", "there are more findings, which are not told", document.name))
        return result

    def _fresh(self, found: Found) -> bool:
        """Whether a finding of a rule does not follow from one of the schema."""
        pointer = str(found[0]) if isinstance(found, tuple) else ""
        if pointer and any(place.startswith(pointer + "/") for place in self.poisoned):
            return False  # it is about a list or object of which a part could not be read
        while pointer and self.poisoned:
            if pointer in self.poisoned:
                return False
            pointer = pointer[: pointer.rfind("/")]
        return True

    def _diagnostic(
        self, id: str, message: str, pointer: str, fix: Fix | str, problem: Problem | None, places: dict[str, Any]
    ) -> Diagnostic:
        position = problem.position if problem else places[pointer]
        words = fix if isinstance(fix, str) else fix.words
        name, severity, _, _, page = RULES.get(id) or model.table(id)
        item = Diagnostic(
            id=id,
            name=name,
            severity=self.linter.table.get(id, severity),
            message=message,
            file=self.document.name,
            pointer=pointer,
            position=position if self.document.text else None,
            fix=words,
            page=page,
        )
        item.key = keyed.pointer(self.document.value, pointer)
        item.edit = None if isinstance(fix, str) else fix
        return item


def _too_deep(document: Document, most: int) -> bool:
    text = document.text
    if text.count("[") + text.count("{") <= most:
        return False
    depth, level = 0, [document.value]
    while level:
        depth += 1
        if depth > most:
            return True
        level = [
            child
            for item in level
            for child in (item.values() if item.__class__ is dict else item)  # type: ignore[attr-defined]
            if child.__class__ is dict or child.__class__ is list
        ]
    return False
