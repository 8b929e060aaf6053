"""An appc image as one app: an .aci archive, an unpacked image (manifest and rootfs), or its manifest; means what appc's text says.

Differences from a bare rootfs, all from that text: fourteen capabilities, no_new_privs only when asked for, the environment that an executor must
set. What is not in it stays ours: namespaces, masks, the default filter when no isolator names one.
"""

from __future__ import annotations

import os

from contain.errors import ManifestError
from contain.spec import defaults, presets
from contain.spec.apply import apply
from contain.spec.model import Origins
from contain.spec.sources import isolators, manifest
from contain.spec.sources.rootfs import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from contain.document import Document
    from contain.spec.model import Spec
    from contain.spec.options import Options

    Owners: TypeAlias = "dict[str, tuple[int, int]] | _Found"

_MACHINES = {"amd64": "x86_64", "i386": "i686", "aarch64": "aarch64", "ppc64": "ppc64", "ppc64le": "ppc64le", "s390x": "s390x"}


def read(target: str, options: Options) -> Spec:
    """The spec of the single app of the image at `target`."""
    path = os.path.realpath(options.absolute(target))
    if os.path.isdir(path) or path.endswith((".json", "/manifest")) or not _is_archive(path):
        return _layout(target, path, options)
    from contain.spec.sources import archive

    parent = options.environ.get("TMPDIR") or "/var/tmp"
    unpacked = archive.unpack(path, target, parent)
    try:
        document = manifest.parse(unpacked.manifest, f"{target}!manifest")
        spec = _convert(document, os.path.join(unpacked.folder, "rootfs"), options, unpacked.owners)
    except BaseException:
        archive.remove(unpacked.folder)
        raise
    spec.run.temporary.append(unpacked.folder)
    spec.bundle = unpacked.folder
    spec.warnings += [f"{target}: {note}" for note in unpacked.notes]
    return spec


