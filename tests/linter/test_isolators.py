"""Each isolator of appc with a sound value and with one that its row refuses, in an app and, where it may stand there, in a pod."""

from __future__ import annotations

import json

import pytest

from contain.linter import lint
from contain.linter.examples import document

SET = "os/linux/seccomp-remove-set"
RETAIN = "os/linux/capabilities-retain-set"
#: name, where it may stand, sound value, value with a fault, rule
CASES = [
    (SET, "app", {"set": ["reboot"], "errno": "EPERM"}, {"set": []}, "ACI313"),
    (SET, "app", {"set": ["@appc.io/empty"]}, {"set": ["no such call"]}, "ACI313"),
    ("os/linux/seccomp-retain-set", "app", {"set": ["@appc.io/all"]}, {"set": [7]}, "ACI313"),
    ("os/linux/selinux-context", "app pod", {"user": "u", "role": "r", "type": "t", "level": "s0"}, {"user": "u"}, "ACI318"),
    ("os/linux/apparmor-profile", "app pod", {"name": "box"}, {"name": ""}, "ACI317"),
    ("os/linux/capabilities-remove-set", "app", {"set": ["CAP_KILL"]}, {"set": []}, "ACI313"),
    (RETAIN, "app", {"set": ["CAP_KILL"]}, {"set": ["KILL"]}, "ACI313"),
    ("os/linux/no-new-privileges", "app", True, "yes", "ACI317"),
    ("resource/block-bandwidth", "app pod", {"default": True, "limit": "2M"}, {"default": False, "limit": "2M"}, "ACI315"),
    ("resource/block-iops", "app pod", {"default": True, "limit": "500"}, {"default": True, "limit": "5", "request": "1"}, "ACI315"),
    ("resource/cpu", "app pod", {"request": "250m", "limit": "500m"}, {"request": "2", "limit": "1"}, "ACI316"),
    ("resource/memory", "app pod", {"request": "1Gi", "limit": "2Gi"}, {"limit": "2Q"}, "ACI314"),
    ("resource/network-bandwidth", "app pod", {"default": True, "limit": "1G"}, {"limit": "1G"}, "ACI315"),
    ("os/unix/sysctl", "pod", {"net.ipv4.ip_forward": "1"}, {"net.ipv4.ip_forward": 1}, "ACI317"),
    ("os/linux/oom-score-adj", "app", 500, 1001, "ACI317"),
    ("os/linux/cpu-shares", "app", 1024, 1, "ACI317"),
    ("os/linux/nonesuch", "", {}, {}, "ACI310"),
]


def _ids(scope, *isolators):
    rows = [{"name": name, "value": value} for name, value in isolators]
    if scope == "pod":
        whole = document("appc-pod", {"isolators": rows})
    else:
        whole = document("appc-image", {"app": {"exec": ["/bin/box"], "user": "0", "group": "0", "isolators": rows}})
    return {item.id for item in lint(json.dumps(whole).encode()) if item.severity != "info" and not item.id.startswith("SEC")}


@pytest.mark.parametrize(("name", "scopes", "good", "bad", "id"), CASES)
def test_values(name, scopes, good, bad, id):
    """The sound one is silent where it may stand, the other is found by its rule; elsewhere the place is wrong."""
    for scope in ("app", "pod"):
        assert id in _ids(scope, (name, bad)) or (scope not in scopes and "ACI311" in _ids(scope, (name, bad)))
        if scopes:
            assert _ids(scope, (name, good)) == (set() if scope in scopes else {"ACI311"})


@pytest.mark.parametrize(
    ("name", "value"), [(name, good) for name, scopes, good, _, _ in CASES if "app" in scopes and not name.startswith("resource")]
)
def test_twice(name, value):
    """One of each."""
    assert "ACI312" in _ids("app", (name, value), (name, value))


@pytest.mark.parametrize("family", ["seccomp", "capabilities"])
def test_remove_and_retain(family):
    """One of the two."""
    value = {"set": ["reboot" if family == "seccomp" else "CAP_KILL"]}
    assert "ACI312" in _ids("app", (f"os/linux/{family}-remove-set", value), (f"os/linux/{family}-retain-set", value))
