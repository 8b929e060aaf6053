"""SEC2: what of the host the container can see, and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, get, has_namespace
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import mounts, no_mount_has
from contain.linter.rules.runtime.mounts import is_bind, options
from contain.linter.rules.security.common import SENSITIVE, SOCKETS, binds, engine_file, in_user_namespace, normal

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_RAW = ("/dev/mem", "/dev/kmem", "/dev/port", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/vhost-net")
#: where engines keep the volumes that they were asked for by name
_VOLUMES = ("/var/lib/docker/volumes/", "/var/lib/containers/storage/volumes/", "/var/lib/kubelet/pods/")
#: what everybody on the host may read, and containers often need
_HARMLESS = (
    "/etc/localtime",
    "/etc/timezone",
    "/etc/ssl/certs",
    "/etc/ca-certificates",
    "/etc/pki/ca-trust",
    "/etc/os-release",
    "/etc/machine-id",
)
_IDENTITY = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/resolv.conf", "/etc/hosts", "/etc/sudoers")


@rule
@about("mounts")
def host_socket(config: Any) -> Found:
    """SEC201 host-socket: no socket of an engine or of the system bus is mounted.

    Who can ask Docker, containerd or D-Bus is root of the host. A read-only mount does not stop connect(2).

    section: advice
    rows: SEC22
    reference: kube-linter docker-sock
    bad: {"mounts": [{"destination": "/var/run/docker.sock", "type": "bind", "source": "/var/run/docker.sock", "options": ["bind", "ro"]}]}
    good: {"mounts": [{"destination": "/run/app.sock", "type": "bind", "source": "/srv/app.sock", "options": ["bind", "ro"]}]}
    """
    for pointer, _, source, _ in binds(config):
        if source.rpartition("/")[2] in SOCKETS:
            yield f"{pointer}/source", f"{source} makes the container root of the host"


@rule
@about("mounts")
def sensitive_writable(config: Any) -> Found:
    """SEC202 sensitive-folder-writable: no folder that the host lives from can be written inside.

    `/`, /etc, /boot, /root, engines' data and the like.

    section: advice
    rows: SEC23
    reference: kube-linter sensitive-host-mounts
    bad: {"mounts": [{"destination": "/host", "type": "bind", "source": "/etc", "options": ["rbind"]}]}
    good: {"mounts": [{"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind"]}]}
    good: {"mounts": [{"destination": "/data", "type": "bind", "source": "/var/lib/docker/volumes/data/_data", "options": ["rbind"]}]}
    """
    for pointer, _, source, writable in binds(config):
        if writable and _sensitive(source):
            yield f"{pointer}/source", f"{source} of the host can be written inside"


@rule
@about("mounts")
def sensitive_readable(config: Any) -> Found:
    """SEC203 sensitive-folder-readable: no folder with secrets of the host can be read inside.

    section: advice
    severity: warning
    rows: SEC23
    bad: {"mounts": [{"destination": "/host", "type": "bind", "source": "/root", "options": ["rbind", "ro"]}]}
    good: {"mounts": [{"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind", "ro"]}]}
    """
    for pointer, _, source, writable in binds(config):
        if source == "/sys" and has_namespace(config, "user"):
            continue  # without being root there is no other way to have a /sys
        if not writable and _sensitive(source) and not source.startswith(_HARMLESS):
            yield f"{pointer}/source", f"{source} of the host can be read inside"


def _sensitive(source: str) -> bool:
    # files below /proc and /sys are SEC204's
    if source in SENSITIVE:
        return not engine_file(source)
    return (
        source.startswith(("/etc/", "/boot/", "/root/", "/var/lib/docker/", "/var/lib/containers/", "/var/lib/kubelet/"))
        and source not in _IDENTITY
        and not source.startswith(_VOLUMES)
        and not engine_file(source)
    )


@rule
@about("mounts")
def kernel_files(config: Any) -> Found:
    """SEC204 writable-kernel-files: /sys is read-only, and nothing of the host's /proc or /sys is mounted writable.

    Both hold switches of the whole host.

    section: advice
    severity: warning
    rows: SEC18
    reference: kube-linter unsafe-proc-mount
    bad: {"mounts": [{"destination": "/sys", "type": "sysfs", "source": "sysfs"}]}
    good: {"mounts": [{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]}]}
    """
    for pointer, mount in mounts(config):
        if mount.get("type") == "sysfs" and not {"ro", "rro"} & set(options(mount)):
            yield pointer, "the host's /sys can be written inside"
    for pointer, _, source, writable in binds(config):
        if writable and source.startswith(("/proc/", "/sys/")):
            yield f"{pointer}/source", f"{source} of the host can be written inside"


@rule
@about("mounts")
def identity_files(config: Any) -> Found:
    """SEC205 identity-files-writable: files that say who is who on the host cannot be written inside.

    /etc/passwd, shadow, hosts, resolv.conf and sudoers of the host itself.

    section: advice
    severity: warning
    rows: SEC42
    bad: {"mounts": [{"destination": "/etc/passwd", "type": "bind", "source": "/etc/passwd", "options": ["bind"]}]}
    good: {"mounts": [{"destination": "/etc/passwd", "type": "bind", "source": "/etc/passwd", "options": ["bind", "ro"]}]}
    """
    for pointer, _, source, writable in binds(config):
        if writable and source in _IDENTITY:
            yield f"{pointer}/source", f"the host's {source} can be written inside"


@rule
@about("mounts")
def bind_flags(config: Any) -> Found:
    """SEC206 bind-flags: a writable bind mount has nosuid and nodev.

    Else a set-uid program or a device node put there inside works outside too.

    section: advice
    severity: info
    rows: SEC24
    engines: yes
    bad: {"mounts": [{"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind"]}]}
    good: {"mounts": [{"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind", "nosuid", "nodev"]}]}
    """
    for pointer, mount, source, writable in binds(config):
        if writable and not engine_file(source):
            missing = [name for name in ("nosuid", "nodev") if not {name, "r" + name} & set(options(mount))]
            if missing:
                yield pointer, f"{source} is writable without {' and '.join(missing)}"


@rule
@about("mounts")
def tmpfs_bounds(config: Any) -> Found:
    """SEC207 tmpfs-bounds: a tmpfs has a size, and nosuid and nodev.

    Without a size it takes half of the host's memory. /dev itself needs device nodes.

    section: advice
    severity: info
    rows: SEC25
    engines: yes
    bad: {"mounts": [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}]}
    good: {"mounts": [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "noexec", "size=64m"]}]}
    """
    for pointer, mount in mounts(config):
        if mount.get("type") != "tmpfs" or is_bind(mount):
            continue
        have = set(options(mount))
        dev = (mount.get("destination") or "").rstrip("/") == "/dev"
        missing = [name for name in ("nosuid", "nodev") if name not in have and not (dev and name == "nodev")]
        missing += (
            []
            if any(text.startswith(("size=", "nr_blocks=")) for text in have) or get(config, "linux", "resources", "memory", "limit")
            else ["size="]
        )
        if missing:
            yield pointer, f"the tmpfs on {mount.get('destination')} has no {', '.join(missing)}"


@rule
@about("mounts")
def idmapped_root(config: Any) -> Found:
    """SEC208 idmapped-root: a writable idmapped mount does not make files of host root.

    section: advice
    severity: warning
    rows: SEC43
    bad: {"ociVersion": "1.1.0", "mounts": [{"destination": "/data", "type": "bind", "source": "/srv", "options": ["bind", "idmap"], "uidMappings":
      [{"containerID": 0, "hostID": 0, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]}]}
    good: {"ociVersion": "1.1.0", "mounts": [{"destination": "/data", "type": "bind", "source": "/srv", "options": ["bind", "idmap"],
      "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}]}
    """
    if no_mount_has(config, "uidMappings"):
        return
    for pointer, mount in mounts(config):
        if any(item and item.get("hostID") == 0 for item in mount.get("uidMappings") or ()) and not {"ro", "rro"} & set(options(mount)):
            yield f"{pointer}/uidMappings", "files that are made there belong to root of the host"


@rule
def writable_root(config: Any) -> Found:
    """SEC209 writable-root: the root file system is read-only.

    Then nothing that breaks in can stay.

    section: advice
    severity: info
    rows: SEC32
    engines: yes
    reference: kube-linter no-read-only-root-fs
    bad: {"root": {"path": "rootfs"}}
    good: {"root": {"path": "rootfs", "readonly": true}}
    """
    if "linux" in config and "root" in config and not get(config, "root", "readonly"):
        yield "/root/readonly", "the root file system can be written"


@rule
@about("linux/resources/devices")
def device_rules(config: Any) -> Found:
    """SEC210 all-devices: device rules allow some devices, not all.

    With all devices the host's disks can be read and written. In an own user namespace no device node can be made.

    section: advice
    rows: SEC26
    bad: {"linux": {"resources": {"devices": [{"allow": true, "access": "rwm"}]}}}
    good: {"linux": {"resources": {"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 3, "access":
      "rw"}]}}}
    """
    if "linux" not in config or has_namespace(config, "user"):
        return
    rules = list(each(config, "linux", "resources", "devices"))
    last = ""
    for pointer, item in rules:
        everything = item.get("type") in (None, "a") and item.get("major") in (None, -1) and item.get("minor") in (None, -1)
        if everything:
            last = pointer if item.get("allow") and "w" in (item.get("access") or "rwm") else ""
    if last:
        yield last, "all devices of the host can be used"


@rule
def no_device_rules(config: Any) -> Found:
    """SEC211 no-device-rules: a container that is root of the host has device rules.

    Without any, all devices that it can make a node for can be used. Runtimes add their own denial, but not all of them.

    section: advice
    severity: warning
    rows: SEC26
    bad: {"linux": {"resources": {"devices": []}}}
    good: {"linux": {"resources": {"devices": [{"allow": false, "access": "rwm"}]}}}
    """
    if "linux" in config and not in_user_namespace(config) and not get(config, "linux", "resources", "devices"):
        yield "/linux/resources/devices", "no device rules: what is not denied is allowed"


@rule
@about("linux/devices", "mounts")
def raw_devices(config: Any) -> Found:
    """SEC212 raw-devices: no device gives raw access to the host.

    Disks, memory, virtual machines, tunnels, FUSE.

    section: advice
    severity: warning
    rows: SEC27
    bad: {"linux": {"devices": [{"type": "b", "path": "/dev/sda", "major": 8, "minor": 0}]}}
    good: {"linux": {"devices": [{"type": "c", "path": "/dev/rtc", "major": 250, "minor": 0}]}}
    """
    for pointer, device in each(config, "linux", "devices"):
        path = normal(device.get("path") or "/")
        if device.get("type") == "b":
            yield pointer, f"{path} is a disk of the host"
        elif path in _RAW or path.startswith(("/dev/nvidia", "/dev/dri/")):
            yield pointer, f"{path} is raw access to the host"
    for pointer, _, source, _ in binds(config):
        if source in _RAW or source.startswith(("/dev/sd", "/dev/nvme", "/dev/vd", "/dev/mapper/")):
            yield f"{pointer}/source", f"{source} is raw access to the host"
