"""Programs that ask much of a system do their work in the default sandbox, of root and of an ordinary user: each one script, within 60 s."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import Any

    from tests.conftest import User

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="needs root, who becomes the ordinary user too"),
]
POSTGRES = "/usr/lib/postgresql/15/bin"
GIT = """
git init -q a; cd a; git config user.email a@b.example; git config user.name n; echo x >f; git add f; git commit -qm one; cd ..
git clone -q a b; cd b; git gc -q; git fsck; git log --format=%s
"""
GCC = r"""
printf '#include <pthread.h>\n#include <stdio.h>\nstatic void *f(void *x) { puts("thread"); return x; }\n' >a.c
printf 'int main(void) { pthread_t t; return pthread_create(&t, 0, f, 0) || pthread_join(t, 0); }\n' >>a.c
gcc -O2 -g -Wall -pthread -o a a.c; ./a
"""
NPM = """
mkdir dep app; cd dep; npm init -y >init; echo 'module.exports = () => 42' >index.js
cd ../app; npm init -y >init; npm install --offline --no-audit --no-fund ../dep >install
node -e '
new (require("worker_threads").Worker)("", {eval: true});
const server = require("http").createServer((q, a) => a.end(String(require("dep")()))).listen(8080, () =>
  fetch("http://127.0.0.1:8080").then(a => a.text()).then(text => { console.log(text); server.close() }))'
"""
JAVA = r"""
printf 'public class A { public static void main(String[] a) throws Exception { long sum = 0; var t = new Thread(System::gc); t.start();' >A.java
printf 'for (int i = 0; i < 50000000; i++) sum += i * 31L; t.join(); java.net.InetAddress.getLocalHost(); System.out.println(sum); } }' >>A.java
java A.java
"""
SQL = f"""
export PATH={POSTGRES}:$PATH
initdb -D d -A trust >init; pg_ctl -D d -w -o '-k /tmp' -l log start >out || cat log >&2
psql -h /tmp -Atc 'create table t as select generate_series(1, 100000) n; select sum(n) from t' postgres; pg_ctl -D d -w stop -m fast >out
"""
CHROMIUM = """
echo '<p id=a></p><script>document.getElementById("a").textContent = 6 * 7</script>' >a.html
chromium-headless-shell --no-sandbox --dump-dom file:///tmp/a.html
"""
PROGRAMS: dict[str, tuple[str, str, dict[str, Any]]] = {  # program → script, its last words, options
    "git": (GIT, "one\n", {}),
    "gcc": (GCC, "thread\n", {}),
    "npm": (NPM, "42\n", {}),
    "java": (JAVA, "38749999225000000\n", {}),
    f"{POSTGRES}/initdb": (SQL, "SELECT 100000\n5000050000\n", {"user": "postgres"}),
    "chromium-headless-shell": (CHROMIUM, '<p id="a">42</p>', {}),
}
CALL = """
import contain, json, sys
script, options = json.loads(sys.argv[1])
found = contain.run(["sh", "-ec", "cd /tmp\\n" + script], text=True, timeout=60, **options)
print(json.dumps([found.reason.value, found.returncode, found.stdout, found.stderr[-2000:]]))
"""


@pytest.mark.parametrize("who", ["root", "user"])
@pytest.mark.parametrize("program", PROGRAMS, ids=os.path.basename)
def test_it_works(program: str, who: str, top: str, user: User) -> None:
    """What it prints is right, and it ends with 0."""
    if shutil.which(program, path="/usr/local/bin:/usr/bin:/bin") is None:
        pytest.skip(f"no {program}")
    script, says, options = PROGRAMS[program]
    if who == "user" and options:  # has one id inside: its own, since PostgreSQL refuses 0
        options = {"userns": "keep-id"}
    words = [user.python, "-c", CALL, json.dumps([script, options])]
    if who == "user":
        done = user.run(words)
    else:
        done = subprocess.run(words, env={**os.environ, "PYTHONPATH": top}, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    reason, code, out, err = json.loads(done.stdout)
    assert (reason, code) == ("exited", 0), err
    assert says in out
