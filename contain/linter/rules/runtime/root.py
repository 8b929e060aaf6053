"""RUN0: version, root, platform and names of a runtime config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.reading import entries, get, has_namespace
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import for_linux
from contain.linter.semver import parse_version
from contain.linter.versions import newer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.linter.bundle import Bundle

    Found = Iterator[tuple[str, str]]


@rule
def version_syntax(config: Any) -> Found:
    """RUN003 oci-version-syntax: ociVersion is a version as SemVer 2.0.0 writes it.

    Runtimes compare it with the versions that they know.

    section: config.md / Specification version
    rows: RC01
    bad: {"ociVersion": "1.2"}
    good: {"ociVersion": "1.0.2-dev"}
    """
    version = get(config, "ociVersion")
    if version is not None and parse_version(version) is None and _first(version):
        yield "/ociVersion", f"ociVersion: {version[:40]!r} is no version of SemVer 2.0.0"


def _first(version: str) -> bool:
    """Whether it begins as the versions do that there are."""
    major, _, rest = version.partition(".")
    return major == "1" and rest.partition(".")[0].isdecimal()


@rule
def version_unknown(config: Any) -> Found:
    """RUN016 oci-version-unknown: ociVersion is a version of the runtime-spec that exists.

    All of them begin with 1: what another one would mean nobody can know. crun refuses it, and so do we.

    section: config.md / Specification version
    blocking: yes
    rows: RC01
    bad: {"ociVersion": "9.0.0"}
    good: {"ociVersion": "1.3.0"}
    """
    version = get(config, "ociVersion")
    if version is not None and not _first(version):
        words = "is no version of SemVer 2.0.0" if parse_version(version) is None else "is no version of the runtime-spec: all are 1.x"
        yield "/ociVersion", f"ociVersion: {version[:40]!r} {words}"


@rule
def root_missing(config: Any) -> Found:
    """RUN005 root-missing: the document names its root.

    Only Windows containers with Hyper-V have none.

    section: config.md / Root
    blocking: yes
    rows: RC04
    bad: {"root": null}
    good: {"root": {"path": "rootfs"}}
    """
    if "root" not in config and "windows" not in config and "vm" not in config:
        yield "/root", "root is missing"
    if get(config, "root", "path") == "" and for_linux(config):
        yield "/root", "root.path is empty: there is no root file system"


@rule
def root_folder(config: Any, bundle: Bundle) -> Found:
    """RUN006 root-folder: root.path is a folder.

    An absolute path, or one that begins at the bundle.

    section: config.md / Root
    rows: RC05 RC03
    bad-files: {"config.json": {"ociVersion": "1.0.2", "root": {"path": "rootfs"}}}
    good-files: {"config.json": {"ociVersion": "1.0.2", "root": {"path": "rootfs"}}, "rootfs": null}
    """
    path = get(config, "root", "path")
    if path and not path.startswith("\\\\") and not bundle.is_folder(path):
        yield "/root/path", f"root.path: {bundle.path(path)} is {'no folder' if bundle.exists(path) else 'not there'}"


@rule
@about("root/path")
def root_name(config: Any) -> Found:
    """RUN007 root-name: a root inside the bundle is called rootfs.

    A convention that people and tools look for. Absolute paths, as engines write them, are not meant.

    section: config.md / Root
    severity: warning
    rows: RC06
    bad: {"root": {"path": "filesystem"}}
    good: {"root": {"path": "rootfs"}}
    """
    path = get(config, "root", "path")
    if path and not path.startswith(("/", "\\\\")) and path.rstrip("/").removeprefix("./") != "rootfs":
        yield "/root/path", f"root.path is {path[:60]!r}, by convention it is rootfs"


@rule
def newer_than_version(config: Any) -> Found:
    """RUN008 newer-than-version: members are not newer than ociVersion.

    Runtimes obey them all the same, and engines write 1.0.2-dev and use later members, so this is only told. A pre-release counts as the next
    minor.

    section: config.md / Specification version
    severity: info
    rows: RC02
    bad: {"ociVersion": "1.0.2", "domainname": "example.org", "linux": {"namespaces": [{"type": "uts"}, {"type": "mount"}]}}
    good: {"ociVersion": "1.1.0", "domainname": "example.org", "linux": {"namespaces": [{"type": "uts"}, {"type": "mount"}]}}
    """
    version = parse_version(get(config, "ociVersion") or "")
    if version is not None:
        for pointer, since in newer("runtime-config", config, version):
            yield (
                pointer,
                f"{pointer.rpartition('/')[2]} came with version {since} of the specification, the document says {config['ociVersion']}",
            )


@rule
@about("windows")
def windows_root(config: Any) -> Found:
    r"""RUN009 windows-root: the root of a Windows container is a volume and not read-only.

    It is named by its volume GUID path, and readonly is absent or false.

    section: config.md / Root
    rows: RC07
    bad: {"root": {"path": "C:\\rootfs"}, "windows": {"layerFolders": ["C:\\layer"]}, "linux": null}
    good: {"root": {"path": "\\\\?\\Volume{ec84d99e-3f02-11e7-ac6c-00155d7682cf}\\"}, "windows": {"layerFolders": ["C:\\layer"]}, "linux": null}
    """
    if "windows" not in config or "linux" in config:
        return
    path = get(config, "root", "path")
    if path is not None and not path.startswith("\\\\?\\Volume{"):
        yield "/root/path", "root.path of a Windows container is a volume GUID path"
    if get(config, "root", "readonly"):
        yield "/root/readonly", "root.readonly of a Windows container is false or absent"


@rule
@about("windows")
def hyperv_root(config: Any) -> Found:
    r"""RUN010 hyperv-root: a Windows container has a root exactly when it is not isolated by Hyper-V.

    With Hyper-V the runtime makes the root itself from the layers.

    section: config-windows.md / HyperV
    rows: RC04 RO05
    bad: {"windows": {"layerFolders": ["C:\\layer"], "hyperv": {}}, "linux": null}
    good: {"root": null, "windows": {"layerFolders": ["C:\\layer"], "hyperv": {}}, "linux": null}
    """
    if "windows" not in config or "linux" in config:
        return
    if "hyperv" in config["windows"] and "root" in config:
        yield "/root", "root is absent for a container with Hyper-V"
    if "hyperv" not in config["windows"] and "root" not in config:
        yield "/root", "root is missing"


@rule
def several_platforms(config: Any) -> Found:
    """RUN011 several-platforms: the document is for one platform.

    Sections of other platforms have no effect. Linux containers on Windows have two, and virtual machines are no platform of their own.

    section: config.md / Platform-specific configuration
    severity: warning
    rows: RC56
    bad: {"solaris": {"milestone": "svc:/milestone/container:default"}}
    good: {"linux": {"namespaces": [{"type": "mount"}]}}
    """
    names = [name for name in ("linux", "windows", "solaris", "zos", "freebsd") if name in config]
    if len(names) > 1 and names != ["linux", "windows"]:
        yield f"/{names[-1]}", f"the document has sections for {' and '.join(names)}: only the one of the host counts"


@rule
def hostname_namespace(config: Any) -> Found:
    """RUN013 hostname-namespace: hostname and domainname come with a UTS namespace of the container.

    Without one they would be the host's own names; runc refuses it.

    section: config.md / Hostname
    blocking: yes
    rows: RC44 RC45
    bad: {"hostname": "box"}
    good: {"hostname": "box", "linux": {"namespaces": [{"type": "uts"}, {"type": "mount"}]}}
    """
    if for_linux(config) and not has_namespace(config, "uts"):
        for name in ("hostname", "domainname"):
            if config.get(name):
                yield f"/{name}", f"{name} needs a uts namespace of the container: it would change the host's"


@rule
def hostname_form(config: Any) -> Found:
    """RUN014 hostname-form: a host name has at most 64 bytes, of letters, digits, dashes and dots.

    The kernel takes no more than 64; programs take no other letters.

    section: config.md / Hostname
    rows: RC44 RC45
    bad: {"hostname": "my box", "linux": {"namespaces": [{"type": "uts"}, {"type": "mount"}]}}
    good: {"hostname": "my-box", "linux": {"namespaces": [{"type": "uts"}, {"type": "mount"}]}}
    """
    for name in ("hostname", "domainname"):
        text = config.get(name)
        if not text:
            continue
        if len(text.encode("utf-8", "replace")) > 64:
            yield f"/{name}", f"{name} is longer than the 64 bytes that the kernel takes"
        elif not all(letter.isascii() and (letter.isalnum() or letter in "-._") for letter in text):
            yield f"/{name}", f"{name}: {text!r} has letters that no host name has"


@rule
def empty_section(config: Any) -> Found:
    """RUN015 empty-name: hostname and domainname are not empty.

    An empty string is no name; leave the member out.

    section: config.md / Hostname
    severity: warning
    rows: RC44 RC45
    bad: {"hostname": ""}
    good: {"root": {"path": "rootfs"}}
    """
    for pointer, _, text in entries({"hostname": config.get("hostname"), "domainname": config.get("domainname")}):
        if text == "":
            yield pointer, f"{pointer[1:]} is empty"
