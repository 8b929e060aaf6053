from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading

import pytest

import contain

pytestmark = pytest.mark.live

CONNECT = """
import socket, sys
for path in sys.argv[1:]:
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        print("connected", path)
    except OSError as problem:
        print(type(problem).__name__, path)
"""


@pytest.fixture(params=["root", "ordinary user"])
def how(request, user):
    """Both who see the host so: keywords for run_host."""
    return {"user": user} if request.param == "ordinary user" else {}


@pytest.fixture
def folder():
    """`folder(parent, owner=None)`: a new folder on the host that everybody may enter, removed at the end."""
    made = []

    def make(parent, user=None):
        path = tempfile.mkdtemp(prefix="contain-test.", dir=parent)
        made.append(path)
        os.chmod(path, 0o755)
        if user:
            os.chown(path, user.uid, user.gid)
        return path

    yield make
    for path in made:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def listening():
    """`listening(path)`: a socket of the host that everybody may connect to."""
    with contextlib.ExitStack() as held:

        def bind(path):
            server = held.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(path)
            server.listen()
            os.chmod(path, 0o777)
            return path

        yield bind


def needs_idmap(done):
    """Root's own files can be written only where they can be shown idmapped: skips where the plan says that they cannot."""
    if "cannot be shown idmapped" in done.err:
        pytest.skip("this file system cannot be shown idmapped")


def write(path, text, mode=0o644, user=None):
    """A file of the host."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    if user:
        os.chown(path, user.uid, user.gid)
    return path


def test_the_hosts_programs_run(run_host, how):
    """System folders are there with their links, read-only; /proc, /dev and /tmp are the container's own."""
    script = "ls / | tr '\\n' ' '; test -x /bin/ls && echo; id -u; touch /usr/x /etc/x /x; echo mine > /tmp/x; cat /tmp/x; ls /proc | grep -c '^[0-9]'"
    done = run_host("sh", "-c", script, **how)
    assert done.out.splitlines()[1:3] == ["0", "mine"], done
    assert {"bin", "usr", "etc", "var", "proc", "dev", "tmp", "sys"} <= set(done.out.splitlines()[0].split())
    assert done.err.count("Read-only file system") == 3, done.err
    assert int(done.out.splitlines()[3]) < 10
    assert not os.path.lexists("/usr/x")


def test_nothing_of_the_host_lies_upon_the_root(run_host, how, user, folder):
    """The root's parent is itself, and the only root; with and without layers, with a workspace and without."""
    here = folder("/var/tmp", how.get("user"))
    for options in ({}, {"overlay": True}, {"cwd": here}):
        done = run_host("sh", "-c", "stat -c %d:%i / /.. /../..; cut -d' ' -f5 /proc/self/mountinfo | grep -cx /", **options, **how)
        first, *rest, roots = done.out.splitlines()
        assert (set(rest), roots) == ({first}, "1"), done


@pytest.mark.any_kernel
def test_hidden_places_are_empty(run_host, how, user, folder):
    """Homes, /root, /run, /tmp and the like are empty, wherever the caller stands."""
    secrets = [
        write(f"{folder(place)}/secret", "s3cret", 0o666) for place in (user.home, "/tmp", "/var/tmp", "/run", "/mnt", "/media", "/root")
    ]
    done = run_host("sh", "-c", "cat " + " ".join(secrets) + "; ls -A /home /root /run /mnt /media /var/tmp", **how)
    assert "s3cret" not in done.out
    assert "contain-test" not in done.out


@pytest.mark.any_kernel
def test_keys_and_shadow_files_cannot_be_read(run_host, how):
    """Even their owner gets nothing from them."""
    done = run_host("sh", "-c", "cat /etc/shadow /etc/gshadow /etc/sudoers; wc -c < /etc/shadow; ls -A /var/spool", **how)
    assert "root:" not in done.out
    assert done.out.strip() in ("", "0")  # not there, or empty where the view is a clone


