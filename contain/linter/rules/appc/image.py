"""ACI1: the image manifest's own members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, get
from contain.linter.registry import rule
from contain.linter.semver import parse_version
from contain.linter.times import is_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

#: pairs that the text and appc's own code allow
PLATFORMS = {
    "linux": ("amd64", "i386", "aarch64", "aarch64_be", "armv6l", "armv7l", "armv7b", "ppc64", "ppc64le", "s390x"),
    "freebsd": ("amd64", "i386", "arm"),
    "darwin": ("x86_64", "i386"),
}
_NEWEST = (0, 8, 11)


def labels(manifest: Any) -> Iterator[tuple[str, Any]]:
    """Pointer and label of the image and of its dependencies, list by list."""
    yield from each(manifest, "labels")
    for pointer, item in each(manifest, "dependencies"):
        yield from ((f"{pointer}{place}", label) for place, label in each(item, "labels"))
    for pointer, app in each(manifest, "apps"):
        yield from ((f"{pointer}/image{place}", label) for place, label in each(app.get("image"), "labels"))


@rule
def version(manifest: Any) -> Found:
    """ACI108 aci-version: acVersion is a version of the specification, as SemVer 2.0.0 writes it.

    The last one is 0.8.11.

    section: types.md / AC Version Type
    rows: TYP04 AIM03 POD01
    bad: {"acVersion": "1"}
    good: {"acVersion": "0.8.11"}
    """
    text = manifest.get("acVersion")
    if text is None:
        return
    found = parse_version(text)
    if found is None:
        yield "/acVersion", f"acVersion: {text[:40]!r} is no version of SemVer 2.0.0"
    elif found[:3] > _NEWEST:
        yield "/acVersion", f"there is no appc version {text[:40]}: the last one is 0.8.11"


@rule
def url_name(manifest: Any) -> Found:
    """ACI109 aci-name-like-url: the name of an image begins with a host name.

    Discovery asks that host where the image is.

    section: aci.md / Image Manifest Schema
    severity: warning
    rows: AIM04
    bad: {"name": "box"}
    good: {"name": "example.com/box"}
    """
    name = manifest.get("name")
    if name and "." not in name.split("/")[0]:
        yield "/name", f"{name[:60]} should look like a URL without its scheme, such as example.com/{name[:60]}"


@rule
def label_twice(manifest: Any) -> Found:
    """ACI110 aci-label-twice: a label's name is given once, and is not `name`.

    section: aci.md / Image Manifest Schema
    rows: AIM05 AIM21 POD05
    bad: {"labels": [{"name": "version", "value": "1"}, {"name": "version", "value": "2"}]}
    good: {"labels": [{"name": "version", "value": "1"}]}
    """
    seen: set[tuple[str, str]] = set()
    for pointer, item in labels(manifest):
        name = item.get("name") or ""
        if name == "name":
            yield f"{pointer}/name", "a label cannot be called name: the image has a name"
        key = (pointer.rpartition("/")[0], name)
        if key in seen:
            yield f"{pointer}/name", f"the label {name[:40]} is given twice"
        seen.add(key)


@rule
def platform(manifest: Any) -> Found:
    """ACI111 aci-platform: the labels os and arch are a pair that appc knows, and arch needs os.

    The names are appc's own: i386 and aarch64, where Go says 386 and arm64.

    section: aci.md / Image Manifest Schema
    rows: AIM07
    bad: {"labels": [{"name": "os", "value": "linux"}, {"name": "arch", "value": "arm64"}]}
    good: {"labels": [{"name": "os", "value": "linux"}, {"name": "arch", "value": "aarch64"}]}
    """
    values = {item.get("name"): (pointer, item.get("value")) for pointer, item in each(manifest, "labels")}
    system, machine = values.get("os"), values.get("arch")
    if machine and not system:
        yield machine[0], "the label arch needs the label os"
    elif system and system[1] not in PLATFORMS:
        yield f"{system[0]}/value", f"appc knows no os {str(system[1])[:40]!r}: {', '.join(PLATFORMS)}"
    elif system and machine and machine[1] not in PLATFORMS[str(system[1])]:
        yield f"{machine[0]}/value", f"appc knows no arch {str(machine[1])[:40]!r} for {system[1]}: {', '.join(PLATFORMS[str(system[1])])}"


@rule
def path_whitelist(manifest: Any) -> Found:
    """ACI112 aci-path-whitelist: pathWhitelist holds absolute paths.

    section: aci.md / Image Manifest Schema
    rows: AIM23
    bad: {"pathWhitelist": ["bin/sh"]}
    good: {"pathWhitelist": ["/bin/sh"]}
    """
    for pointer, path in each(manifest, "pathWhitelist"):
        if not path.startswith("/"):
            yield pointer, f"{path[:60]!r} is no absolute path"


@rule
def annotation_values(manifest: Any) -> Found:
    """ACI113 aci-annotation-value: annotations that appc defines have the form that it says, and a name is given once.

    created is a time of RFC 3339, homepage and documentation are http or https URLs, appc.io/executor/supports-systemd-notify is true or false.

    section: aci.md / Image Manifest Schema
    rows: AIM24 AIM25 TYP07 POD15
    bad: {"annotations": [{"name": "created", "value": "2016-01-01 00:00"}]}
    good: {"annotations": [{"name": "created", "value": "2016-01-01T00:00:00Z"}]}
    """
    seen: set[str] = set()
    for pointer, item in each(manifest, "annotations"):
        name, value = item.get("name") or "", item.get("value") or ""
        if name in seen:
            yield f"{pointer}/name", f"the annotation {name[:40]} is given twice"
        seen.add(name)
        if name == "created" and not is_time(value):
            yield f"{pointer}/value", f"{value[:40]!r} is no time of RFC 3339"
        elif name in ("homepage", "documentation") and not value.startswith(("http://", "https://")):
            yield f"{pointer}/value", f"{value[:60]!r} is no http or https URL"
        elif name == "appc.io/executor/supports-systemd-notify" and value not in ("true", "false"):
            yield f"{pointer}/value", f"{value[:20]!r} is neither true nor false"


@rule
def dependency_pin(manifest: Any) -> Found:
    """ACI114 aci-dependency-unpinned: a dependency names the image id, or labels.

    Without either whatever the name gives that day is taken.

    section: aci.md / Dependency Matching
    severity: info
    rows: AIM19 AIM20 AIM22
    bad: {"dependencies": [{"imageName": "example.com/base"}]}
    good: {"dependencies": [{"imageName": "example.com/base", "labels": [{"name": "version", "value": "1.0.0"}]}]}
    """
    for pointer, item in each(manifest, "dependencies"):
        if not item.get("imageID") and not item.get("labels"):
            yield pointer, "the dependency names neither imageID nor labels"


@rule
def long_id(manifest: Any) -> Found:
    """ACI115 aci-image-id-short: an image id has all its 128 hex digits.

    A part of them is allowed for people's input, and names more than one image.

    section: types.md / Image ID Type
    severity: warning
    rows: ACI09
    bad: {"dependencies": [{"imageName": "example.com/base", "imageID": "sha512-00000000000000000000000000000000"}]}
    good: {"dependencies": [{"imageName": "example.com/base"}]}
    """
    places = [(f"{pointer}/imageID", item.get("imageID")) for pointer, item in each(manifest, "dependencies")]
    places += [(f"{pointer}/image/id", get(item, "image", "id")) for pointer, item in each(manifest, "apps")]
    for pointer, text in places:
        if text and len(text) < 7 + 128:
            yield pointer, "the image id is cut off: it has 128 hex digits"


@rule
def misspelt_gids(manifest: Any) -> Found:
    """ACI116 aci-supplementary-gids-spelling: supplementaryGIDs is spelt with GIDs in capitals.

    The specification's own example has supplementaryGids, which its reader drops silently.

    section: aci.md / Image Manifest Schema
    rows: AIM10
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "supplementaryGids": [5]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "supplementaryGIDs": [5]}}
    """
    for at, app in apps(manifest):
        if "supplementaryGids" in app:
            yield f"{at}/supplementaryGids", "supplementaryGids has no effect: write supplementaryGIDs"


def apps(manifest: Any) -> Iterator[tuple[str, Any]]:
    """Pointer and app object of an image manifest, or of each app of a pod."""
    if get(manifest, "app") is not None:
        yield "/app", manifest["app"]
    for pointer, item in each(manifest, "apps"):
        if item.get("app") is not None:
            yield f"{pointer}/app", item["app"]
