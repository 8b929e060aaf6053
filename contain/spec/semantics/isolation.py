"""Namespaces and what needs one: names, masks, network devices."""

from __future__ import annotations

from contain.spec.model import token
from contain.spec.semantics import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.spec.model import Spec


def namespaces(spec: Spec) -> Iterator[Finding]:
    """Each type once, paths absolute."""
    seen: set[str] = set()
    for index, row in enumerate(spec.config["linux"]["namespaces"]):
        pointer = f"/linux/namespaces/{index}"
        if row["type"] in seen:
            yield Finding("RUN409", pointer, f"the {row['type']} namespace is given twice", "keep one of the two")
        seen.add(row["type"])
        if row.get("path") and not row["path"].startswith("/"):
            yield Finding(
                "RUN410",
                f"{pointer}/path",
                f"{row['path']!r} is not an absolute path",
                "write it as /proc/PID/ns/TYPE or another full path",
            )


def needed(spec: Spec) -> Iterator[Finding]:
    """What would change the host without a namespace of the container's own."""
    config, have = spec.config, spec.namespaces()
    for key in ("hostname", "domainname"):
        if not config.get(key):
            continue
        if "uts" not in have:
            yield Finding(
                "RUN013",
                f"/{key}",
                f"{key} would change the host's",
                f'add {{"type": "uts"}} to linux.namespaces, or remove {key}',
                cause="there is no uts namespace",
            )
        if len(config[key].encode()) > 64:
            yield Finding("RUN014", f"/{key}", f"{key} is longer than 64 bytes", "shorten it")
    for key in ("maskedPaths", "readonlyPaths"):
        rows = config["linux"].get(key) or ()
        if rows and "mount" not in have:
            yield Finding(
                "RUN418",
                f"/linux/{key}",
                f"{key} would change the host's mounts",
                'add {"type": "mount"} to linux.namespaces',
                cause="there is no mount namespace",
            )
        for index, path in enumerate(rows):
            if not path.startswith("/") or "\0" in path:
                yield Finding("RUN715", f"/linux/{key}/{index}", f"{path!r} is not an absolute path", f"write /{path}")
    devices = config["linux"].get("netDevices") or {}
    if devices and "network" not in have:
        yield Finding(
            "RUN425", "/linux/netDevices", "there is no network namespace to move devices to", 'add {"type": "network"} to linux.namespaces'
        )
    targets: set[str] = set()
    for name, row in devices.items():
        target = (row or {}).get("name") or name
        pointer = f"/linux/netDevices/{token(name)}"
        for text in (name, target):
            if not _interface(text):
                yield Finding("RUN426", pointer, f"{text!r} is not a name of an interface", "use at most 15 bytes without space, / and :")
        if target in targets:
            yield Finding("RUN427", pointer, f"two devices would be called {target}", "give one of them another name")
        targets.add(target)


def _interface(name: str) -> bool:
    return 0 < len(name.encode()) <= 15 and name not in (".", "..") and not any(char in "/:" or char.isspace() for char in name)


RULES = (namespaces, needed)
