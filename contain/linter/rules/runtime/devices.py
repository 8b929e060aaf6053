"""RUN4, second half: devices and network devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, entries, has_namespace
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import normal

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

#: what every runtime makes by itself: path → major, minor
DEFAULTS = {
    "/dev/null": (1, 3),
    "/dev/zero": (1, 5),
    "/dev/full": (1, 7),
    "/dev/random": (1, 8),
    "/dev/urandom": (1, 9),
    "/dev/tty": (5, 0),
}
#: modes that look as if written octal and are other permissions when read decimal
_SLIPS = frozenset((400, 440, 444, 500))
#: bits of a mode that say what a file is: pipe, character device, block device
_TYPES = frozenset((0o010000, 0o020000, 0o060000))


@rule
@about("linux/devices")
def relative_path(config: Any) -> Found:
    """RUN419 device-path-relative: a device's path is absolute.

    section: config-linux.md / Devices
    blocking: yes
    rows: RL10
    bad: {"linux": {"devices": [{"type": "c", "path": "dev/fuse", "major": 10, "minor": 229}]}}
    good: {"linux": {"devices": [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229}]}}
    """
    for pointer, device in each(config, "linux", "devices"):
        path = device.get("path")
        if path is not None and not path.startswith("/"):
            yield f"{pointer}/path", f"the device's path {path[:60]!r} is not absolute"


@rule
@about("linux/devices", "linux/resources/devices")
def no_numbers(config: Any) -> Found:
    """RUN420 device-numbers: a device has major and minor, unless it is a pipe, of 12 and 20 bits.

    -1 stands for all in the rules of resources.devices.

    section: config-linux.md / Devices
    blocking: yes
    rows: RL11
    bad: {"linux": {"devices": [{"type": "c", "path": "/dev/fuse"}]}}
    good: {"linux": {"devices": [{"type": "p", "path": "/dev/pipe"}]}}
    """
    for pointer, device in each(config, "linux", "devices"):
        if device.get("type") in ("c", "b", "u"):
            missing = [name for name in ("major", "minor") if name not in device]
            if missing:
                yield pointer, f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: only a pipe (type p) has none"
    for least, path in ((0, ("linux", "devices")), (-1, ("linux", "resources", "devices"))):
        for pointer, device in each(config, *path):
            for name, most in (("major", 0xFFF), ("minor", 0xFFFFF)):
                number = device.get(name)
                if number is not None and not least <= number <= most:
                    yield f"{pointer}/{name}", f"{number} is no {name} number of Linux, which are from 0 to {most}"


@rule
@about("linux/devices")
def same_numbers(config: Any) -> Found:
    """RUN421 device-numbers-twice: no two devices have the same type, major and minor.

    section: config-linux.md / Devices
    severity: warning
    rows: RL12
    bad: {"linux": {"devices": [{"type": "c", "path": "/dev/a", "major": 10, "minor": 229}, {"type": "c", "path": "/dev/b", "major": 10, "minor":
      229}]}}
    good: {"linux": {"devices": [{"type": "c", "path": "/dev/a", "major": 10, "minor": 229}, {"type": "b", "path": "/dev/b", "major": 10, "minor":
      229}]}}
    """
    seen: dict[tuple[Any, ...], str] = {}
    for pointer, device in each(config, "linux", "devices"):
        key = tuple(device.get(name) for name in ("type", "major", "minor"))
        if None in key or key[0] == "p":
            continue
        if key in seen:
            yield pointer, f"the device {key[0]} {key[1]}:{key[2]} is given already, as {seen[key]}"
        seen[key] = device.get("path") or pointer


@rule
@about("linux/devices")
def same_path(config: Any) -> Found:
    """RUN422 device-path-twice: no two devices have the same path.

    The second cannot be made.

    section: config-linux.md / Devices
    blocking: yes
    rows: RL13
    bad: {"linux": {"devices": [{"type": "c", "path": "/dev/a", "major": 10, "minor": 229}, {"type": "c", "path": "/dev/a", "major": 10, "minor":
      230}]}}
    good: {"linux": {"devices": [{"type": "c", "path": "/dev/a", "major": 10, "minor": 229}, {"type": "c", "path": "/dev/b", "major": 10, "minor":
      230}]}}
    """
    seen: set[str] = set()
    for pointer, device in each(config, "linux", "devices"):
        path = normal(device.get("path") or "")
        if path in seen:
            yield f"{pointer}/path", f"{path} is given twice"
        seen.add(path)


@rule
@about("linux/devices")
def default_device(config: Any) -> Found:
    """RUN423 default-device: a device that every container has keeps its numbers.

    /dev/null with other numbers than 1:3 is a trap for every program.

    section: config-linux.md / Default Devices
    severity: warning
    rows: RL13
    bad: {"linux": {"devices": [{"type": "c", "path": "/dev/null", "major": 1, "minor": 5}]}}
    good: {"linux": {"devices": [{"type": "c", "path": "/dev/null", "major": 1, "minor": 3}]}}
    """
    for pointer, device in each(config, "linux", "devices"):
        wanted = DEFAULTS.get(device.get("path") or "")
        numbers = (device.get("major"), device.get("minor"))
        if wanted and None not in numbers and numbers != wanted:
            yield f"{pointer}/major", f"{device['path']} is {wanted[0]}:{wanted[1]} in every container, not {numbers[0]}:{numbers[1]}"


@rule
@about("linux/devices")
def octal_slip(config: Any) -> Found:
    """RUN424 file-mode-octal: fileMode is not an octal number written as a decimal one.

    JSON has no octal numbers: 0440 is 288, and 440 means 0670. Above 511, which is 0777, are only bits that a device has no use for, and those of
    the file's type, which Podman writes for privileged containers and runtimes pass over.

    section: config-linux.md / Devices
    severity: warning
    rows: RL14
    bad: {"linux": {"devices": [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 440}]}}
    bad: {"linux": {"devices": [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 666}]}}
    bad: {"linux": {"devices": [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 33206}]}}
    good: {"linux": {"devices": [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 288}]}}
    good: {"linux": {"devices": [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 8630}]}}
    """
    for pointer, device in each(config, "linux", "devices"):
        mode = device.get("fileMode")
        if mode is None:
            continue
        octal = not set(str(mode)) & {"8", "9"}
        if mode in _SLIPS or (0o777 < mode < 0o7777 and octal):
            yield f"{pointer}/fileMode", f"fileMode {mode} is 0{mode:o}; 0{mode} is written {int(str(mode), 8)}"
        elif mode > 0o777 and not (mode & 0o170000 in _TYPES and mode & 0o7777 <= 0o777):
            yield f"{pointer}/fileMode", f"fileMode {mode} is 0{mode:o}, which is more than permissions (511 is 0777)"


@rule
@about("linux/netDevices")
def net_namespace(config: Any) -> Found:
    """RUN425 net-device-namespace: netDevices comes with a network namespace of the container.

    Without one they would stay where they are.

    section: config-linux.md / Network Devices
    blocking: yes
    rows: RL15
    bad: {"ociVersion": "1.3.0", "linux": {"namespaces": [{"type": "mount"}], "netDevices": {"eth1": {}}}}
    good: {"ociVersion": "1.3.0", "linux": {"namespaces": [{"type": "mount"}, {"type": "network"}], "netDevices": {"eth1": {}}}}
    """
    if any(True for _ in entries(config, "linux", "netDevices")) and not has_namespace(config, "network"):
        yield "/linux/netDevices", "netDevices needs a network namespace of the container"


def _bad_name(name: str) -> bool:
    return (
        not 0 < len(name.encode("utf-8", "replace")) <= 15
        or name in (".", "..")
        or any(letter in "/: \t\n" for letter in name)
        or name.count("%d") > 1
    )


@rule
@about("linux/netDevices")
def net_name(config: Any) -> Found:
    """RUN426 net-device-name: names of network devices have at most 15 bytes, and no slash, colon or blank.

    The kernel takes no other. `%d` may stand once, for a free number.

    section: config-linux.md / Network Devices
    blocking: yes
    rows: RL15
    bad: {"ociVersion": "1.3.0", "linux": {"namespaces": [{"type": "mount"}, {"type": "network"}], "netDevices": {"eth1": {"name": "a/b"}}}}
    good: {"ociVersion": "1.3.0", "linux": {"namespaces": [{"type": "mount"}, {"type": "network"}], "netDevices": {"eth1": {"name": "eth0"}}}}
    """
    for pointer, name, device in entries(config, "linux", "netDevices"):
        if _bad_name(name):
            yield pointer, f"{name[:40]!r} is no name of a network device"
        if device.get("name") and _bad_name(device["name"]):
            yield pointer, f"{device['name'][:40]!r} is no name of a network device"


@rule
@about("linux/netDevices")
def net_twice(config: Any) -> Found:
    """RUN427 net-device-twice: no two network devices get the same name.

    section: config-linux.md / Network Devices
    blocking: yes
    rows: RL16
    bad: {"ociVersion": "1.3.0", "linux": {"namespaces": [{"type": "mount"}, {"type": "network"}], "netDevices": {"eth1": {"name": "eth0"}, "eth2":
      {"name": "eth0"}}}}
    good: {"ociVersion": "1.3.0", "linux": {"namespaces": [{"type": "mount"}, {"type": "network"}], "netDevices": {"eth1": {"name": "eth0"},
      "eth2": {"name": "eth1"}}}}
    """
    seen: dict[str, str] = {}
    for pointer, name, device in entries(config, "linux", "netDevices"):
        target = device.get("name") or name
        if target in seen and "%d" not in target:
            yield pointer, f"{name} would be called {target} inside, as {seen[target]} is"
        seen[target] = name
