"""Options that show files, folders, sockets and devices of the host, or hide them."""

from __future__ import annotations

import os
import stat

from contain.errors import UsageError
from contain.spec import values
from contain.spec.options import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.spec.model import Spec
    from contain.spec.options import Options

#: options of -v that say nothing here (relabelling, caches of docker's desktop, copying into volumes)
_IGNORED = ("z", "Z", "cached", "delegated", "consistent", "nocopy", "bind", "rbind")
_PASSED = ("exec", "noexec", "suid", "nosuid", "dev", "nodev", "nosymfollow", "O", "idmap", "ridmap")
_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable")


def _bad(options: Options, keyword: str, message: str, remedy: str, cause: str = "") -> UsageError:
    return UsageError(message, place=place(options.name(keyword)), cause=cause, remedy=remedy)


def _target(options: Options, keyword: str, path: str) -> str:
    """The path inside the container, checked and made plain."""
    if not path:
        written = {"mount": "add dst=/TARGET", "tmpfs": "write /TARGET"}.get(keyword, "write SOURCE:/TARGET")
        raise _bad(options, keyword, "the place inside the container is missing", written)
    if not path.startswith("/"):
        raise _bad(options, keyword, f"{path!r} is not an absolute path inside the container", f"write /{path}")
    clean = os.path.normpath(path).replace("//", "/")
    if clean == "/":
        raise _bad(options, keyword, "the root itself cannot be mounted over", "give the folder as TARGET: contain run DIR")
    return clean


def _add(spec: Spec, options: Options, keyword: str, row: dict[str, Any]) -> None:
    """Appends a mount; one of contain's own at the same place gives way, two given by hand are a mistake."""
    rows: list[dict[str, Any]] = spec.config["mounts"]
    for index, old in enumerate(rows):
        if os.path.normpath(old["destination"]) != row["destination"]:
            continue
        if spec.origins.options.get(f"/mounts/{index}"):
            raise _bad(
                options,
                keyword,
                f"{row['destination']} is mounted twice",
                "keep one of the two",
                cause=f"{spec.origins.option(f'/mounts/{index}')} mounts it too",
            )
        if spec.kind != "oci":
            spec.origins.removed("/mounts", index)
            del rows[index]
            break
    spec.origins.set(f"/mounts/{len(rows)}", options.name(keyword))
    rows.append(row)


def _bind(spec: Spec, options: Options, keyword: str, source: str, target: str, extra: list[str]) -> None:
    """A bind mount: recursive and private, without set-uid and devices unless asked for."""
    plain = [option for option in extra if option not in ("ro", "readonly", "rw")]
    read_only = any(option in ("ro", "readonly") for option in extra)
    if read_only and "rw" in extra:
        raise _bad(options, keyword, "ro and rw at once", "write one of the two")
    words = ["rbind", "rro" if read_only else "rw"]
    words += [word for word in ("nosuid", "nodev") if word.removeprefix("no") not in plain and word not in plain]
    words += [] if any(option in _PROPAGATION for option in plain) else ["rprivate"]
    words += [option for option in plain if option not in ("suid", "dev")]
    _add(spec, options, keyword, {"destination": target, "type": "bind", "source": source, "options": words})


