"""One call of the linter over many files: finding them, sharing the work, printing in the order of the files."""

from __future__ import annotations

import gc
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from contain.diagnostics import formats, model
from contain.document import parse
from contain.errors import UsageError
from contain.linter import settings as setting
from contain.linter.bundle import Bundle
from contain.linter.engine import Linter
from contain.linter.pool import Pool
from contain.linter.walk import Target, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contain.diagnostics.model import Diagnostic
    from contain.linter.settings import Settings

#: from this many files up the work is shared between processes
_MANY = 64


class Result:
    """What one file gave: the counts by severity and rule, and for each format the fragments of its documents."""

    __slots__ = ("counts", "failed", "fragments", "rules", "used")

    def __init__(
        self, items: list[Diagnostic], fragments: list[list[Any]], *, failed: bool, used: list[tuple[str, int, bool]] | None = None
    ) -> None:
        """Small and picklable: it crosses a pipe."""
        self.counts: dict[str, int] = {}
        self.rules: dict[str, int] = {}
        for item in items:
            self.counts[item.severity] = self.counts.get(item.severity, 0) + 1
            self.rules[item.id] = self.rules.get(item.id, 0) + 1
        self.fragments = fragments
        self.failed = failed
        #: folder and index of the entries of [[lint.allow]] that are about the file, and whether they were needed, for the process that asks in the end
        self.used = used or []


