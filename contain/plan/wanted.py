"""Which facts of the host a spec needs: what cli and library hand to host.probe before they compile."""

from __future__ import annotations

from contain.host.target import Wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.spec.model import Spec


def source_path(bundle: str, source: str) -> str:
    """A mount's source as probe knows it (key of Host.sources): relative ones start at the bundle."""
    return source if source.startswith("/") else f"{bundle.rstrip('/')}/{source}"


def is_bind(mount: dict[str, Any]) -> bool:
    """Whether a mount shows a path of the host."""
    options = mount.get("options") or []
    return mount.get("type") in {"bind", "rbind"} or "bind" in options or "rbind" in options


def wanted(spec: Spec) -> Wanted:
    """The root, and every path of the host that the spec names."""
    linux = spec.config.get("linux") or {}
    paths = [
        source_path(spec.bundle, mount["source"]) for mount in spec.config.get("mounts") or [] if is_bind(mount) and mount.get("source")
    ]
    paths += [one["path"] for one in linux.get("namespaces") or [] if one.get("path")]
    paths += [one["path"] for one in linux.get("devices") or [] if one.get("path")]
    paths += [hook["path"] for hooks in (spec.config.get("hooks") or {}).values() for hook in hooks or [] if hook.get("path")]
    paths += spec.run.sockets
    if (linux.get("intelRdt") or {}).get("closID"):
        from contain.plan.compile.resctrl import MOUNT, class_of  # compile imports this module

        paths.append(f"{MOUNT}/{class_of(linux['intelRdt'], '')}".rstrip("/"))
    paths += [spec.run.workspace_path] if spec.run.workspace_path else []
    return Wanted(
        root="/" if spec.run.host_view else spec.root,  # of the host itself passwd and group are wanted
        sources=list(dict.fromkeys(paths)),
        host_view=spec.run.host_view,
        devices=spec.run.devices_all or bool(linux.get("devices")),
        thorough=False,
        ids=spec.kind != "oci" or ("user" in spec.namespaces() and not (linux.get("uidMappings") and linux.get("gidMappings"))),
    )
