from __future__ import annotations

import os

import pytest

from tests.live.conftest import config_of, shell
from tests.live.test_rootfs import who

pytestmark = pytest.mark.live
__all__ = ["who"]

DEFAULT = {"null": "1:3", "zero": "1:5", "full": "1:7", "random": "1:8", "urandom": "1:9", "tty": "5:0"}


def with_devices(config, *rows):
    """The configuration with more devices."""
    config["linux"]["devices"] = list(rows)
    return config


def test_default_devices_and_links(run_spec, who):
    """All six devices are there and work, made or bound; the links of the specification too, and ptmx of the container's own devpts."""
    how, members = who
    script = "cd /dev; stat -c '%n %t:%T' null zero full random urandom tty; head -c 3 zero | wc -c; echo x > null && echo wrote; "
    done = run_spec(
        shell(script + "for l in fd stdin stdout stderr ptmx; do readlink $l; done; test -c /dev/ptmx && echo real", **members), **how
    )
    assert done.code == 0, done
    rows = done.out.splitlines()
    assert rows[:6] == [f"{name} {number}" for name, number in DEFAULT.items()]
    assert rows[6:] == ["3", "wrote", "/proc/self/fd", *[f"/proc/self/fd/{n}" for n in range(3)], "pts/ptmx", "real"]


@pytest.mark.any_kernel
def test_links_to_what_is_not_there_are_not_made(run_spec):
    """Without /proc there is nothing that /dev/fd could point to."""
    config = shell("ls /dev")
    del config["mounts"][0]
    done = run_spec(config)
    assert {"fd", "stdin"} & set(done.out.split()) == set()
    assert "null" in done.out.split()


def test_devices_of_the_manifest(run_spec):
    """Character and block devices and fifos, with mode and owner."""
    rows = [
        {"path": "/dev/mine", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 3, "gid": 4},
        {"path": "/dev/deep/disk", "type": "b", "major": 7, "minor": 5},
        {"path": "/dev/pipe", "type": "p", "fileMode": 0o600},
    ]
    done = run_spec(with_devices(shell("stat -c '%n %F %a %u:%g %t:%T' /dev/mine /dev/deep/disk /dev/pipe"), *rows))
    assert done.out.splitlines() == [
        "/dev/mine character special file 640 3:4 1:3",
        "/dev/deep/disk block special file 666 0:0 7:5",
        "/dev/pipe fifo 600 0:0 0:0",
    ], done


@pytest.mark.any_kernel
def test_a_default_device_may_be_replaced(run_spec):
    """A device of the manifest at a default path wins."""
    done = run_spec(
        with_devices(shell("stat -c '%a %t:%T' /dev/null"), {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600})
    )
    assert done.out == "600 1:3\n"


@pytest.mark.any_kernel
def test_a_user_can_only_show_devices_of_the_host(run_spec, user):
    """In a user namespace the host's node is bound, under another name too; one of other numbers, or none, is an error that says so."""
    fine = {"path": "/dev/null", "type": "c", "major": 1, "minor": 3}
    renamed = {**fine, "path": "/dev/nothing"}
    assert run_spec(with_devices(shell("stat -c %t:%T /dev/null /dev/nothing"), fine, renamed), user=user).out.split() == ["1:3", "1:3"]
    other = run_spec(with_devices(config_of(), {**fine, "minor": 200}), user=user)
    assert (other.code, "is another device" in other.err) == (125, True)
    missing = run_spec(with_devices(config_of(), {**fine, "path": "/dev/no-such", "minor": 200}), user=user)
    assert (missing.code, "No such file or directory" in missing.err) == (125, True)


@pytest.mark.any_kernel
def test_a_dev_that_is_a_link_stays_inside(run_spec, rootfs, tmp_path):
    """CVE-2026-41579: a /dev that leads elsewhere is followed inside the root only."""
    outside = tmp_path / "outside"
    outside.mkdir()
    os.rmdir(f"{rootfs}/dev")
    os.symlink(str(outside), f"{rootfs}/dev")
    config = shell("ls /dev/null")
    config["mounts"] = [row for row in config["mounts"] if not row["destination"].startswith("/dev")]
    done = run_spec(config)
    assert done.code == 0, done
    assert list(outside.iterdir()) == []


@pytest.mark.any_kernel
def test_devices_in_the_root_itself(run_spec, rootfs):
    """Without a mount on /dev the nodes are made in the root; a file that stands in the way is covered, not removed."""
    with open(f"{rootfs}/dev/zero", "w", encoding="utf-8") as file:
        file.write("image")
    config = shell("stat -c %t:%T /dev/zero /dev/null")
    config["mounts"] = config["mounts"][:1]
    done = run_spec(config)
    assert done.out.split() == ["1:5", "1:3"], done
    with open(f"{rootfs}/dev/zero", encoding="utf-8") as file:
        assert file.read() == "image"


@pytest.mark.any_kernel
def test_a_bound_dev_is_left_alone(run_spec):
    """A manifest that shows the host's /dev gets it as it is."""
    config = shell("ls -d /dev/null; readlink /dev/ptmx")
    config["mounts"] = [config["mounts"][0], {"destination": "/dev", "source": "/dev", "options": ["rbind"]}]
    before = sorted(os.listdir("/dev"))
    assert run_spec(config).out.split()[0] == "/dev/null"
    assert sorted(os.listdir("/dev")) == before