class Session:
    """The linters of one call: each file's configuration is the nearest one upwards."""

    def __init__(
        self, *, override: Callable[[Settings], None], config: str = "", isolated: bool = False, outputs: list[str], verbose: bool = False
    ) -> None:
        """`override` puts the command line's settings over those of a config file; `outputs` are format names."""
        self.override = override
        self.config = config
        self.isolated = isolated
        self.linters: dict[str, Linter] = {}
        self.outputs = [(name, self._fragment(name, verbose=verbose)) for name in outputs]
        self.skip_unknown = False
        #: the image config of --image
        self.image: Any = None
        #: the facts of --host
        self.host: Any = None
        self.stdin_name = "<stdin>"
        #: what came from standard input, which can be read once only
        self.stdin: bytes | None = None

    def _fragment(self, name: str, *, verbose: bool) -> Callable[[str, list[Diagnostic], str], Any]:
        module = formats.of(name)
        if name != "human":
            function: Callable[[str, list[Diagnostic], str], Any] = module.fragment
            return function
        width = 100
        terminal = sys.stdout.isatty()
        if terminal:
            width = max(60, os.get_terminal_size(sys.stdout.fileno()).columns)
        return partial(module.fragment, colour=terminal and "NO_COLOR" not in os.environ, width=width, verbose=verbose)

    def linter(self, folder: str) -> Linter:
        """The linter for files in a folder."""
        if folder not in self.linters:
            found = self.config
            if not found and not self.isolated:
                found = setting.find(folder or ".")
            key = f"\0{found}"
            if key not in self.linters:
                settings = setting.load(found) if found else setting.Settings()
                self.override(settings)
                self.linters[key] = Linter(settings)
                self.linters[key].image, self.linters[key].host = self.image, self.host
            self.linters[folder] = self.linters[key]
        return self.linters[folder]

    def linter_for(self, target: Target) -> Linter:
        """The linter for a target; a document from standard input has the configuration of what it is called."""
        if target.path == "-":
            return self.linter(os.path.dirname(self.stdin_name))
        return self.linter(target.path if target.kind == "layout" else os.path.dirname(target.path))

    def targets(self, paths: list[str], *, force_exclude: bool) -> list[Target]:
        """What is to be checked."""
        return targets(paths, self.linter(".").settings, force_exclude=force_exclude)

    def findings(self, target: Target) -> tuple[list[tuple[str, list[Diagnostic], str]], Linter]:
        """Name, findings and text of each document of a target, and its linter."""
        named = target.named and not self.skip_unknown
        linter = self.linter_for(target)
        if target.kind == "document" or target.path == "-":
            name, data = self.read(target, linter)
            bundle = (
                None
                if target.path == "-" or os.path.basename(target.path) != "config.json"
                else Bundle(os.path.dirname(target.path) or ".")
            )
            document = parse(data, name, limit=linter.settings.max_size)
            return [(name, linter.check(document, bundle=bundle, named=named), document.text)], linter
        from contain.linter.sets import check

        return check(linter, target.path, target.kind, named=named), linter

    def read(self, target: Target, linter: Linter) -> tuple[str, bytes]:
        """Name and content of a document."""
        if target.path == "-":
            if self.stdin is None:
                self.stdin = sys.stdin.buffer.read(linter.settings.max_size + 1)
            return self.stdin_name, self.stdin
        try:
            with open(target.path, "rb") as file:
                size, most = os.fstat(file.fileno()).st_size, linter.settings.max_size
                # as much room as is needed: four megabytes for each file take longer than reading it; a pipe has no size
                return target.path, file.read(size + 1 if 0 < size <= most else most + 1)
        except OSError as error:
            raise UsageError(f"{target.path}: {error.strerror}") from None

    def check(self, target: Target) -> Result:
        """One target, ready to be printed."""
        parts, linter = self.findings(target)
        items = [item for _, found, _ in parts for item in found]
        fragments = [[function(*part) for part in parts] for _, function in self.outputs]
        folder = os.path.dirname(self.stdin_name if target.path == "-" else target.path)
        used = [(folder, index, allow.used) for index, allow in enumerate(linter.settings.allow) if allow.seen]
        return Result(items, fragments, failed=linter.failed, used=used)

    def run(self, files: list[Target], *, jobs: int = 0) -> Iterator[Result]:
        """All targets, results in their order; from 64 files up by several processes."""
        jobs = jobs or len(os.sched_getaffinity(0))
        if len(files) < _MANY:
            yield from (self.check(target) for target in files)
            return
        # documents hold no cycles, and looking for some in what is loaded would take a tenth of the time and unshare the workers' memory
        thresholds = gc.get_threshold()
        gc.freeze()
        gc.set_threshold(20_000, *thresholds[1:])
        try:
            yield from self._shared(files, jobs)
        finally:
            gc.set_threshold(*thresholds)
            gc.unfreeze()

    def _shared(self, files: list[Target], jobs: int) -> Iterator[Result]:
        """All targets, by several processes."""
        if jobs < 2:
            yield from (self.check(target) for target in files)
            return
        pool = Pool(self._tried, self._lost, jobs=jobs, seconds=self.linter(".").settings.timeout)
        for result in pool.run(files):
            if isinstance(result, str):
                raise UsageError(result)
            for folder, index, used in result.used:
                allow = self.linter(folder).settings.allow[index]
                allow.seen, allow.used = True, allow.used or used
            yield result

    def _tried(self, target: Target) -> Result | str:
        """In a worker: the result, or the words of an error."""
        try:
            return self.check(target)
        except UsageError as error:
            return str(error)

    def _lost(self, target: Target, reason: str) -> Result:
        """The result of a file whose worker was ended."""
        items = [model.make("DOC404", f"{target.path} was not checked: {reason}", target.path)]
        return Result(items, [[function(target.path, items, "")] for _, function in self.outputs], failed=False)

    def closing(self, paths: list[str]) -> list[Diagnostic]:
        """What is to be said about the settings themselves, when these paths were asked for."""
        linters = {id(linter): linter for linter in self.linters.values()}
        asked = [os.path.realpath(path).rstrip("/") + "/" for path in paths]
        found = []
        for linter in linters.values():
            folder = os.path.realpath(linter.settings.folder or ".") + "/"
            found += linter.closing(whole=any(folder.startswith(path) for path in asked))
        return found