def volume(spec: Spec, options: Options) -> None:
    """--volume SRC:DST[:OPTIONS]; a missing source is an error, never made."""
    for text in options.get("volume"):
        parts = text.split(":")
        if len(parts) == 1:
            raise _bad(
                options,
                "volume",
                f"{text!r} has no place inside the container",
                f"write {text}:/TARGET, or --tmpfs {text} for an empty folder",
            )
        if len(parts) > 3:
            raise _bad(options, "volume", f"{text!r} has more than three parts", "write SOURCE:TARGET:OPTIONS; a path with : needs --mount")
        source, target, *rest = parts
        if not source:
            raise _bad(options, "volume", "the source is empty", "write SOURCE:TARGET")
        if "/" not in source and source not in (".", ".."):
            raise _bad(
                options,
                "volume",
                f"there is no volume named {source}",
                f"write ./{source} for a folder here",
                cause="contain keeps no named volumes",
            )
        extra = [option for option in (rest[0].split(",") if rest else []) if option]
        for option in extra:
            if option not in (*_IGNORED, *_PASSED, *_PROPAGATION, "ro", "rw"):
                raise _bad(
                    options,
                    "volume",
                    f"unknown option {option!r} of a volume",
                    "ro, rw, O, exec, noexec, suid, dev, or a propagation such as rslave",
                )
            if option in ("z", "Z"):
                spec.warnings.append(f"{place(options.name('volume'))}: option {option} is ignored: contain relabels nothing")
        _bind(
            spec, options, "volume", options.absolute(source), _target(options, "volume", target), [o for o in extra if o not in _IGNORED]
        )


def mount(spec: Spec, options: Options) -> None:
    """--mount type=bind|tmpfs,src=…,dst=…,ro."""
    for text in options.get("mount"):
        fields: dict[str, str] = {}
        for part in text.split(","):
            key, _, value = part.partition("=")
            key = {"source": "src", "target": "dst", "destination": "dst", "ro": "readonly"}.get(key, key)
            if key not in ("type", "src", "dst", "readonly", "bind-propagation", "tmpfs-size", "tmpfs-mode", "consistency", "idmap"):
                raise _bad(options, "mount", f"unknown field {key!r}", "type, src, dst, readonly, bind-propagation, tmpfs-size, tmpfs-mode")
            fields[key] = value
        kind = fields.get("type", "volume")
        target = _target(options, "mount", fields.get("dst", ""))
        read_only = "readonly" in fields and _truth(options, fields["readonly"])
        if kind == "tmpfs":
            words = [f"size={_size(options, fields['tmpfs-size'])}"] if "tmpfs-size" in fields else []
            words += [f"mode={fields['tmpfs-mode']}"] if "tmpfs-mode" in fields else []
            _tmpfs(spec, options, "mount", target, words + (["ro"] if read_only else []))
        elif kind == "bind":
            if not fields.get("src"):
                raise _bad(options, "mount", "a bind mount needs src=", "write type=bind,src=SOURCE,dst=TARGET")
            extra = ["ro"] if read_only else []
            extra += [fields["bind-propagation"]] if "bind-propagation" in fields else []
            _bind(spec, options, "mount", options.absolute(fields["src"]), target, extra + (["idmap"] if "idmap" in fields else []))
        else:
            raise _bad(
                options,
                "mount",
                f"cannot mount a {kind}",
                "write type=bind or type=tmpfs",
                cause="contain keeps no named volumes" if kind == "volume" else "",
            )


def _truth(options: Options, text: str) -> bool:
    try:
        return values.flag("readonly", text or "true")
    except UsageError as problem:
        raise _bad(options, "mount", f"readonly: {problem.message}", "write readonly alone, or readonly=false") from None


def _size(options: Options, text: str) -> int:
    try:
        return values.size(text)
    except ValueError as problem:
        raise _bad(options, "mount", str(problem), "write tmpfs-size=64m") from None


def tmpfs(spec: Spec, options: Options) -> None:
    """--tmpfs DST[:OPTIONS]."""
    for text in options.get("tmpfs"):
        target, _, rest = text.partition(":")
        _tmpfs(spec, options, "tmpfs", _target(options, "tmpfs", target), [option for option in rest.split(",") if option])


