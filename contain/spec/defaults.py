"""The defaults of the OCI's document, filled in once: what a reader of Spec.config may take for granted."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def fill(config: dict[str, Any]) -> dict[str, Any]:
    """Fills in the containers of values and the defaults that the specification names, in place; says nothing that it does not say."""
    process = config.setdefault("process", {})
    process.setdefault("terminal", False)
    process.setdefault("cwd", "/")
    process.setdefault("args", [])
    process.setdefault("env", [])
    user = process.setdefault("user", {})
    user.setdefault("uid", 0)
    user.setdefault("gid", 0)
    config.setdefault("root", {}).setdefault("path", "")
    config.setdefault("mounts", [])
    config.setdefault("hooks", {})
    config.setdefault("annotations", {})
    config.setdefault("linux", {}).setdefault("namespaces", [])
    for row in config["mounts"]:
        row.setdefault("options", [])
    if zero_is_none(config.get("ociVersion")):
        no_limit(config["linux"].get("resources") or {})
    return config


def zero_is_none(version: object) -> bool:
    """Whether a pids.limit of 0 in a document of this version is no limit: until 1.3 said that it is one (Podman up to 5.4 writes so)."""
    if not isinstance(version, str):
        return False
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    return major == "1" and minor.isdecimal() and int(minor) < 3


def no_limit(resources: dict[str, Any]) -> None:
    """Writes a pids.limit of 0 as what has always been no limit, in place."""
    pids = resources.get("pids")
    if isinstance(pids, dict) and pids.get("limit") == 0:
        pids["limit"] = -1


def drop_nulls(value: Any) -> None:
    """Removes members that are null, in place: the specification's own library (Go) writes them for what is absent."""
    if isinstance(value, dict):
        for key in [key for key, member in value.items() if member is None]:
            del value[key]
        for member in value.values():
            drop_nulls(member)
    elif isinstance(value, list):
        for member in value:
            drop_nulls(member)
