"""Options that open or close: privileges, capabilities, seccomp, labels, namespaces."""

from __future__ import annotations

import os

from contain.errors import UsageError
from contain.linux import CAPABILITIES
from contain.spec import presets
from contain.spec.options import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from contain.spec.model import Spec
    from contain.spec.options import Options

_HELD = ("bounding", "effective", "permitted")
_PROFILE_LIMIT = 4 << 20


def _set_capabilities(spec: Spec, names: Iterable[str], option: str) -> None:
    held = set(names)
    ordered = [name for name in CAPABILITIES if name in held]
    sets = {kind: list(ordered) for kind in _HELD}
    spec.config["process"]["capabilities"] = {**sets, "inheritable": [], "ambient": []}
    spec.origins.set("/process/capabilities", option)


def privileged(spec: Spec, options: Options) -> None:
    """--privileged: namespaces stay, and what the host view hides stays hidden."""
    if not options.get("privileged"):
        return
    name = options.name("privileged")
    linux = spec.config["linux"]
    spec.run.privileged = spec.run.devices_all = True
    spec.run.seccomp = "unconfined"
    linux.pop("seccomp", None)
    _set_capabilities(spec, CAPABILITIES, name)
    spec.config["process"]["noNewPrivileges"] = False
    spec.config["process"].pop("apparmorProfile", None)
    _unmask(spec, "ALL")
    linux.setdefault("resources", {})["devices"] = [{"allow": True, "access": "rwm"}]
    for pointer in ("/linux/seccomp", "/process/noNewPrivileges", "/linux/maskedPaths", "/linux/readonlyPaths", "/linux/resources/devices"):
        spec.origins.set(pointer, name)
    for row in spec.config["mounts"]:
        if row.get("type") == "sysfs":
            row["options"] = [option for option in row["options"] if option != "ro"]


def _unmask(spec: Spec, path: str) -> None:
    linux = spec.config["linux"]
    for key in ("maskedPaths", "readonlyPaths"):
        kept = presets.HIDDEN_PATHS if spec.run.host_view else ()
        linux[key] = [row for row in linux.get(key, []) if row in kept or path not in ("ALL", row)]


def capabilities(spec: Spec, options: Options) -> None:
    """--cap-drop and --cap-add: ALL first, then single names; an added one is never lost to --cap-drop ALL."""
    before = spec.config["process"].get("capabilities", {})
    held = set(before.get("bounding", ())) | set(before.get("permitted", ()))
    drop = [_capability(options, "cap_drop", name) for name in options.get("cap_drop", [])]
    add = [_capability(options, "cap_add", name) for name in options.get("cap_add", [])]
    if "ALL" in drop:
        held.clear()
    if "ALL" in add:
        held.update(CAPABILITIES)
    held.update(name for name in add if name != "ALL")
    held.difference_update(name for name in drop if name != "ALL")
    _set_capabilities(spec, held, options.name("cap_add" if add else "cap_drop"))


def _capability(options: Options, keyword: str, text: str) -> str:
    name = text.upper() if text.upper() == "ALL" else "CAP_" + text.upper().removeprefix("CAP_")
    if name != "ALL" and name not in CAPABILITIES:
        near = next((known for known in CAPABILITIES if name.removeprefix("CAP_") in known), "")
        remedy = f"did you mean {near}?" if near else "capabilities(7) lists the names"
        raise UsageError(f"unknown capability {text!r}", place=place(options.name(keyword)), remedy=remedy)
    return name


def security_opt(spec: Spec, options: Options) -> None:
    """--security-opt KEY[=VALUE], also KEY:VALUE as docker took it once."""
    for text in options.get("security_opt"):
        key, separator, value = text.partition("=")
        if not separator:
            key, _, value = text.partition(":")
        handler = _OPTS.get(key)
        if handler is None:
            raise UsageError(
                f"unknown security option {key!r}", place=place(options.name("security_opt")), remedy=f"one of {', '.join(_OPTS)}"
            )
        handler(spec, options, value)


def _no_new_privileges(spec: Spec, options: Options, value: str) -> None:
    if value not in ("", "true", "false"):
        raise UsageError(
            f"no-new-privileges is true or false, not {value!r}",
            place=place(options.name("security_opt")),
            remedy="write no-new-privileges=false",
        )
    spec.config["process"]["noNewPrivileges"] = value != "false"
    spec.origins.set("/process/noNewPrivileges", options.name("security_opt"))


def _seccomp(spec: Spec, options: Options, value: str) -> None:
    name = options.name("security_opt")
    spec.origins.set("/linux/seccomp", name)
    spec.config["linux"].pop("seccomp", None)
    if value in ("unconfined", "default", "builtin"):
        spec.run.seccomp = "unconfined" if value == "unconfined" else "default"
        return
    if not value:
        raise UsageError("seccomp needs a value", place=place(name), remedy="write seccomp=FILE, seccomp=default or seccomp=unconfined")
    from contain.spec.sources import profile

    spec.config["linux"]["seccomp"] = profile.read(
        options.absolute(value), shown=value, place=place(name), held=spec.config["process"].get("capabilities", {}).get("bounding", [])
    )
    spec.run.seccomp = ""


