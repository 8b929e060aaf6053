"""FEA0: the features of a runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.names import HOOKS
from contain.linter.near import nearest
from contain.linter.reading import each, entries, get
from contain.linter.registry import rule
from contain.linter.semver import parse_version
from contain.linter.versions import newer

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

#: options that only some file systems know
_FILESYSTEM = (
    "size",
    "mode",
    "uid",
    "gid",
    "nr_inodes",
    "nr_blocks",
    "newinstance",
    "ptmxmode",
    "hidepid",
    "lowerdir",
    "upperdir",
    "workdir",
    "huge",
    "mpol",
)


@rule
def versions(features: Any) -> Found:
    """FEA007 features-version: ociVersionMin and ociVersionMax are versions as SemVer 2.0.0 writes them.

    section: features.md / Specification version
    rows: RF01
    bad: {"ociVersionMin": "1.0"}
    good: {"ociVersionMin": "1.0.0"}
    """
    for name in ("ociVersionMin", "ociVersionMax"):
        text = features.get(name)
        if text is not None and parse_version(text) is None:
            yield f"/{name}", f"{name}: {text[:40]!r} is no version of SemVer 2.0.0"


@rule
def order(features: Any) -> Found:
    """FEA008 features-version-order: ociVersionMax is not below ociVersionMin.

    section: features.md / Specification version
    rows: RF02
    bad: {"ociVersionMin": "1.2.0", "ociVersionMax": "1.1.0"}
    good: {"ociVersionMin": "1.0.0", "ociVersionMax": "1.2.0"}
    """
    low, high = parse_version(features.get("ociVersionMin") or ""), parse_version(features.get("ociVersionMax") or "")
    if low and high and high[:3] < low[:3]:
        yield "/ociVersionMax", f"ociVersionMax {features['ociVersionMax']} is below ociVersionMin {features['ociVersionMin']}"


@rule
def newer_members(features: Any) -> Found:
    """FEA009 features-newer-member: members are not newer than ociVersionMax.

    section: features.md / Specification version
    rows: RF03
    bad: {"ociVersionMax": "1.1.0", "linux": {"netDevices": {"enabled": true}}}
    good: {"ociVersionMax": "1.3.0", "linux": {"netDevices": {"enabled": true}}}
    """
    version = parse_version(features.get("ociVersionMax") or "")
    if version is not None:
        for pointer, since in newer("runtime-features", features, version):
            yield pointer, f"{pointer.rpartition('/')[2]} came with version {since}, the document says {features['ociVersionMax']}"


@rule
def hooks(features: Any) -> Found:
    """FEA010 features-hook: hooks are of the six that there are.

    section: features.md / Hooks
    rows: RF05
    bad: {"hooks": ["poststarts"]}
    good: {"hooks": ["prestart", "createRuntime", "poststop"]}
    """
    for pointer, name in each(features, "hooks"):
        if name not in HOOKS:
            near = nearest(name, HOOKS)
            yield pointer, f"there is no hook {name[:40]!r}{f'; did you mean {near}?' if near else ''}"


@rule
def filesystem_options(features: Any) -> Found:
    """FEA011 features-mount-option: mountOptions holds no option of a file system.

    section: features.md / Mount Options
    severity: warning
    rows: RF06
    bad: {"mountOptions": ["ro", "size"]}
    good: {"mountOptions": ["ro", "rw"]}
    """
    for pointer, name in each(features, "mountOptions"):
        if name.partition("=")[0] in _FILESYSTEM:
            yield pointer, f"{name[:40]} is an option of a file system, not of the runtime"


@rule
def supported_flags(features: Any) -> Found:
    """FEA012 features-seccomp-flags: flags that are supported are also known.

    section: features-linux.md / Seccomp
    rows: RF08
    bad: {"linux": {"seccomp": {"knownFlags": [], "supportedFlags": ["SECCOMP_FILTER_FLAG_LOG"]}}}
    good: {"linux": {"seccomp": {"knownFlags": ["SECCOMP_FILTER_FLAG_LOG"], "supportedFlags": ["SECCOMP_FILTER_FLAG_LOG"]}}}
    """
    known = get(features, "linux", "seccomp", "knownFlags")
    if known is not None:
        for pointer, flag in each(features, "linux", "seccomp", "supportedFlags"):
            if flag not in known:
                yield pointer, f"{flag} is supported and not known"


@rule
def annotation_keys(features: Any) -> Found:
    """FEA013 features-annotations: keys of annotations are in reverse-domain form, and unsafe ones are keys or prefixes that end in a dot.

    section: features.md / Annotations
    severity: warning
    rows: RF13
    bad: {"annotations": {"version": "1"}}
    good: {"annotations": {"org.example.version": "1"}, "potentiallyUnsafeConfigAnnotations": ["run.oci.", "org.criu.config"]}
    """
    for pointer, key, _ in entries(features, "annotations"):
        if "." not in key:
            yield pointer, f"the annotation {key[:60]!r} is not in reverse-domain form"
    for pointer, key in each(features, "potentiallyUnsafeConfigAnnotations"):
        if not key or "*" in key:
            yield pointer, f"{key[:60]!r} is neither a key nor a prefix that ends in a dot"