def _tmpfs(spec: Spec, options: Options, keyword: str, target: str, extra: list[str]) -> None:
    words = [word for word in ("noexec", "nosuid", "nodev") if word not in extra and word.removeprefix("no") not in extra]
    for word in extra:
        key, equals, value = word.partition("=")
        if equals and key not in ("size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "huge", "mpol"):
            raise _bad(options, keyword, f"unknown option {key!r} of tmpfs", "size, mode, uid, gid, nr_inodes, ro, exec")
        if key == "mode" and (not value or value.strip("01234567")):
            raise _bad(options, keyword, f"{value!r} is not a mode", "write it in octal, as mode=1777")
        words.append(word)
    words += [] if any(word.startswith("mode=") for word in extra) else ["mode=1777"]
    if spec.run.disk is not None and not any(word.startswith(("size=", "nr_blocks=")) for word in extra):
        words.append(f"size={spec.run.disk}")
    _add(spec, options, keyword, {"destination": target, "type": "tmpfs", "source": "tmpfs", "options": words})


def socket(spec: Spec, options: Options) -> None:
    """--socket PATH: exactly this socket of the host can be connected to."""
    for path in options.get("socket"):
        full = options.absolute(path)
        if os.path.exists(full) and not stat.S_ISSOCK(os.stat(full).st_mode):
            raise _bad(options, "socket", f"{full} is not a socket", "show a file or folder with --volume")
        spec.run.sockets.append(full)
        row = {"destination": full, "type": "bind", "source": full, "options": ["bind", "rw", "nosuid", "nodev", "noexec", "rprivate"]}
        _add(spec, options, "socket", row)


def device(spec: Spec, options: Options) -> None:
    """--device PATH[:DST[:rwm]]: the node and the rule that lets it be used."""
    linux = spec.config["linux"]
    for text in options.get("device"):
        parts = text.split(":")
        access = parts.pop() if len(parts) > 1 and parts[-1] and not parts[-1].strip("rwm") else "rwm"
        if len(parts) > 2 or not parts[0]:
            raise _bad(options, "device", f"{text!r} is not a device", "write PATH, PATH:TARGET or PATH:TARGET:rwm")
        source = options.absolute(parts[0])
        try:
            facts = os.stat(source)
        except OSError as problem:
            raise _bad(options, "device", f"cannot find the device {source}: {problem.strerror}", "look for its name below /dev") from None
        kind = "c" if stat.S_ISCHR(facts.st_mode) else "b" if stat.S_ISBLK(facts.st_mode) else ""
        if not kind:
            raise _bad(options, "device", f"{source} is not a device", "show a file or folder with --volume")
        numbers = {"type": kind, "major": os.major(facts.st_rdev), "minor": os.minor(facts.st_rdev)}
        target = _target(options, "device", parts[1] if len(parts) > 1 else source)
        devices = linux.setdefault("devices", [])
        spec.origins.set(f"/linux/devices/{len(devices)}", options.name("device"))
        devices.append({"path": target, **numbers, "fileMode": stat.S_IMODE(facts.st_mode), "uid": 0, "gid": 0})
        rules = linux.setdefault("resources", {}).setdefault("devices", [])
        spec.origins.set(f"/linux/resources/devices/{len(rules)}", options.name("device"))
        rules.append({"allow": True, **numbers, "access": access})


def root(spec: Spec, options: Options) -> None:
    """--read-only and --overlay."""
    if options.get("read_only") and options.get("overlay"):
        raise _bad(options, "overlay", "an overlay of a read-only root could take no change", "drop --read-only or --overlay")
    if "read_only" in options.values:
        spec.config["root"]["readonly"] = options.get("read_only")
        spec.origins.set("/root/readonly", options.name("read_only"))
    if "overlay" in options.values:
        spec.run.overlay = options.get("overlay")


def workspace(spec: Spec, options: Options) -> None:
    """--workspace means the host view; there its source has already taken it."""
    if not spec.run.host_view:
        raise _bad(options, "workspace", "only a run without a TARGET has a workspace", "write --volume .:/work to show this folder")


HANDLERS = (
    (("workspace",), workspace),
    (("volume",), volume),
    (("mount",), mount),
    (("tmpfs",), tmpfs),
    (("socket",), socket),
    (("device",), device),
    (("read_only", "overlay"), root),
)
