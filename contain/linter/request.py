"""What one call of `contain lint` asks for, and doing it: check, print, fix, and the exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from contain.diagnostics import formats
from contain.diagnostics.model import SEVERITIES
from contain.diagnostics.table import RULES
from contain.document import LIMIT
from contain.errors import UsageError
from contain.linter import settings as setting
from contain.linter.bundle import Bundle
from contain.linter.session import Result, Session
from contain.linter.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from contain.diagnostics.model import Diagnostic
    from contain.linter.settings import Settings
    from contain.linter.walk import Target

FOUND, WRONG, OURS = 1, 2, 3


class Request:
    """The options of the command line, as they stand there."""

    def __init__(self, paths: Sequence[str], **options: Any) -> None:
        """`options` are the command's, by name; what is None or empty leaves the configuration as it is."""
        self.paths = list(paths) or ["."]
        self.options = options
        self.outputs = [_output(text) for text in options.get("output") or ("human",)]
        if sum(not path for _, path in self.outputs) > 1:
            raise UsageError("only one output can go to the terminal: write FORMAT=FILE for the others")
        files = [path for _, path in self.outputs if path]
        if len(set(files)) < len(files):
            raise UsageError("two outputs would go to one file", place="<command line>:--output")
        self.session = Session(
            override=self._override,
            config=options.get("config") or "",
            isolated=bool(options.get("isolated")),
            outputs=[name for name, _ in self.outputs],
            verbose=bool(options.get("verbose")),
        )
        if options.get("image"):
            from contain.linter.pairing import image_config  # archives and digests, which few calls need

            self.session.image = image_config(options["image"], options.get("max_size") or LIMIT)
        self.session.host = options.get("host")
        self.session.skip_unknown = bool(options.get("skip_unknown"))
        self.session.stdin_name = options.get("stdin_filename") or "<stdin>"
        #: where findings go; standard output is for the mended document when that came from standard input
        self.stream = sys.stderr if "-" in self.paths and (options.get("fix") or options.get("unsafe_fixes")) else sys.stdout

    def _override(self, settings: Settings) -> None:
        """Put what the command line says over a configuration."""
        options, where = self.options, "<command line>"
        for key in ("select", "extend_select", "ignore"):
            texts = [part.strip() for text in options.get(key) or () for part in text.split(",") if part.strip()]
            if texts:
                chosen = [setting.resolve(text, f"{where}:--{key.replace('_', '-')}") for text in texts]
                setattr(settings, key, chosen if key == "select" else [*getattr(settings, key), *chosen])
        settings.exclude += list(options.get("exclude") or ())
        for key in ("profile", "fail_level", "kind"):
            if options.get(key):
                setattr(settings, key, options[key])
        for key in setting.LIMITS:
            if options.get(key) is not None:
                setattr(settings, key, setting.limit(options[key], key.replace("_", "-"), f"{where}:--{key.replace('_', '-')}"))
        if settings.profile == "hardened" and not options.get("fail_level") and settings.fail_level == "error":
            settings.fail_level = "warning"
        settings.preview = settings.preview or bool(options.get("preview"))

    def run(self) -> int:
        """Do it; the exit code."""
        files = self.session.targets(self.paths, force_exclude=bool(self.options.get("force_exclude")))
        if self.options.get("diff"):
            return self._diff(files)
        if self.options.get("fix") or self.options.get("unsafe_fixes"):
            self._fix(files)
        if self.options.get("add_allow"):
            return self._add_allow(files)
        return self._check(files)

    def _check(self, files: list[Target]) -> int:
        counts = dict.fromkeys(SEVERITIES, 0)
        rules: dict[str, int] = {}
        parts = [Spool() for _ in self.outputs]
        streamed = len(self.outputs) == 1 and self.outputs[0] in (("human", ""), ("concise", ""), ("jsonl", ""))
        failed = False
        for result in self.session.run(files, jobs=self.options.get("jobs") or 0):
            failed = _count(result, counts, rules) or failed
            if streamed:
                self.stream.write("".join(result.fragments[0]))
                continue
            for part, fragments in zip(parts, result.fragments, strict=True):
                part.extend(fragments)
        items = self.session.closing(self.paths)
        if items:
            _count(Result(items, [], failed=False), counts, rules)
            for part, (_, function) in zip(parts, self.session.outputs, strict=True):
                part.extend([function(items[0].file, items, "")])
        for (name, path), part in zip(self.outputs, parts, strict=True):
            _write(path, self.stream, formats.pieces(name, part))
        self._closing_words(len(files), counts, rules)
        level = self.session.linter(".").settings.fail_level
        bad = level != "never" and any(counts[severity] for severity in SEVERITIES[: SEVERITIES.index(level) + 1])
        return OURS if failed else FOUND if bad else 0

    def _closing_words(self, files: int, counts: dict[str, int], rules: dict[str, int]) -> None:
        if self.options.get("statistics"):
            rows = sorted(rules.items(), key=lambda row: (-row[1], row[0]))
            # beside what programs read they would spoil it
            stream = self.stream if any(not path and name in ("human", "concise") for name, path in self.outputs) else sys.stderr
            stream.write("".join(f"{number:>7}  {id}  {RULES.get(id, (id.lower(),))[0]}\n" for id, number in rows))
        if ("human", "") in self.outputs and not self.options.get("quiet"):
            words = ", ".join(
                f"{counts[name]} {name}{'s' if counts[name] != 1 and name != 'info' else ''}" for name in SEVERITIES if counts[name]
            )
            sys.stderr.write(f"{files} file{'s' if files != 1 else ''} checked: {words or 'nothing to say'}\n")

    def _mended(self, target: Target) -> tuple[str, bytes, bytes, int]:
        """Name, content before and after, and how many fixes."""
        from contain.linter import mend

        linter = self.session.linter_for(target)
        name, data = self.session.read(target, linter)
        bundle = Bundle(os.path.dirname(target.path) or ".") if os.path.basename(target.path) == "config.json" else None
        new, count = mend.mended(linter, data, name, unsafe=bool(self.options.get("unsafe_fixes")), bundle=bundle)
        return name, data, new, count

    def _diff(self, files: list[Target]) -> int:
        from contain.linter import mend

        changed = False
        documents = [target for target in files if target.kind == "document"]
        for target in documents:
            name, old, new, count = self._mended(target)
            refused = self._refused(target, old, documents) if count else ""
            if refused:
                sys.stderr.write(f"{name}: not fixed: {refused}\n")
            elif count:
                changed = True
                sys.stdout.write(mend.diff(name, old, new))
        return int(changed)

    def _fix(self, files: list[Target]) -> None:
        from contain.linter import mend

        documents = [target for target in files if target.kind == "document"]
        for target in documents:
            name, old, new, count = self._mended(target)
            if target.path == "-":
                sys.stdout.buffer.write(new)
                self.session.stdin = new
                continue
            if not count:
                continue
            refused = self._refused(target, old, documents) or mend.write(target.path, old, new)
            words = f"not fixed: {refused}" if refused else f"{count} fix{'es' if count > 1 else ''} made"
            sys.stderr.write(f"{name}: {words}\n")

    def _refused(self, target: Target, old: bytes, documents: list[Target]) -> str:
        """Why a document must not be changed; nothing when it may be."""
        from hashlib import sha256

        from contain.linter import mend

        if target.path == "-":
            return ""
        digest = sha256(old).hexdigest().encode()
        for other in documents:
            if other is not target and digest in self.session.read(other, self.session.linter_for(other))[1]:
                return f"{other.path} names it by its digest"
        return mend.refused(target.path)

    def _add_allow(self, files: list[Target]) -> int:
        from contain.linter.baseline import entries  # once in a project's life

        found: dict[str, list[Diagnostic]] = {}
        for target in files:
            parts, linter = self.session.findings(target)
            found.setdefault(linter.settings.source or "contain.toml", []).extend([item for _, items, _ in parts for item in items])
        for path, items in found.items():
            rows = entries(items, path)
            try:
                with open(path, "a", encoding="utf-8") as file:
                    file.write("".join(rows))
            except OSError as error:
                raise UsageError(f"cannot write {path}: {error.strerror}") from None
            sys.stderr.write(f"{path}: {len(rows)} entr{'y' if len(rows) == 1 else 'ies'} added\n")
        return 0


def _count(result: Result, counts: dict[str, int], rules: dict[str, int]) -> bool:
    for name, number in result.counts.items():
        counts[name] += number
    for id, number in result.rules.items():
        rules[id] = rules.get(id, 0) + number
    return result.failed


def _output(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    return setting.choice(name, formats.FORMATS, "an output format", "<command line>:--output"), path


def _write(path: str, stream: TextIO, pieces: Iterable[str]) -> None:
    if not path:
        stream.writelines(pieces)
        return
    try:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(pieces)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", place="<command line>:--output") from None
