"""Units, slices, properties: what systemd is told, without a systemd."""

from __future__ import annotations

import json

import pytest

from contain.container.systemd import answer
from contain.errors import ManifestError
from contain.plan.compile.cgroup import folders, uses_clone_into
from contain.plan.compile.cgroup_systemd import base_properties, device_properties, limit_properties, request, scope_of
from contain.plan.operations.cgroup import LimitScope, MakeCgroup, OpenCgroup, StartScope
from tests.plan.test_cgroup import machine, operations, spec


def a_spec(path, **members):
    """A bundle for the systemd driver."""
    found = spec(members.pop("resources", {}), kind="oci", path=path, cgroup_manager="systemd", systemd=["python", "-c", "pass"])
    found.config["annotations"] = members.pop("annotations", {})
    return found


@pytest.mark.parametrize(
    ("path", "unit", "place"),
    [
        ("a-b.slice:runc:web", "runc-web.scope", "a.slice/a-b.slice/runc-web.scope"),
        ("system.slice::web", "web.scope", "system.slice/web.scope"),
        ("-.slice:x:web", "x-web.scope", "x-web.scope"),
        ("", "contain-web.scope", "system.slice/contain-web.scope"),
    ],
)
def test_unit_and_place(path, unit, place):
    """slice:prefix:name, slices within slices."""
    scope = scope_of(a_spec(path), machine("v2-root"))
    assert (scope.unit, scope.path) == (unit, place)


def test_a_user_s_scope_lies_below_the_user_s_manager():
    """Where rootless Podman looks for it."""
    scope = scope_of(a_spec("user.slice:libpod:web"), machine("v2-rootless-session"))
    assert scope.path == "user.slice/user-1000.slice/user@1000.service/user.slice/libpod-web.scope"
    assert scope.user


@pytest.mark.parametrize("path", ["/docker/web", "a.slice:b", "a:b:c", "a.slice:b/c:d", "a--b.slice:x:y", "a.slice:b:"])
def test_other_paths_are_refused(path):
    """In runc's words where it has some."""
    with pytest.raises(ManifestError, match=r"cgroupsPath"):
        scope_of(a_spec(path), machine("v2-root"))


def test_limits_become_properties():
    """Whole percents for a quota, one task at least, the mask of processors; v1 has other names."""
    resources = {
        "memory": {"limit": 100, "swap": 150, "reservation": -1},
        "cpu": {"shares": 1024, "quota": 12345, "period": 100000, "cpus": "0-2,8"},
        "pids": {"limit": 0},
        "unified": {"memory.high": "max"},
    }
    found = {name: value for name, _, value in limit_properties(resources, v2=True)}
    assert found == {
        "MemoryMax": 100,
        "MemoryLow": (1 << 64) - 1,
        "MemorySwapMax": 50,
        "CPUWeight": 100,
        "CPUQuotaPeriodUSec": 100000,
        "CPUQuotaPerSecUSec": 130000,
        "AllowedCPUs": [7, 1],
        "TasksMax": 1,
        "MemoryHigh": (1 << 64) - 1,
    }
    names = {name for name, _, _ in limit_properties(resources, v2=False)}
    assert {"MemoryLimit", "CPUShares"} <= names
    assert "AllowedCPUs" not in names


def test_devices_become_properties():
    """systemd reads devices by path or by group; all of them, or exceptions from all, it leaves to our own rules."""
    rows = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "b", "major": 8, "access": "r"}]
    policy, cleared, (_, _, allowed) = device_properties(rows)
    assert policy == ("DevicePolicy", "s", "strict")
    assert cleared == ("DeviceAllow", "a(ss)", [])
    assert {("/dev/char/1:3", "rwm"), ("char-136", "rwm"), ("char-*", "m"), ("block-8", "r")} <= set(allowed)
    for rows in ([{"allow": True}], [{"allow": True}, {"allow": False, "type": "c", "major": 10, "minor": 200}]):
        assert device_properties(rows) == [("DevicePolicy", "s", "auto"), ("DeviceAllow", "a(ss)", [])]


def test_annotations_set_properties():
    """Seconds become microseconds; what is no property or no value is refused."""
    prefix = "org.systemd.property."
    host = machine("v2-root")
    one = a_spec("", annotations={f"{prefix}TimeoutStopSec": "uint64 5", f"{prefix}Description": "'x'", "other": "1"})
    found = base_properties(one, scope_of(one, host))
    assert ("TimeoutStopUSec", "t", 5_000_000) in found
    assert ("Description", "s", "x") in found
    for bad in ({f"{prefix}lower": "1"}, {f"{prefix}Name": "[1]"}):
        broken = a_spec("", annotations=bad)
        with pytest.raises(ManifestError, match=r"org.systemd.property"):
            base_properties(broken, scope_of(broken, host))


def test_the_plan_leaves_the_folder_to_systemd():
    """The scope is started around the process, then opened for what systemd has no property for."""
    one = a_spec("a.slice:x:web", resources={"pids": {"limit": 5}})
    host = machine("v2-root")
    found = operations(one, host)
    assert not any(isinstance(op, MakeCgroup) for op in found)
    assert not uses_clone_into(one, host)
    order = [type(op) for op in found if isinstance(op, (StartScope, LimitScope, OpenCgroup))]
    assert order == [StartScope, LimitScope, OpenCgroup]
    assert folders(one, host) == [("-", f"{host.cgroup.unified}/a.slice/x-web.scope")]


def test_request_is_json():
    """As the helper reads it; an answer to nonsense is one line."""
    one = a_spec("a.slice:x:web")
    scope = scope_of(one, machine("v2-root"))
    parsed = json.loads(
        request(
            scope,
            [("Description", "s", 'a"b'), ("AllowedCPUs", "ay", [1]), ("Delegate", "b", True), ("DeviceAllow", "a(ss)", [("x", "r")])],
        )
    )
    assert parsed == {
        "unit": "x-web.scope",
        "user": False,
        "properties": [
            ["Description", "s", 'a"b'],
            ["AllowedCPUs", "ay", [1]],
            ["Delegate", "b", True],
            ["DeviceAllow", "a(ss)", [["x", "r"]]],
        ],
    }


def test_a_helper_without_systemd_says_so(monkeypatch, tmp_path):
    """One line for the launcher's report."""
    pytest.importorskip("jeepney")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    said = answer('limit {"unit": "x.scope", "user": true, "properties": [["TasksMax", "t", 5]]}', [])
    assert said.startswith("cannot reach the user’s systemd (neither ")
    assert "\n" not in said