def test_no_socket_of_the_host_can_be_connected_to(run_host, how, user, folder, listening):
    """Through an overlay the connect is refused; in hidden places there is nothing to connect to."""
    paths = [listening(f"{folder(place)}/decoy.sock") for place in ("/var", "/opt", "/etc", "/run", "/tmp", user.home)]
    done = run_host("/usr/bin/python3", "-c", CONNECT, *paths, **how)
    assert done.code == 0, done
    assert len(done.out.splitlines()) == len(paths)
    assert "connected" not in done.out, done.out


@pytest.mark.any_kernel
@pytest.mark.parametrize("mode", ["ro", "rw", "overlay"])
def test_no_socket_in_the_workspace_either(run_host, how, user, folder, listening, mode):
    """The working folder is shown, the sockets in it are not reachable; one that is granted is, and only it."""
    here = folder("/var/tmp", user)
    paths = [listening(f"{here}/{name}") for name in ("one.sock", "two.sock")]
    done = run_host("/usr/bin/python3", "-c", CONNECT, *paths, cwd=here, workspace=mode, socket=[paths[1]], **how)
    assert [row.split()[0] == "connected" for row in done.out.splitlines()] == [False, True], done


@pytest.mark.any_kernel
def test_a_granted_socket_in_a_hidden_place(run_host, how, folder, listening):
    """--socket opens exactly the one: its neighbour stays out of sight."""
    here = folder("/run")
    paths = [listening(f"{here}/{name}") for name in ("docker.sock", "agent.sock")]
    done = run_host("/usr/bin/python3", "-c", CONNECT, *paths, socket=[paths[0]], **how)
    assert [row.split()[0] for row in done.out.splitlines()] == ["connected", "FileNotFoundError"], done


@pytest.mark.any_kernel
def test_sockets_of_a_volume_are_hidden(run_host, how, folder, listening):
    """A folder of the host shown by -v does not bring its sockets with it."""
    here = folder("/run")
    listening(f"{here}/decoy.sock")
    volumes = [f"{here}:/shown", f"{here}:/shown-too:ro"]
    done = run_host("/usr/bin/python3", "-c", CONNECT, "/shown/decoy.sock", "/shown-too/decoy.sock", volume=volumes, **how)
    assert [row.split()[0] in {"ConnectionRefusedError", "PermissionError"} for row in done.out.splitlines()] == [True, True], done


def test_sandbox_hides_sockets_that_were_bound_after_it_was_made(folder, listening):
    """It is planned once; each run hides what is there then."""
    box = contain.Sandbox()
    box.run(["/bin/true"])
    for place in ("/var", "/opt", "/var"):
        path = listening(f"{folder(place)}/late.sock")
        assert box.run(["/usr/bin/python3", "-c", CONNECT, path], text=True).stdout.split()[0] != "connected"


def test_socket_that_goes_while_it_is_hidden_is_no_error(folder):
    """Its path may end between the look and the mount: what is gone needs no hiding."""
    here = folder("/var")
    paths = [f"{here}/{number}.sock" for number in range(40)]
    ended = threading.Event()

    def bind(path):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()

    def churn():
        while not ended.is_set():
            for path in paths:
                os.unlink(path)
                bind(path)

    with contextlib.ExitStack() as held:
        for path in paths:
            server = held.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(path)
            server.listen()
        box = contain.Sandbox()
        box.run(["/bin/true"])
        churning = threading.Thread(target=churn)
        churning.start()
        try:
            found = {box.run(["/bin/true"], timeout=60).returncode for _ in range(25)}
        finally:
            ended.set()
            churning.join()
    assert found == {0}


def test_the_workspace_is_a_throw_away_overlay(run_host, how, user, folder):
    """By default the working folder can be written, and nothing of it arrives on the host."""
    here = folder("/var/tmp", how.get("user"))
    write(f"{here}/file", "old", user=how.get("user"))
    done = run_host("sh", "-c", "pwd; cat file; echo new > file; echo more > other; cat file other; rm file; ls", cwd=here, **how)
    needs_idmap(done)
    assert done.out.splitlines() == [here, "oldnew", "more", "other"], done
    assert os.listdir(here) == ["file"]
    with open(f"{here}/file", encoding="utf-8") as file:
        assert file.read() == "old"


