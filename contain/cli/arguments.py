"""The small loop over the table of options: what `run` and `plan` read their command line with, without click."""

from __future__ import annotations

from contain.errors import UsageError
from contain.spec.options import BY_NAME, OPTIONS, Options, place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def scan(argv: list[str], options: Options, own: Mapping[str, bool] | None = None) -> tuple[list[str], dict[str, str]]:
    """Reads options into `options`; returns the arguments, and the verb's `own` options. All after `--` is the command."""
    arguments: list[str] = []
    extra: dict[str, str] = {}
    words = ["--help"] if argv == ["-h"] else argv[:]  # with a value it is docker's --hostname
    while words:
        word = words.pop(0)
        if word == "--":
            options.command = words
            break
        if not word.startswith("-") or word == "-":
            arguments.append(word)
            continue
        for name, value in _split(word):
            if own is not None and name in own:
                extra[name] = _value(name, value, words) if own[name] else "yes"
                continue
            row = BY_NAME.get(name)
            if row is None:
                raise _unknown(name, own or {}, arguments)
            options.add(row, name, value if row.kind == "flag" else _value(name, value, words))
    return arguments, extra


def _split(word: str) -> list[tuple[str, str | None]]:
    """`--name=value`, `-mVALUE`, `-it` as single options."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return [(name, value if equals else None)]
    found: list[tuple[str, str | None]] = []
    for index, letter in enumerate(word[1:], 2):
        row = BY_NAME.get("-" + letter)
        if row is None or row.kind == "flag":
            found.append(("-" + letter, None))
            continue
        rest = word[index:].removeprefix("=")
        found.append(("-" + letter, rest or None))
        break
    return found


def _value(name: str, value: str | None, words: list[str]) -> str:
    """The value of an option: behind = or the next word."""
    if value is not None:
        return value
    if not words or words[0] == "--":
        row = BY_NAME.get(name)
        raise UsageError("needs a value", place=place(name), remedy=f"write {name} {row.metavar if row else 'VALUE'}")
    return words.pop(0)


def _unknown(name: str, own: Mapping[str, bool], arguments: list[str]) -> UsageError:
    from difflib import get_close_matches

    if len(arguments) > 1:  # as docker has it: an option of the command, without -- before it
        target, command = arguments[0], " ".join(arguments[1:])
        remedy = f"put -- before the command: {target} -- {command} {name} …"
        return UsageError("no such option", place=place(name), remedy=remedy)
    longer = [one for one in BY_NAME if name.startswith("--") and len(name) > 3 and one.startswith(name)]
    near = longer or get_close_matches(name, [*BY_NAME, *own], 1, 0.7)
    remedy = _ELSEWHERE.get(name) or (f"did you mean {near[0]}?" if near else "contain run --help lists the options")
    return UsageError("no such option", place=place(name), remedy=remedy)


#: what docker and podman have and contain has not, and what does the same here
_ELSEWHERE = dict.fromkeys(
    ("-p", "-P", "--publish", "--publish-all"), "no port of the host is opened: --network host shares the host's network"
) | {
    "--entrypoint": "give the command behind --",
    "--gpus": "show the devices with --device",
    "--ip": "a run has loopback only, or with --network host the host's network",
    "--link": "a run has loopback only, or with --network host the host's network",
    "--restart": "nothing is started again: let systemd or a loop do it",
    "--shm-size": "write --tmpfs /dev/shm:size=SIZE",
    "--storage-opt": "bound throw-away layers with --disk",
    "--sysctl": "write it into linux.sysctl of a bundle",
    "--pull": "there are no registries here: give a rootfs folder, a bundle or an .aci",
    "--platform": "there are no registries here: give a rootfs folder, a bundle or an .aci",
    "--volumes-from": "name the folders with --volume",
    "--root": "it stands before the command: contain --root DIR run …",
    "--log": "it stands before the command: contain --log FILE run …",
    "--debug": "it stands before the command: contain --debug run …",
    "--systemd-cgroup": "it stands before the command: contain --systemd-cgroup run …",
    "--cgroup-manager": "it stands before the command: contain --cgroup-manager NAME run …",
    "-a": "output is always passed, input with -i",
    "--attach": "output is always passed, input with -i",
}


_GROUPS = {
    "process": "process",
    "limits": "limits",
    "mounts": "files",
    "security": "security",
    "run": "the run",
    "bundle": "runc's contract",
}


def help_text(usage: str, intro: str, own: tuple[tuple[str, str], ...] = (), footer: str = "") -> str:
    """The text of --help, made from the table."""
    rows = [("", spelled, text) for spelled, text in own]
    for row in OPTIONS:
        spelled = ", ".join((*row.names, *row.off)) + (f" {row.metavar}" if row.metavar else "")
        text = row.help + (f" ({', '.join(row.choices)})" if row.choices else "") + (f" [{row.default}]" if row.default else "")
        rows.append((_GROUPS[row.family], spelled, text + (" (repeatable)" if row.repeat else "")))
    lines = [f"usage: {usage}", "", intro]
    group = None
    for heading, spelled, text in rows:
        if heading != group:
            lines += ["", f"{heading or 'options'}:"]
            group = heading
        lines += [f"  {spelled}", *(f"      {part}" for part in _wrap(text))]
    return "\n".join([*lines, "", footer.rstrip()]).rstrip()


def _wrap(text: str, width: int = 92) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines
