"""Bind mounts: files and folders of the host, shown in the container."""

from __future__ import annotations

import posix

from contain import paths
from contain.errors import HostError, ManifestError
from contain.plan.compile.options import RDONLY, SHARED, Options, propagation_of
from contain.plan.compile.rootfs import layers_slot, opens_early, overlay_options, shows_idmapped, userns
from contain.plan.operations.mounts import BindMount, OpenSource, OpenUserns, OverlayMount, ShowIdmapped
from contain.plan.wanted import source_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: slots that mounts leave to others
_RESERVE = 24


def bind(spec: Spec, host: Host, slots: Slots, row: dict[str, Any], options: Options, target: str, origin: str) -> Iterator[Operation]:
    """A file or folder of the host at a place of the container."""
    source = _bind_source(spec, host, row, options, target, origin)
    found = host.sources.get(source)
    slot = yield from _open_source(spec, host, slots, row, options, origin)
    if options.overlay and found is not None and found.mounts:
        spec.warn(f"{source} is shown read-only: something is mounted below it, over which no throw-away layer can be laid", origin)
        options.recursive_set, options.overlay = options.recursive_set | RDONLY, False
    if options.overlay:
        name = origin.rpartition("/")[2]
        own = overlay_options(spec)
        attributes = options.attributes()
        yield OverlayMount(
            source=source, slot=slot, target=target, layers=layers_slot(slots), name=name, options=own, **attributes, origin=origin
        )
        return
    yield BindMount(
        source=source,
        slot=slot,
        recursive=options.recursive,
        target=target,
        masked=hidden_sockets(spec, host, source) if spec.run.host_view else [],
        **options.attributes(),
        origin=origin,
    )


def _bind_source(spec: Spec, host: Host, row: dict[str, Any], options: Options, target: str, origin: str) -> str:
    """The absolute path of a bind mount's source, once all is well with it."""
    source = row.get("source") or ""
    if not source:
        raise ManifestError(
            f"the bind mount of {target} has no source", place=spec.origins.place(origin), remedy="give the path of the host as source"
        )
    if options.data:
        raise ManifestError(
            f"a bind mount has no file system options: {', '.join(options.data)}",
            place=spec.origins.place(f"{origin}/options"),
            remedy="remove them; misspelt flags end up here too",
        )
    source = source_path(spec.bundle, source)
    found = host.sources.get(source)
    if found is not None and not found.exists:
        raise HostError(
            f"cannot mount {source} on {target}: {_words(found.error)}",
            place=spec.origins.place(origin),
            remedy="create the source on the host, or remove the mount",
        )
    return source


def _open_source(
    spec: Spec, host: Host, slots: Slots, row: dict[str, Any], options: Options, origin: str
) -> Generator[Operation, None, int]:
    """Opens a source with the host's privileges, where there are any; the slot returned, 0 when init is to open it itself."""
    if not opens_early(host):
        if options.idmap or row.get("uidMappings"):
            raise HostError(
                "an idmapped mount needs the privileges of the host's root",
                place=spec.origins.place(origin),
                remedy="remove the option idmap, or run as root",
            )
        return 0
    view = yield from _userns(spec, host, slots, row, options, origin)
    shared = options.propagation == SHARED and propagation_of(spec.config["linux"].get("rootfsPropagation") or "")[0] == SHARED
    if slots.free() < _RESERVE and not view and not shared and "user" not in spec.namespaces():
        return 0  # hundreds of mounts: the last ones are opened when their turn comes
    slot = slots.new(origin)
    path, recursive = source_path(spec.bundle, row["source"]), options.idmap == "ridmap"
    optional = bool(view) and not options.idmap and not row.get("uidMappings")
    yield OpenSource(
        path=path,
        slot=slot,
        recursive=options.recursive,
        shared=shared,
        userns=view,
        idmap_recursive=recursive,
        optional_idmap=optional,
        origin=origin,
    )
    if view and view == userns(slots):
        yield ShowIdmapped(path=path, tree=slot, userns=view, recursive=recursive, optional=optional, origin=origin)
    return slot


def _userns(spec: Spec, host: Host, slots: Slots, row: dict[str, Any], options: Options, origin: str) -> Generator[Operation, None, int]:
    """The namespace by which a source is shown idmapped, its slot returned: the mount's own maps, the container's, or none (0)."""
    own = (row.get("uidMappings") or [], row.get("gidMappings") or [])
    if bool(own[0]) != bool(own[1]):
        raise ManifestError(
            "an idmapped mount needs both uidMappings and gidMappings", place=spec.origins.place(origin), remedy="give both, or none"
        )
    linux = spec.config["linux"]
    if own[0] or (options.idmap and not spec.run.idmap):
        maps = own if own[0] else (linux.get("uidMappings") or [], linux.get("gidMappings") or [])
        if not maps[0]:
            raise ManifestError(
                "idmap without mappings needs a user namespace with mappings",
                place=spec.origins.place(origin),
                remedy="give uidMappings and gidMappings",
            )
        lines = tuple("".join(f"{line['containerID']} {line['hostID']} {line['size']}\n" for line in rows) for rows in maps)
        name = f"userns/{lines[0]}/{lines[1]}"
        fresh = not slots.has(name)
        slot = slots.new(name)
        if fresh:
            yield OpenUserns(uid_lines=lines[0], gid_lines=lines[1], slot=slot, origin=origin)
        return slot
    if not shows_idmapped(spec, host):
        return 0
    source = host.sources.get(source_path(spec.bundle, row["source"]))
    if source is not None and source.type and source.type not in host.idmap:
        if source.path == "/sys" or source.kind in ("char", "block"):  # nothing there belongs to users
            return 0
        spec.warn(f"{row['source']} ({source.type}) cannot be shown idmapped: its files belong to nobody in the container", origin)
        return 0
    return userns(slots)


def hidden_sockets(spec: Spec, host: Host, folder: str) -> list[str]:
    """Known sockets of the host below a folder, relative to it, save those that were granted: a read-only mount stops no connect()."""
    granted = {_real(host, path) for path in spec.run.sockets}
    inner = _real(host, folder).rstrip("/") + "/"
    return [path[len(inner) :] for path in host.sockets if path.startswith(inner) and path not in granted]


def _real(host: Host, path: str) -> str:
    """A path of the host with its links resolved, as far as probe has looked at it."""
    found = host.sources.get(path)
    return found.path if found is not None and found.path else paths.normpath(path)


def _words(error: str) -> str:
    import errno  # only for a failure

    return posix.strerror(getattr(errno, error, 0)) if error else "it is not there"