@pytest.mark.any_kernel
def test_workspace_modes(run_host, how, folder):
    """ro takes no change, rw keeps it on the host with the caller as owner, none shows nothing."""
    owner = how.get("user")
    here = folder("/var/tmp", owner)
    write(f"{here}/file", "old", user=owner)
    assert "Read-only" in run_host("sh", "-c", "echo x > file", cwd=here, workspace="ro", **how).err
    done = run_host("sh", "-c", "echo new > file; echo x > made", cwd=here, workspace="rw", **how)
    needs_idmap(done)
    assert (done.code, sorted(os.listdir(here))) == (0, ["file", "made"]), done
    assert os.stat(f"{here}/made").st_uid == (owner.uid if owner else 0)
    done = run_host("sh", "-c", f"pwd; ls {here}", cwd=here, workspace="none", **how)
    assert (done.out, "No such file" in done.err) == ("/\n", True)


@pytest.mark.any_kernel
def test_no_stub_is_left_in_the_callers_tree(run_host, how, folder):
    """No mount point or file is ever made on the host: beside the working folder neither, which lies in one that nobody else writes to."""
    outer = folder("/var/tmp", how.get("user"))
    here = f"{outer}/here"
    os.mkdir(here)
    os.chown(here, os.stat(outer).st_uid, os.stat(outer).st_gid)
    before = {parent: sorted(os.listdir(parent)) for parent in ("/", "/var", "/etc")}
    assert run_host("true", cwd=here, **how).code == 0
    assert (os.listdir(here), os.listdir(outer)) == ([], ["here"])
    assert {parent: sorted(os.listdir(parent)) for parent in before} == before


def test_overlay_makes_the_view_writable(run_host, how):
    """--overlay: system folders take changes at their tops, which go with the container."""
    done = run_host("sh", "-c", "echo x > /usr/contain-test && cat /usr/contain-test; echo y > /x; cat /x", overlay=True, **how)
    assert done.out.split() == ["x", "y"], done
    assert not os.path.lexists("/usr/contain-test")


@pytest.mark.any_kernel
def test_layers_are_bounded(run_host, how, folder):
    """--disk is the size of all throw-away layers together."""
    here = folder("/var/tmp", how.get("user"))
    done = run_host(
        "sh", "-c", "head -c 300000 /dev/zero > one; head -c 100000 /dev/zero > two && echo fits", cwd=here, disk=200_000, **how
    )
    assert "No space left" in done.err
    assert "fits" not in done.out
    assert os.listdir(here) == []


def test_folders_with_mounts_are_cloned(run_host, how, folder, mounted, listening):  # mounts go before their folder
    """A folder below which something is mounted is shown as a read-only clone, its known sockets hidden, its mounts too read-only."""
    from pathlib import Path

    inner = mounted(Path(folder("/srv")) / "inner")
    os.chmod(inner, 0o777)
    path = listening(f"{inner}/decoy.sock")
    write(f"{inner}/file", "seen")
    script = f"cat {inner}/file; touch {inner}/new"
    done = run_host("sh", "-c", script, **how)
    assert done.out == "seen", done
    assert "Read-only" in done.err
    done = run_host("/usr/bin/python3", "-c", CONNECT, path, **how)
    assert done.out.startswith(("ConnectionRefusedError", "PermissionError")), done


def test_root_is_nobody_on_the_host(run_host):
    """Root's own run has a user namespace whose root is not the host's: its files are somebody else's."""
    done = run_host("sh", "-c", "cat /proc/self/uid_map; stat -c %u /usr")
    assert done.out.split()[1] != "0"
    assert done.out.splitlines()[-1] == "65534"


def test_machine_knows_its_own_name(run_host, how):
    """As Java's getLocalHost and others ask for it."""
    done = run_host("/usr/bin/python3", "-c", "import socket; print(socket.gethostbyname(socket.gethostname()))", **how)
    assert done.out.startswith("127."), done
