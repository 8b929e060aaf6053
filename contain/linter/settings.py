"""What is checked and how severe it is: selectors, profiles, per-file ignores, the config file."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from typing import Any

from contain.diagnostics.model import SEVERITIES
from contain.diagnostics.table import ALIASES, PREVIEW, RULES, SILENT
from contain.errors import UsageError
from contain.linter import limits
from contain.schema.support import nearest

LIMITS = ("max_size", "max_depth", "max_findings", "max_entries", "max_ratio", "timeout")
PROFILES = ("engine-default", "advice", "hardened")
KEYS = (
    "select", "extend-select", "ignore", "per-file-ignores", "severity", "exclude", "profile", "fail-level", "preview", "allow", "schema", "extend", "max-size",
    "max-depth", "max-findings", "max-entries", "max-ratio", "timeout",
)  # fmt: skip


class Allow:
    """One `[[lint.allow]]` entry."""

    __slots__ = ("at", "expires", "path", "reason", "rule", "seen", "used", "where")

    def __init__(self, row: dict[str, Any], where: str) -> None:
        """`where` is the config file, for findings about the entry itself."""
        strange = set(row) - {"rule", "path", "at", "reason", "expires"}
        if strange:
            raise UsageError(f"[[lint.allow]] has no member {min(strange)!r}", place=where)
        if not row.get("rule") or not row.get("reason"):
            raise UsageError("[[lint.allow]] needs a rule and a reason", place=where)
        self.rule = resolve(_text(row["rule"], "rule", where), where)
        self.path = _text(row.get("path", "**"), "path", where)
        self.at = _text(row.get("at", ""), "at", where)
        self.reason = _text(row["reason"], "reason", where)
        self.expires = _day(row["expires"], where) if "expires" in row else None
        self.where = where
        #: whether a file that it is about was looked at, and whether it allowed something there
        self.seen = self.used = False


class Settings:
    """Everything that lint can be told."""

    def __init__(self) -> None:
        """The defaults."""
        self.select: list[str] = []
        self.extend_select: list[str] = []
        self.ignore: list[str] = []
        self.per_file_ignores: dict[str, list[str]] = {}
        self.severity: dict[str, str] = {}
        self.exclude: list[str] = []
        self.profile = "advice"
        self.fail_level = "error"
        self.preview = False
        self.allow: list[Allow] = []
        self.schemas: list[dict[str, Any]] = []
        #: bounds for hostile input: bytes and depth of a document, findings of a file, entries of an archive and how many times its size it may
        #: unpack to, and seconds that a file may take where several processes share the work
        self.max_size, self.max_depth, self.max_findings = limits.SIZE, limits.DEPTH, limits.FINDINGS
        self.max_entries, self.max_ratio, self.timeout = limits.ENTRIES, limits.RATIO, limits.SECONDS
        self.kind = ""
        self.source = ""
        self.folder = ""

    def table(self) -> dict[str, str]:
        """The severity of every rule that is on, by id; the most specific selector decides, then the later one."""
        rows: list[tuple[int, str, bool]] = []
        for texts, on in ((self.select, True), (self.extend_select, True), (self.ignore, False)):
            rows += [(_weight(text), text, on) for text in texts]
        chosen = {}
        for id, (_, severity, _, _, _) in RULES.items():
            on = not self.select and id not in PREVIEW
            if id in PREVIEW and self.preview and not self.select:
                on = True
            best = (-1, -1)
            if self.profile == "engine-default" and id in SILENT:
                best, on = (
                    (_EXACT, -1),
                    False,
                )  # who names the rule itself means it; who selects its family wants what the profile leaves of it
            for order, (weight, text, state) in enumerate(rows):
                if covers(text, id) and (weight, order) > best and (id not in PREVIEW or self.preview or weight == _EXACT or not state):
                    best, on = (weight, order), state
            if on:
                chosen[id] = self._severity(id, severity)
        return chosen

    def _severity(self, id: str, default: str) -> str:
        if self.profile == "hardened" and id.startswith("SEC") and default == "info":
            default = "warning"
        best, found = -1, default
        for text, severity in self.severity.items():
            weight = _weight(text)
            if covers(text, id) and weight >= best:
                best, found = weight, severity
        return found

    def ignored(self, id: str, file: str) -> bool:
        """Whether a rule is off for a file."""
        return any(
            any(covers(text, id) for text in texts) and matches(file, pattern, self.folder)
            for pattern, texts in self.per_file_ignores.items()
        )


_EXACT = 4
#: letters of a family: fewer mean nothing
_FAMILY = 3


def resolve(text: str, where: str) -> str:
    """An id or name as the selector it means; an unknown one is an error with a suggestion."""
    if text == "ALL" or (len(text) >= _FAMILY and any(id.startswith(text) for id in RULES)):
        return text
    if text in ALIASES:
        return ALIASES[text]
    by_name = {row[0]: id for id, row in RULES.items()}
    if text in by_name:
        return by_name[text]
    near = nearest(text, [*by_name, *RULES, *{id[:3] for id in RULES}])
    raise UsageError(f"there is no rule or family {text!r}{f'; did you mean {near}?' if near else ''}", place=where)


def covers(text: str, id: str) -> bool:
    """Whether a resolved selector means a rule."""
    return text == "ALL" or id.startswith(text)


def _weight(text: str) -> int:
    return 0 if text == "ALL" else {3: 1, 4: 2, 5: 3}.get(len(text), _EXACT)


def matches(file: str, pattern: str, folder: str) -> bool:
    """Whether a path is meant by a glob of a config file in `folder`."""
    full, base = _absolute(file), _absolute(folder)
    names = {file, os.path.basename(full), full}
    if full == base or full.startswith(base.rstrip("/") + "/"):
        names.add(full[len(base) :].lstrip("/") or ".")
    return any(fnmatch(name, pattern) or fnmatch(name, f"*/{pattern}") for name in names)


def _absolute(path: str) -> str:
    """The path from the root, without what means nothing; `..` is left, since what is before it may be a link."""
    return "/" + "/".join([part for part in os.path.join(os.getcwd(), path).split("/") if part not in ("", ".")])


def find(start: str) -> str:
    """The config file for a file in `start`: contain.toml or a pyproject.toml with [tool.contain], upwards to the repository's root."""
    folder = os.path.realpath(start)
    while True:
        own, project = os.path.join(folder, "contain.toml"), os.path.join(folder, "pyproject.toml")
        if os.path.isfile(own):
            return own
        if os.path.isfile(project) and _section(project):
            return project
        if folder == "/" or os.path.exists(os.path.join(folder, ".git")):
            return ""
        folder = os.path.dirname(folder)


