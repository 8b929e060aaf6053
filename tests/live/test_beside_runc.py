"""The same command lines given to runc and to us: exit codes, what is printed and what is left agree, but where it is said why not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.live.launch import alive

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.runtime import Runtime

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace"),
    pytest.mark.skipif(shutil.which("runc") is None, reason="no runc"),
]

#: what is done to a container in this state: command lines, @ is its id, behind # what both print
CREATED = """
create -b BUNDLE @
start nobody
update @
update --memory 100000000 @
events --stats @
exec @ echo hi # hi
delete -f @
delete -f @
delete @
state @
"""
RUNNING = """
start @
exec @ sh -c 'exit 3'
exec @ sh -c 'kill -9 $$'
exec @ nonesuch
exec @ /nonesuch
exec @ /etc
exec @ /etc/passwd
exec --cwd /nonesuch @ pwd
exec --cwd /etc @ pwd # /etc
exec --cwd etc @ pwd
exec --user 5:6 @ id # uid=5 gid=6
exec --user 5:6:7 @ true
exec --user 5: @ true
exec --user :6 @ true
exec --user : @ true
exec --user 4294967295 @ true
exec --user 5 --additional-gids 4294967295 @ true
exec --preserve-fds x @ true
exec -g x @ true
exec --user 5 --additional-gids 7 --additional-gids 8 @ id -G # 0 7 8
exec --cap CAP_NET_ADMIN @ grep CapEff /proc/self/status
exec --cap CAP_NET_ADMIN --user 5 @ grep Cap /proc/self/status
exec --cap cap_bogus @ true
exec -e A=b @ sh -c 'echo $A' # b
exec -e C @ env
exec --no-new-privs @ grep NoNew /proc/self/status
exec --process nofile @
exec @
exec
exec nobody true
exec --bogus @ true
exec --tty=false @ echo hi # hi
exec --apparmor x @ true
exec --process-label x @ true
exec --cgroup /nonesuch @ true
exec --cgroup bogus:/ @ true
exec --console-socket /nonesuch @ true
exec -d -t @ true
exec -d -t --console-socket /nonesuch @ true
exec --pid-file /nonesuch/x @ true
kill @ URG
kill @ 0
kill @ BOGUS
kill @ 99
kill @ URG extra
kill
kill -a @ URG
update --bogus @
update --memory bogus @
update --memory --5 @
update --memory 1.m5 @
update --memory 250.5m @
update --pids-limit --5 @
update --pids-limit 0 @
update --memory 200m @
update --memory -1 --memory-swap -1 @
update --memory-swap 5 @
update --pids-limit 50 @
update --pids-limit bogus @
update --cpu-share 300 @
update --cpuset-cpus 0 @
update --cpuset-cpus 9999 @
update --cpuset-mems 99 @
update --memory-reservation 50m @
update --l3-cache-schema x @
update --mem-bw-schema x @
update -r nofile @
update -r /proc/version @
events --stats @
delete @
pause @
state @
pause @
start @
exec @ true
delete @
resume @
resume @
"""
STOPPED = """
ps @
kill @ KILL
kill --all @ KILL
exec @ true
start @
pause @
resume @
update --memory 200000000 @
events --stats @
state @
delete @
delete @
kill @
start @
pause @
resume @
ps @
update @
events --stats @
checkpoint @
delete --force @
"""
NONE = """
create
create a b
create -b /nonesuch @
create --b BUNDLE a/b
create -bundle /nonesuch @
create -b BUNDLE ..
create -b BUNDLE --bogus @
create -b BUNDLE --pid-file /nonesuch/f @
create -b BUNDLE --console-socket /nonesuch @
run -b BUNDLE --bogus @
list
list -q
list -f bogus
start
state
state nobody
pause
resume
ps
events
update
delete
"""


class Told(NamedTuple):
    """What one of them did."""

    code: int
    out: str
    logged: str


class Pair:
    """runc and us, each with a root and a container of its own."""

    def __init__(self, runtime: Runtime, bundle: str) -> None:
        self.runtime, self.bundle = runtime, bundle
        self.theirs = ["runc", "--root", f"{runtime.root}.runc", "--log-format", "json"]
        self.name = runtime.named()

    def runc(self, words: list[str]) -> Told:
        """Calls runc."""
        log = f"{self.runtime.root}.theirs"
        done = subprocess.run(
            [*self.theirs[:3], "--log", log, *self.theirs[3:], *words], stdin=-3, stdout=-1, stderr=-2, text=True, check=False
        )
        return Told(done.returncode, done.stdout, log)

    def both(self, line: str, *, quiet: bool = False) -> tuple[Told, Told]:
        """Calls both with the same words. `quiet`: for what leaves a process that would hold a pipe."""
        words = [word.replace("@", self.name).replace("BUNDLE", self.bundle) for word in split(line)]
        if quiet:
            code = subprocess.run([*self.theirs, *words], stdin=-3, stdout=-3, stderr=-3, check=False).returncode
            ours = self.runtime(*words, capture_output=False, stdout=-3, stderr=-3)
            return Told(code, "", ""), Told(ours.returncode, "", "")
        done = self.runtime(*words)
        return self.runc(words), Told(done.returncode, done.stdout, self.runtime.log)

    def compare(self, lines: str) -> None:
        """Each line in turn; those that differ are told together."""
        wrong = []
        for row in lines.strip().splitlines():
            line, _, printed = row.partition(" # ")
            theirs, ours = self.both(line, quiet="-d @" in line)
            if theirs.code != ours.code or (printed and not theirs.out.strip() == ours.out.strip() == printed):
                wrong.append((line, theirs[:2], ours[:2]))
        assert not wrong


def split(line: str) -> list[str]:
    """Words as a shell has them."""
    import shlex

    return shlex.split(line)


@pytest.fixture
def pair(runtime: Runtime, make_bundle: Callable[..., str]) -> Any:
    """Both, and nothing of runc's left."""
    sets = {kind: ["CAP_KILL"] for kind in ("bounding", "effective", "permitted")}  # without any `runc exec --cap` panics
    bundle = make_bundle("/bin/sleep", "1000", change=lambda config: config["process"].update(capabilities=sets))
    one = Pair(runtime, bundle)
    yield one
    subprocess.run([*one.theirs, "delete", "--force", one.name], check=False, capture_output=True)
    shutil.rmtree(f"{runtime.root}.runc", ignore_errors=True)


