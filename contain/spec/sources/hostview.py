"""No root at all: the host, seen safely (docs/design.md, "The host view").

The tree of top-level folders is made from the host's facts by contain.plan.compile.mounts when `run.host_view` is set; it stands
before everything in config.mounts, where the hidden places, the workspace and the caller's own mounts follow in this order.
"""

from __future__ import annotations

import os

from contain.errors import UsageError
from contain.spec import presets
from contain.spec.apply import apply
from contain.spec.options import place
from contain.spec.sources.rootfs import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.spec.model import Spec
    from contain.spec.options import Options


def read(_target: str, options: Options) -> Spec:
    """The spec of a run of a command of the host."""
    if not options.command:
        raise UsageError("neither a target nor a command is given", remedy="write contain run TARGET, or contain run -- COMMAND")
    spec = base(kind="host", root="", options=options)
    spec.run.host_view = True
    spec.run.disk = presets.DISK
    presets.bound_tmp(spec.config["mounts"], presets.DISK)
    spec.config["hostname"] = "localhost"  # the name that the host's /etc/hosts knows: programs look their machine's own up (Java, Erlang)
    spec.config["process"]["env"] += [f"PATH={options.environ.get('PATH') or presets.PATH}"]
    if "user" not in options.values:
        spec.config["process"]["env"] += ["HOME=/root"]  # empty and writable; the caller's own is hidden
    spec.config["linux"]["maskedPaths"] += presets.HIDDEN_PATHS
    mounts = spec.config["mounts"]
    mounts += [_hidden(path) for path in presets.HIDDEN if path != "/var/run" or not os.path.islink(path)]
    home = os.path.normpath(options.environ.get("HOME") or "/")
    if home.startswith("/") and home != "/" and not _below(home, presets.HIDDEN):
        mounts.append(_hidden(home))
    _workspace(spec, options, home)
    if options.get("network") == "host":
        mounts += _resolver()
    apply(spec, options)
    return spec


def _hidden(path: str) -> dict[str, Any]:
    """An empty folder in memory where the host has something to hide."""
    mode = {"/root": "700", "/var/tmp": "1777"}.get(path, "755")
    return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", f"mode={mode}", "size=16m"]}


def _below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def _workspace(spec: Spec, options: Options, home: str) -> None:
    """Shows the caller's working folder; a home, a folder that holds homes, and one of keys only when asked by --workspace.

    A folder of the system that holds something hidden is there already, as the view has it: what lay over that could be taken away again.
    """
    mode, folder, asked = options.get("workspace", "overlay"), options.cwd, "workspace" in options.values
    holds_homes = folder == "/" or folder in (home, "/root", "/home", "/tmp", "/run", "/var") or home.startswith(folder + "/")
    hidden = _below(folder, (*presets.HIDDEN_PATHS, *presets.OWN))
    above = any(path.startswith(f"{folder}/") for path in presets.HIDDEN_PATHS)
    if asked and mode != "none":
        _refuse(options, folder, hidden=hidden, above=above)
    elif mode == "none" or holds_homes or hidden or above or _below(folder, tuple(f"{home}/{name}" for name in presets.KEYS)):
        spec.run.workspace = "none"
        spec.config["process"]["cwd"] = folder if above and not holds_homes and mode != "none" else "/"
        return
    spec.run.workspace, spec.run.workspace_path = mode, folder
    words = {"ro": ["rbind", "rro"], "rw": ["rbind", "rw"], "overlay": ["rbind", "O"]}[mode]
    row = {"destination": folder, "type": "bind", "source": folder, "options": [*words, "nosuid", "nodev", "rprivate"]}
    spec.origins.set(f"/mounts/{len(spec.config['mounts'])}", "--workspace" if asked else "")
    spec.config["mounts"].append(row)
    spec.config["process"]["cwd"] = folder


def _refuse(options: Options, folder: str, *, hidden: bool, above: bool) -> None:
    """What cannot be shown, even when it is asked for."""
    where = place("--workspace")
    if folder == "/":
        raise UsageError("the root cannot be the working folder shown", place=where, remedy="go to the folder that the command works on")
    if hidden:
        remedy = "go to the folder that the command works on, or show a part of this one with --volume"
        raise UsageError(f"{folder} is hidden in the host view, or the container's own", place=where, remedy=remedy)
    if above and (
        options.get("privileged") or any(name.upper().removeprefix("CAP_") in ("SYS_ADMIN", "ALL") for name in options.get("cap_add", []))
    ):
        raise UsageError(
            f"{folder} holds what the host view hides, which CAP_SYS_ADMIN could uncover",
            place=where,
            remedy="drop --workspace, or --privileged and the capability",
        )


def _resolver() -> list[dict[str, Any]]:
    """The host's resolv.conf, where it is a link into a hidden place: with the host's network names must resolve."""
    real = os.path.realpath("/etc/resolv.conf")
    if not _below(real, presets.HIDDEN) or not os.path.isfile(real):
        return []
    return [{"destination": real, "type": "bind", "source": real, "options": ["bind", "ro", "nosuid", "nodev", "noexec"]}]