def _section(path: str) -> dict[str, Any]:
    import tomllib  # only where there is a configuration

    try:
        with open(path, "rb") as file:
            data = tomllib.load(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the configuration: {error}", place=path) from None
    if os.path.basename(path) == "pyproject.toml":
        data = _object(_object(data.get("tool", {}), "tool", path).get("contain", {}), "tool.contain", path)
    strange = next((key for key in data if key != "lint"), "")
    if strange:
        words = f"{strange} stands in the table [lint]" if strange in KEYS else f"there is no table {strange!r}, only [lint]"
        raise UsageError(words, place=path)
    return _object(data.get("lint", {}), "lint", path)


def load(path: str) -> Settings:
    """The settings of a config file."""
    settings = Settings()
    settings.source, settings.folder = path, os.path.dirname(path)
    _apply(settings, _section(path), (path,))
    return settings


def _apply(settings: Settings, section: dict[str, Any], places: tuple[str, ...]) -> None:
    """Put a section into the settings, and before it what it extends; `places` are its file, and those that extend it."""
    where = places[0]
    for key in section:
        if key not in KEYS:
            near = nearest(key, KEYS)
            raise UsageError(f"there is no setting {key!r}{f'; did you mean {near}?' if near else ''}", place=where)
    if "extend" in section:
        base = os.path.realpath(os.path.join(os.path.dirname(where), _text(section["extend"], "extend", where)))
        if base in [os.path.realpath(place) for place in places]:
            raise UsageError("a configuration cannot extend itself", place=where)
        _apply(settings, _section(base), (base, *places))
    for key, attribute in (("select", "select"), ("extend-select", "extend_select"), ("ignore", "ignore")):
        if key in section:
            setattr(settings, attribute, [resolve(text, where) for text in _texts(section[key], key, where)])
    if "exclude" in section:
        settings.exclude = _texts(section["exclude"], "exclude", where)
    for pattern, texts in _object(section.get("per-file-ignores", {}), "per-file-ignores", where).items():
        settings.per_file_ignores[pattern] = [resolve(text, where) for text in _texts(texts, "per-file-ignores", where)]
    for text, severity in _object(section.get("severity", {}), "severity", where).items():
        settings.severity[resolve(text, where)] = choice(str(severity), SEVERITIES, "severity", where)
    settings.profile = choice(str(section.get("profile", settings.profile)), PROFILES, "profile", where)
    settings.fail_level = choice(str(section.get("fail-level", settings.fail_level)), (*SEVERITIES, "never"), "fail-level", where)
    settings.preview = section.get("preview", settings.preview)
    if settings.preview.__class__ is not bool:
        raise UsageError(f"preview is true or false, not {settings.preview!r}", place=where)
    for key in LIMITS:
        if key.replace("_", "-") in section:
            setattr(settings, key, limit(section[key.replace("_", "-")], key.replace("_", "-"), where))
    settings.allow += [Allow(row, where) for row in _tables(section, "allow", where)]
    settings.schemas += [row | {"folder": os.path.dirname(where)} for row in _tables(section, "schema", where)]


def choice(text: str, choices: tuple[str, ...], what: str, where: str) -> str:
    """One of the choices, or an error that names them."""
    if text not in choices:
        raise UsageError(f"{what} is one of {', '.join(choices)}, not {text!r}", place=where)
    return text


def limit(value: Any, key: str, where: str) -> int:
    """A number that bounds something; depth has a bound of its own, since readers that call themselves have."""
    most = limits.DEEPEST if key == "max-depth" else None
    if value.__class__ is not int or value < 1 or (most and value > most):
        raise UsageError(f"{key} is a number from 1{f' to {most}' if most else ''}, not {value!r}", place=where)
    return int(value)


def _text(value: Any, key: str, where: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{key} must be a string, not {value!r}", place=where)
    return value


def _day(value: Any, where: str) -> Any:
    from datetime import date, datetime  # only entries that allow something have a day

    if isinstance(value, datetime) or not isinstance(value, date):
        raise UsageError(f"expires is a day, as in expires = 2027-01-01, not {value}", place=where)
    return value


def _tables(section: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    rows = section.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"entries begin with [[lint.{key}]]", place=where)
    return rows


def _texts(value: Any, key: str, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{key} must be a list of strings", place=where)
    return value


def _object(value: Any, key: str, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{key} must be a table", place=where)
    return value
