"""Which kind of manifest a document is: by a table of decisive members, most decisive first, never by its file name."""

from __future__ import annotations

from typing import Any

#: mediaType → kind; Docker's are checked by the same rules
MEDIA_TYPES = {
    "application/vnd.oci.image.index.v1+json": "image-index",
    "application/vnd.docker.distribution.manifest.list.v2+json": "image-index",
    "application/vnd.oci.image.manifest.v1+json": "image-manifest",
    "application/vnd.docker.distribution.manifest.v2+json": "image-manifest",
}
#: every kind that can be forced with --kind, and what it is called
KINDS = {
    "runtime-config": "OCI runtime config",
    "runtime-state": "OCI container state",
    "runtime-process-state": "OCI container process state",
    "runtime-features": "OCI runtime features",
    "image-index": "OCI image index",
    "image-manifest": "OCI image manifest",
    "image-config": "OCI image config",
    "image-descriptor": "OCI content descriptor",
    "image-layout": "OCI image layout file",
    "appc-image": "appc image manifest",
    "appc-pod": "appc pod manifest",
    "docker-archive": "manifest.json of a docker archive",
}
_RUNTIME = frozenset(("process", "root", "mounts", "hooks", "linux", "windows", "vm", "hostname"))
#: relatives that are not ours: what they are called, and the members that tell
_RELATIVES = (
    ("a CDI specification", ("cdiversion", "kind")),
    ("a seccomp profile", ("defaultaction", "syscalls")),
    ("a CRI pod sandbox config", ("metadata", "log_directory")),
    ("a CRI container config", ("metadata", "log_path")),
    ("a CRI container config", ("metadata", "image")),
    ("a CRI pod sandbox config", ("metadata", "linux")),
    ("a Kubernetes object", ("apiversion", "kind")),
    ("a CNI configuration", ("cniversion",)),
    ("a Compose file", ("services",)),
    ("a podman hook", ("hook", "when", "stages")),
    ("Docker's client config", ("auths",)),
    ("libcontainer's state.json", ("init_process_pid", "config")),
    ("an npm package", ("name", "version", "dependencies")),
    ("an npm package", ("name", "version", "scripts")),
)

_INSPECT = "the output of docker or podman inspect"


class Verdict:
    """What a document is: `kind`, or `relative` (known by name, not checked), or neither with `hint` as the reason."""

    __slots__ = ("hint", "kind", "other", "relative")

    def __init__(self, kind: str = "", *, relative: str = "", hint: str = "", other: str = "") -> None:
        """`other` is a second kind with equal evidence."""
        self.kind = kind
        self.relative = relative
        self.hint = hint
        self.other = other


def decide(value: Any) -> Verdict:
    """The kind of a document."""
    if value.__class__ is list:
        return _of_list(value)
    if value.__class__ is not dict:
        return Verdict(hint="a manifest is a JSON object")
    members = {name.lower(): child for name, child in value.items()}
    names = members.keys()
    lookalike = _lookalike(members)
    if lookalike:
        return Verdict(relative=lookalike)
    if "ackind" in names:
        return _appc(members["ackind"])
    if "imagelayoutversion" in names:
        return Verdict("image-layout")
    if {"schemaversion", "mediatype"} & names and not {"digest", "size"} <= names:
        return _image(members)
    if {"ociversionmin", "ociversionmax"} & names:
        return Verdict("runtime-features")
    if {"fds", "state"} <= names or {"pid", "state", "ociversion"} <= names:
        return Verdict("runtime-process-state")
    if {"status", "bundle"} <= names or {"status", "ociversion"} <= names:
        return Verdict("runtime-state")
    relative = next((words for words, marks in _RELATIVES if names >= set(marks)), "")
    if "ociversion" in names:
        return Verdict("runtime-config")
    if {"mediatype", "digest", "size"} <= names or {"digest", "size"} <= names:
        return Verdict("image-descriptor")
    if "rootfs" in names and members["rootfs"].__class__ is dict and ("diff_ids" in members["rootfs"] or "architecture" in names):
        return Verdict("image-config")
    if relative:
        return Verdict(relative=relative)
    if len(_RUNTIME & names) > 1 or {"process"} == names or {"linux"} == names:
        return Verdict("runtime-config")
    if {"manifests"} <= names or {"config", "layers"} <= names:
        return _image(members)
    if {"architecture", "os"} <= names:
        return Verdict("image-config")
    return Verdict(hint=_nearest(names))


def _lookalike(members: dict[str, Any]) -> str:
    """Relatives with members of ours, which would be taken for one of them."""
    names = members.keys()
    if "fslayers" in names:
        return "a Docker image manifest of schema 1"
    if "id" in names and {"hostconfig", "repotags"} & names:
        return _INSPECT
    if "default" in names and names <= {"default", "transports"} and members["default"].__class__ is list:
        return "a policy.json of containers/image"
    return ""


def _of_list(value: list[Any]) -> Verdict:
    first = next((item for item in value if item.__class__ is dict), None)
    if first is not None and "Id" in first and first.get("Config").__class__ is not str:
        return Verdict(relative=_INSPECT)
    if first is not None and {"Config", "Layers"} & first.keys():
        return Verdict("docker-archive")
    return Verdict(hint="a list is a manifest only in a docker archive, where its items have Config and Layers")


def _appc(kind: Any) -> Verdict:
    lowered = str(kind).lower()
    if lowered in ("imagemanifest", "podmanifest"):
        return Verdict("appc-image" if lowered == "imagemanifest" else "appc-pod")
    return Verdict(hint=f"acKind {str(kind)[:40]!r} is neither ImageManifest nor PodManifest")


#: kinds that are told apart by mediaType and by members, which may not agree
_PAIR = ("image-index", "image-manifest")


def _image(members: dict[str, Any]) -> Verdict:
    named = MEDIA_TYPES.get(str(members.get("mediatype")), "")
    shaped = ("image-index" if "manifests" in members else "", "image-manifest" if {"config", "layers"} & members.keys() else "")
    if all(shaped) and not named:
        return Verdict("image-index", other="image-manifest")
    kind = named or shaped[0] or shaped[1]
    if named in _PAIR and any(shaped) and named not in shaped:
        return Verdict(named, other=shaped[0] or shaped[1])
    if kind:
        return Verdict(kind)
    return Verdict(hint="schemaVersion alone does not tell: an index has manifests, a manifest has config and layers")


def _nearest(names: Any) -> str:
    marks = {
        "runtime-config": {"ociversion", *_RUNTIME},
        "image-index": {"schemaversion", "manifests"},
        "image-manifest": {"schemaversion", "config", "layers"},
        "image-config": {"architecture", "os", "rootfs", "config", "history"},
        "runtime-state": {"id", "status", "bundle", "pid"},
        "appc-image": {"ackind", "acversion", "labels", "app", "dependencies"},
        "appc-pod": {"ackind", "acversion", "apps", "volumes"},
    }
    missing = {
        "runtime-config": "ociVersion",
        "image-index": "schemaVersion and manifests",
        "image-manifest": "schemaVersion, config and layers",
        "image-config": "rootfs with diff_ids",
        "runtime-state": "status and bundle",
        "appc-image": "acKind",
        "appc-pod": "acKind",
    }
    kind = max(marks, key=lambda key: len(marks[key] & names))
    if not marks[kind] & names:
        return "no member of any manifest is there"
    return f"the nearest is an {KINDS[kind]}, which needs {missing[kind]}".replace("an appc", "an appc")