def _is_archive(path: str) -> bool:
    with open(path, "rb", buffering=0) as file:
        return not file.read(64).lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{")


def _layout(target: str, path: str, options: Options) -> Spec:
    """An unpacked image: its own rootfs is the root, so changes stay."""
    file = os.path.join(path, "manifest") if os.path.isdir(path) else path
    shown = os.path.join(target, "manifest") if os.path.isdir(path) else target
    root = os.path.join(os.path.dirname(file), "rootfs")
    document = manifest.parse(manifest.read(file, shown), shown)
    if not os.path.isdir(root):
        raise ManifestError("there is no rootfs beside the manifest", place=shown, remedy="give the .aci file, or unpack it whole")
    return _convert(document, root, options, _Found(root))


class _Found:
    """Owners of the files of an unpacked image."""

    def __init__(self, root: str) -> None:
        self.root = root

    def get(self, path: str) -> tuple[int, int] | None:
        """Owner and group of a file, which no link may lead to."""
        full = self.root + path
        if os.path.realpath(full) != full or not os.path.lexists(full):
            return None
        facts = os.lstat(full)
        return facts.st_uid, facts.st_gid


class _Reader:
    """Reads members of the manifest, with the place of what is wrong."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def fail(self, pointer: str, message: str, remedy: str) -> ManifestError:
        """The error at a place of the manifest."""
        return ManifestError(message, place=Origins(self.document).place(pointer) or self.document.name, remedy=remedy)

    def rows(self, value: dict[str, Any], key: str, pointer: str) -> list[dict[str, Any]]:
        """A list of objects, each with a name of its own (isolators may repeat)."""
        found: list[dict[str, Any]] = value.get(key) or []
        seen: set[str] = set()
        for index, row in enumerate(found):
            if row["name"] in seen and key != "isolators":
                raise self.fail(f"{pointer}/{key}/{index}/name", f"{row['name']} is given twice", "keep one of the two")
            seen.add(row["name"])
        return found


def _convert(document: Document, root: str, options: Options, owners: Owners) -> Spec:
    """The manifest as a spec."""
    reader = _Reader(document)
    warnings: list[str] = []
    image = _image(reader, document, warnings)
    spec = base(kind="aci", root=root, options=options)
    spec.origins = Origins(document, converted=True)
    spec.warnings += warnings
    spec.config["mounts"] = [row for row in spec.config["mounts"] if row["destination"] != "/tmp"]
    spec.config["process"]["noNewPrivileges"] = False
    isolators.hold(spec, set(presets.APPC_CAPABILITIES))
    app = image.get("app") or {}
    if not app and not options.command and not options.otherwise:
        raise reader.fail("", "the image has no app", "write the command after --")
    _environment(spec, reader, image, app, options)
    if app:
        _process(spec, reader, app, owners)
        _isolators(spec, reader, app)
    _mount_points(spec, reader, app, options)
    _notes(spec, reader, image, app)
    return apply(spec, options)


def _image(reader: _Reader, document: Document, warnings: list[str]) -> dict[str, Any]:
    """The manifest's object, held against its schema; another kind of manifest is named."""
    value = document.value
    if isinstance(value, dict) and value.get("acKind") == "PodManifest":
        raise reader.fail("/acKind", "is a PodManifest, not an ImageManifest", "run a pod with contain pod")
    image = manifest.require("appc-image", document, warnings=warnings)
    defaults.drop_nulls(image)
    if image.get("dependencies"):
        raise reader.fail("/dependencies", "the image depends on others", "render it into one image first")
    return image


def _process(spec: Spec, reader: _Reader, app: dict[str, Any], owners: Owners) -> None:
    process = spec.config["process"]
    process["args"] = list(app.get("exec") or [])
    spec.origins.move("/process/args", "/app/exec")
    process["cwd"] = app.get("workingDirectory") or "/"
    spec.origins.move("/process/cwd", "/app/workingDirectory")
    gids = app.get("supplementaryGIDs") or []
    if gids:
        process["user"]["additionalGids"] = list(gids)
        spec.origins.move("/process/user/additionalGids", "/app/supplementaryGIDs")
    names = [_owner(reader, app, key, index, owners) for index, key in enumerate(("user", "group"))]
    spec.origins.move("/process/user", "/app/user")
    if all(name.isdecimal() for name in names):
        process["user"].update({"uid": int(names[0]), "gid": int(names[1])})
        spec.origins.move("/process/user/gid", "/app/group")
    else:
        spec.run.user = ":".join(names)


def _owner(reader: _Reader, app: dict[str, Any], key: str, index: int, owners: Owners) -> str:
    """A user or group: a name, a number, or the owner of a file of the image."""
    name: str = app[key]
    if not name or ":" in name or "\0" in name:
        raise reader.fail(f"/app/{key}", f"{name!r} is not a {key}", "write a name, a number or the path of a file of the image")
    if name.startswith("/"):
        owner = owners.get(os.path.normpath(name))
        if owner is None:
            raise reader.fail(f"/app/{key}", f"{name} is not in the image", "name a file of the image, whose owner counts")
        return str(owner[index])
    if name.isdecimal() and int(name) > 0xFFFFFFFE:
        raise reader.fail(f"/app/{key}", f"{name} is not an id", "the largest is 4294967294")
    return name


def _environment(spec: Spec, reader: _Reader, image: dict[str, Any], app: dict[str, Any], options: Options) -> None:
    """What an executor must set, then the app's own (ace.md, Execution Environment)."""
    env = {"PATH": presets.PATH, "AC_APP_NAME": image["name"].rpartition("/")[2], "container": "contain"}
    if options.get("tty") and options.environ.get("TERM"):
        env["TERM"] = options.environ["TERM"]
    rows = reader.rows(app, "environment", "/app")
    for row in rows:
        env[row["name"]] = row["value"]
    for index, row in enumerate(rows):
        spec.origins.move(f"/process/env/{list(env).index(row['name'])}", f"/app/environment/{index}")
    spec.config["process"]["env"] = [f"{name}={value}" for name, value in env.items()]


def _isolators(spec: Spec, reader: _Reader, app: dict[str, Any]) -> None:
    try:
        isolators.apply(spec, reader.rows(app, "isolators", "/app"), "/app/isolators")
    except ValueError as problem:
        pointer, words = problem.args
        raise reader.fail(pointer, words, "see the App Container specification, Isolators") from None


def _mount_points(spec: Spec, reader: _Reader, app: dict[str, Any], options: Options) -> None:
    """Mount points by name: `--volume SRC:NAME` fills one, the others are empty folders in memory."""
    points = {}
    for index, row in enumerate(reader.rows(app, "mountPoints", "/app")):
        path = row["path"]
        if not path.startswith("/") or os.path.normpath(path) == "/":
            raise reader.fail(f"/app/mountPoints/{index}/path", f"{path!r} cannot be mounted to", "write an absolute path below /")
        points[row["name"]] = (os.path.normpath(path), bool(row.get("readOnly")), index)
    filled = set()
    volumes = list(options.get("volume", []))
    for number, text in enumerate(volumes):
        source, colon, rest = text.partition(":")
        target, _, extra = rest.partition(":")
        name = target if target in points else next((name for name, (path, _, _) in points.items() if target == path), "")
        if not colon or not name:
            continue
        filled.add(name)
        path, read_only, _ = points[name]
        words = [word for word in extra.split(",") if word] + (["ro"] if read_only and "ro" not in extra.split(",") else [])
        volumes[number] = ":".join([source, path, *([",".join(words)] if words else [])])
    if volumes:
        options.values["volume"] = volumes
    for name, (path, read_only, index) in points.items():
        taken = any(text.partition(":")[0] == path for text in options.get("tmpfs", []))
        if name in filled or taken:
            continue
        rows = spec.config["mounts"]
        spec.origins.move(f"/mounts/{len(rows)}", f"/app/mountPoints/{index}")
        rows.append(
            {
                "destination": path,
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "nodev", "mode=755", *(["ro"] if read_only else [])],
            }
        )
        spec.warn(
            f"no volume is given for {name}: it is an empty folder in memory (give --volume SOURCE:{name})", f"/mounts/{len(rows) - 1}"
        )


def _notes(spec: Spec, reader: _Reader, image: dict[str, Any], app: dict[str, Any]) -> None:
    """What is not done is said."""
    for index, row in enumerate(reader.rows(image, "labels", "")):
        value = row.get("value")
        wanted = {"os": "linux", "arch": next((name for name, machine in _MACHINES.items() if machine == os.uname().machine), value)}.get(
            row["name"]
        )
        if wanted and value != wanted and (value, wanted) != ("i386", "amd64"):
            spec.origins.move("/labels", f"/labels/{index}")
            spec.warn(f"the image is made for {row['name']} {value}, this is {wanted}", "/labels")
    if app.get("eventHandlers"):
        spec.origins.move("/hooks", "/app/eventHandlers")
        spec.warn("event handlers run in pods only and are left out", "/hooks")