def _apparmor(spec: Spec, options: Options, value: str) -> None:
    if not value:
        raise UsageError(
            "apparmor needs a value", place=place(options.name("security_opt")), remedy="write apparmor=PROFILE or apparmor=unconfined"
        )
    spec.config["process"]["apparmorProfile"] = value
    spec.origins.set("/process/apparmorProfile", options.name("security_opt"))


def _label(spec: Spec, options: Options, value: str) -> None:
    if value in ("disable", ""):
        spec.config["process"].pop("selinuxLabel", None)
        return
    if value.count(":") < 2:
        raise UsageError(
            f"{value!r} is not a whole SELinux label",
            place=place(options.name("security_opt")),
            remedy="write label=user:role:type:level or label=disable",
        )
    spec.config["process"]["selinuxLabel"] = value
    spec.origins.set("/process/selinuxLabel", options.name("security_opt"))


def _mask(spec: Spec, options: Options, value: str) -> None:
    for path in value.split(":"):
        if not path.startswith("/"):
            raise UsageError(f"{path!r} is not an absolute path", place=place(options.name("security_opt")), remedy="write mask=/PATH")
        masked = spec.config["linux"].setdefault("maskedPaths", [])
        spec.origins.set(f"/linux/maskedPaths/{len(masked)}", options.name("security_opt"))
        masked.append(os.path.normpath(path))


def _unmask_opt(spec: Spec, options: Options, value: str) -> None:
    for path in value.split(":"):
        if path != "ALL" and not path.startswith("/"):
            raise UsageError(
                f"{path!r} is not an absolute path", place=place(options.name("security_opt")), remedy="write unmask=/PATH or unmask=ALL"
            )
        _unmask(spec, path)


def _system_paths(spec: Spec, options: Options, value: str) -> None:
    if value != "unconfined":
        raise UsageError(
            f"systempaths can only be unconfined, not {value!r}",
            place=place(options.name("security_opt")),
            remedy="write systempaths=unconfined",
        )
    _unmask(spec, "ALL")


_OPTS = {
    "no-new-privileges": _no_new_privileges,
    "seccomp": _seccomp,
    "apparmor": _apparmor,
    "label": _label,
    "mask": _mask,
    "unmask": _unmask_opt,
    "systempaths": _system_paths,
}


def seccomp_action(spec: Spec, options: Options) -> None:
    """--seccomp-action."""
    if spec.run.seccomp != "default":
        raise UsageError(
            "there is no default filter to change",
            place=place(options.name("seccomp_action")),
            cause="another profile, or none, is in force",
            remedy="drop the option, or add --security-opt seccomp=default",
        )
    spec.run.seccomp_action = options.get("seccomp_action")


def network(spec: Spec, options: Options) -> None:
    """--network none|host."""
    mode = options.get("network")
    spec.run.network = mode
    _namespace(spec, "network", options.name("network"), wanted=mode == "none")
    if mode == "host" and spec.kind != "oci":
        # a sysfs of the host's network cannot be mounted from another user namespace: show the host's, read-only with all below
        for row in spec.config["mounts"]:
            if row.get("type") == "sysfs":
                row.update({"type": "bind", "source": "/sys", "options": ["rbind", "rro", "nosuid", "noexec", "nodev"]})


def userns(spec: Spec, options: Options) -> None:
    """--userns auto|keep-id|host; mappings of the manifest give way."""
    mode = options.get("userns")
    spec.run.userns = mode
    _namespace(spec, "user", options.name("userns"), wanted=mode != "host")
    linux = spec.config["linux"]
    linux.pop("uidMappings", None)
    linux.pop("gidMappings", None)
    for pointer in ("/linux/uidMappings", "/linux/gidMappings"):
        spec.origins.set(pointer, options.name("userns"))
    if mode == "host":
        spec.run.idmap = False


def _namespace(spec: Spec, kind: str, option: str, *, wanted: bool) -> None:
    """A new namespace of this kind, or none: the option's word, whatever was there."""
    rows = spec.config["linux"]["namespaces"]
    index = next((index for index, row in enumerate(rows) if row.get("type") == kind), len(rows))
    if wanted:
        rows[index : index + 1] = [{"type": kind}]
        spec.origins.set(f"/linux/namespaces/{index}", option)
    elif index < len(rows):
        spec.origins.removed("/linux/namespaces", index)
        spec.origins.set("/linux/namespaces/-", option)  # for who misses it
        del rows[index]


HANDLERS = (
    (("privileged",), privileged),
    (("cap_add", "cap_drop"), capabilities),
    (("security_opt",), security_opt),
    (("seccomp_action",), seccomp_action),
    (("network",), network),
    (("userns",), userns),
)