def create(pair: Pair) -> None:
    """The container of each."""
    assert [told.code for told in pair.both("create -b BUNDLE @", quiet=True)] == [0, 0]


def test_without_a_container(pair: Pair) -> None:
    """Words that make no sense, and containers that there are not."""
    pair.compare(NONE)


def test_created(pair: Pair) -> None:
    """Its program has not been started."""
    create(pair)
    pair.compare(CREATED)


def test_running_and_paused(pair: Pair) -> None:
    """From start to pause and back."""
    create(pair)
    assert [told.code for told in pair.both("start @")] == [0, 0]
    pair.compare(RUNNING)


def test_stopped(pair: Pair) -> None:
    """Its program has ended."""
    create(pair)
    assert [told.code for told in pair.both("start @")] == [0, 0]
    states = [json.loads(told.out) for told in pair.both("state @")]
    fds = [os.pidfd_open(state["pid"]) for state in states]
    try:
        for fd in fds:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        pair.runtime.eventually(lambda: all(json.loads(told.out)["status"] == "stopped" for told in pair.both("state @")))
    finally:
        for fd in fds:
            os.close(fd)
    pair.compare(STOPPED)


def test_a_process_from_a_file(pair: Pair) -> None:
    """What its file leaves out it has as the container has it, but no_new_privs; what makes no sense is refused by both."""
    with open(f"{pair.bundle}/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["process"] |= {"noNewPrivileges": True, "oomScoreAdj": 500}
    with open(f"{pair.bundle}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    create(pair)
    assert [told.code for told in pair.both("start @")] == [0, 0]
    script = "cat /proc/self/oom_score_adj; grep -E 'Cap|NoNew|Groups' /proc/self/status"
    plain = {"args": ["/bin/sh", "-c", script], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"]}
    fewer = {kind: ["CAP_KILL"] for kind in ("bounding", "effective")} | {"permitted": ["CAP_KILL"]}
    for change in ({}, {"capabilities": {}}, {"capabilities": fewer, "noNewPrivileges": True}, {"user": {"uid": 7, "gid": 8}}):
        with open(f"{pair.bundle}/p.json", "w", encoding="utf-8") as file:
            json.dump(plain | change, file)
        theirs, ours = pair.both("exec --process BUNDLE/p.json @")
        assert theirs[:2] == ours[:2], change
        assert ours.out.startswith("500\n")
    for change in ({"cwd": ""}, {"cwd": "etc"}, {"args": []}, {"user": {"uid": -1}}, {"user": {"uid": (1 << 32) - 1}}, {"rlimits": 5}):
        with open(f"{pair.bundle}/p.json", "w", encoding="utf-8") as file:
            json.dump(plain | change, file)
        assert [told.code for told in pair.both("exec --process BUNDLE/p.json @")] == [255, 255], change


def test_resources_from_a_file(pair: Pair) -> None:
    """Those of a wrong type are refused by both, the rest is taken; what is null or unknown is nothing."""
    create(pair)
    for resources, code in (
        ({"memory": {"limit": "x"}}, 1),
        ({"pids": 5}, 1),
        ({"cpu": {"shares": -5}}, 1),
        ([], 1),
        ({"bogus": 1}, 0),
        ({"memory": {"limit": 100000000, "swap": 0}, "cpu": {"cpus": ""}}, 0),
    ):
        with open(f"{pair.bundle}/r.json", "w", encoding="utf-8") as file:
            json.dump(resources, file)
        assert [told.code for told in pair.both("update -r BUNDLE/r.json @")] == [code, code], resources
        assert [told.code for told in pair.both("update --resources BUNDLE/r.json @")] == [code, code], resources


def test_what_outlives_init(pair: Pair) -> None:
    """Without a pid namespace the other processes go on: `ps` lists them, `delete` ends them."""
    with open(f"{pair.bundle}/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["linux"]["namespaces"] = [row for row in config["linux"]["namespaces"] if row["type"] != "pid"]
    config["process"]["args"] = ["/bin/sh", "-c", "sleep 1000 & exec sleep 1000"]
    with open(f"{pair.bundle}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    create(pair)
    assert [told.code for told in pair.both("start @")] == [0, 0]
    pair.runtime.eventually(lambda: all(len(json.loads(told.out)) == 2 for told in pair.both("ps -f json @")))
    for told in pair.both("state @"):
        os.kill(json.loads(told.out)["pid"], signal.SIGKILL)
    pair.runtime.eventually(lambda: all(json.loads(told.out)["status"] == "stopped" for told in pair.both("state @")))
    left = [json.loads(told.out) for told in pair.both("ps -f json @")]
    assert [len(pids) for pids in left] == [1, 1]
    assert [told.code for told in pair.both("delete @")] == [0, 0]
    pair.runtime.eventually(lambda: not any(alive(pid) for pids in left for pid in pids))


def test_state(pair: Pair) -> None:
    """The same members, created, paused and running, but for annotations, which runc leaves out when there are none."""
    create(pair)
    for line in (None, "pause @", "resume @", "start @"):
        if line:
            assert [told.code for told in pair.both(line)] == [0, 0]
        theirs, ours = (json.loads(told.out) for told in pair.both("state @"))
        assert ours.pop("annotations") == {}
        for one in (theirs, ours):
            assert one.pop("pid") > 0
            one.pop("created")
            one.pop("ociVersion")  # runc tells its own
        assert theirs == ours


def test_list(pair: Pair) -> None:
    """As JSON all that runc has; through a link named runc its columns too."""
    create(pair)
    theirs, ours = (json.loads(told.out)[0] for told in pair.both("list -f json"))
    assert set(theirs) <= set(ours)
    different = {"pid", "created", "ociVersion"}
    assert {name: theirs[name] for name in set(theirs) - different} == {name: ours[name] for name in set(theirs) - different}
    link = f"{pair.runtime.root}.bin/runc"
    os.makedirs(os.path.dirname(link))
    os.symlink(pair.runtime.stub(), link)
    done = subprocess.run([link, "--root", pair.runtime.root, "list"], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0].split() == pair.runc(["list"]).out.split("\n")[0].split()


def test_warnings_go_to_the_log(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """Of create, exec and run stderr is the container's: with a log a warning stands there, as runc has it, and nowhere else."""

    def warned() -> list[str]:
        with open(runtime.log, encoding="utf-8") as file:
            return [row["msg"] for row in map(json.loads, file) if row["level"] == "warning"]

    def add(config: dict[str, Any]) -> None:
        config["process"]["capabilities"] = {"bounding": ["CAP_BOGUS"]}

    bundle = make_bundle("/bin/echo", "hi", change=add)
    name = runtime.named()
    with open(f"{bundle}/out", "w", encoding="utf-8") as out:
        assert runtime("create", "--bundle", bundle, name, capture_output=False, stdout=out, stderr=out).returncode == 0
    assert any("CAP_BOGUS" in text for text in warned())
    assert runtime("exec", "--cap", "CAP_WRONG", name, "true").stderr == ""
    assert any("CAP_WRONG" in text for text in warned())
    done = runtime("run", "--bundle", bundle, runtime.named())
    assert (done.stdout, done.stderr) == ("hi\n", "")
    assert runtime("start", name).returncode == 0
    runtime.until(name, "stopped")
    with open(f"{bundle}/out", encoding="utf-8") as out:
        assert out.read() == "hi\n"


def test_a_log_of_no_known_format(runtime: Runtime) -> None:
    """It is refused, not taken for another."""
    for verb in ("state", "features"):
        assert runtime("--log-format", "yaml", verb, "nobody").returncode == 1
        with open(runtime.log, encoding="utf-8") as file:
            assert "log-format" in file.readlines()[-1]
