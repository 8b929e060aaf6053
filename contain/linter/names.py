"""Names that the texts and the kernel list, for rules that look for slips of the pen."""

from __future__ import annotations

from contain.linter.ranges import number
from contain.linux import SIGNAL_ALIASES, SIGNALS

_PAIRS = (
    "async sync", "atime noatime", "dev nodev", "diratime nodiratime", "exec noexec", "iversion noiversion", "lazytime nolazytime", "loud silent",
    "mand nomand", "relatime norelatime", "ro rw", "strictatime nostrictatime", "suid nosuid", "symfollow nosymfollow", "ratime rnoatime",
    "rdev rnodev", "rdiratime rnodiratime", "rexec rnoexec", "rrelatime rnorelatime", "rro rrw", "rstrictatime rnostrictatime", "rsuid rnosuid",
    "rsymfollow rnosymfollow",
)  # fmt: skip
MOUNT_OPPOSITES: dict[str, str] = {}
for _pair in _PAIRS:
    _one, _two = _pair.split()
    MOUNT_OPPOSITES |= {_one: _two, _two: _one}
PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable")
#: the runtime-spec's table and what runc and crun know beside it
MOUNT_FLAGS = (
    *MOUNT_OPPOSITES,
    *PROPAGATIONS,
    "acl",
    "bind",
    "rbind",
    "defaults",
    "dirsync",
    "idmap",
    "ridmap",
    "noacl",
    "remount",
    "tmpcopyup",
    "copy-symlink",
)

HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
#: annotation keys of the runtime specification, and the property of the image config whose form their value has
RUNTIME_ANNOTATIONS = tuple(
    f"org.opencontainers.image.{name}"
    for name in ("os", "os.version", "os.features", "architecture", "variant", "author", "created", "stopSignal")
)
IMAGE_ANNOTATIONS = tuple(
    f"org.opencontainers.image.{name}"
    for name in [
        "created",
        "authors",
        "url",
        "documentation",
        "source",
        "version",
        "revision",
        "vendor",
        "licenses",
        "ref.name",
        "title",
        "description",
        "base.digest",
        "base.name",
    ]
)
GOARCH = [
    "386",
    "amd64",
    "arm",
    "arm64",
    "loong64",
    "mips",
    "mips64",
    "mips64le",
    "mipsle",
    "ppc64",
    "ppc64le",
    "riscv64",
    "s390x",
    "wasm",
    "armbe",
    "arm64be",
    "amd64p32",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "riscv",
    "s390",
    "sparc",
    "sparc64",
]
GOOS = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
]


def is_signal(text: str) -> bool:
    """Whether it is a signal as an image config names it: SIGTERM, 15, SIGRTMIN+3."""
    plain = number(text)
    if plain is not None:
        return 0 < plain < 65
    name = text.removeprefix("SIG")
    base, sign, above = name.replace("-", "+").partition("+")
    if base in ("RTMIN", "RTMAX"):
        return text.startswith("SIG") and (not sign or (number(above) or 31) < 31 or above == "0")
    return text.startswith("SIG") and (name in SIGNALS or name in SIGNAL_ALIASES)
