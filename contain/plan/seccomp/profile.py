"""The default seccomp profile, in names: what an ordinary program may ask the kernel for.

Every syscall that libseccomp knows stands in a table (a test holds that): ALLOWED by what it is for, CHECKED for some arguments, CONDITIONAL by
what must be given to the container, DENIED by why, ABSENT. Everything in no table, so everything newer, does not exist for the container (ENOSYS).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ALLOWED = {
    "files by path": """
        access chdir chmod chown chown32 creat execve execveat faccessat faccessat2 fchmodat fchmodat2 fchownat fstatat64 futimesat getcwd
        lchown lchown32 link linkat lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 readlink
        readlinkat rename renameat renameat2 rmdir stat stat64 statfs statfs64 statx symlink symlinkat truncate truncate64 umask unlink
        unlinkat utime utimensat utimensat_time64 utimes file_getattr file_setattr""",
    "files by descriptor": """
        _llseek close close_range copy_file_range dup dup2 dup3 fadvise64 fadvise64_64 arm_fadvise64_64 fallocate fchdir fchmod fchown
        fchown32 fcntl fcntl64 fdatasync flock fstat fstat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 getdents getdents64 lseek
        pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile sendfile64 splice sync sync_file_range
        sync_file_range2 arm_sync_file_range syncfs tee vmsplice write writev cachestat""",
    "extended attributes": """
        fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr lremovexattr lsetxattr removexattr setxattr
        getxattrat listxattrat removexattrat setxattrat""",
    "waiting": """
        _newselect epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 fanotify_mark inotify_add_watch
        inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit
        pause poll ppoll ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64
        timerfd_settime timerfd_settime64""",
    "memory": """
        brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap mseal msync
        munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages""",
    "processes and threads": """
        exit exit_group fork vfork wait4 waitid waitpid kill tkill tgkill pidfd_open pidfd_send_signal getpgid getpgrp getpid getppid getsid
        gettid setpgid setsid set_tid_address get_robust_list set_robust_list get_thread_area set_thread_area set_tls get_tls arch_prctl
        modify_ldt rseq restart_syscall futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue prctl seccomp
        landlock_add_rule landlock_create_ruleset landlock_restrict_self lsm_get_self_attr lsm_list_modules
        sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
        sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield getcpu getpriority
        setpriority nice ioprio_get ioprio_set getrlimit setrlimit ugetrlimit prlimit64 getrusage times""",
    "ids and capabilities, as far as the kernel grants them": """
        capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 getresuid getresuid32
        getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid
        setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32""",
    "signals": """
        alarm getitimer rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
        rt_sigtimedwait_time64 rt_tgsigqueueinfo setitimer sigaction sigaltstack signal sigpending sigprocmask sigreturn sigsuspend""",
    "time, reading and waiting; setting is the kernel's to refuse": """
        adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
        clock_nanosleep_time64 gettimeofday nanosleep time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64
        timer_settime timer_settime64""",
    "sockets; families in checks()": """
        accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg send sendmmsg
        sendmsg sendto setsockopt shutdown socketcall socketpair""",
    "System V and POSIX queues, semaphores and shared memory": """
        ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget
        msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget""",
    "facts about the machine and its mounts": "getrandom sysinfo uname riscv_hwprobe listmount statmount",
    "of one architecture, harmless there": """
        breakpoint cacheflush riscv_flush_icache s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr swapcontext""",
}

#: not there at all: clone3 has its flags in memory, where no filter can look; C libraries then use clone
ABSENT = ("clone3",)

#: allowed for some arguments only: see checks()
CHECKED = ("clone", "ioctl", "personality", "socket", "unshare")

_SYS_ADMIN = """
    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree
    open_tree_attr perf_event_open pivot_root quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare"""

#: what a debugger asks for
OTHER_PROCESSES = "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"

#: a pid namespace of its own: what a debugger needs then ends at the container's edge (and 4.8 put the filter behind ptrace)
OWN_PIDS = "own pid namespace"

#: what must be given → what is then allowed too
CONDITIONAL = {
    OWN_PIDS: OTHER_PROCESSES,
    "CAP_SYS_PTRACE": OTHER_PROCESSES,
    "CAP_BPF": "bpf",
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_PERFMON": "perf_event_open",
    "CAP_SYSLOG": "syslog",
    "CAP_SYS_ADMIN": _SYS_ADMIN,
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_NICE": "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "clock_settime clock_settime64 settimeofday stime",
    "CAP_SYS_TTY_CONFIG": "vhangup",
}

DENIED = {
    "keyrings have no namespace": "add_key keyctl request_key",
    "does its work where no filter sees it": "io_uring_enter io_uring_register io_uring_setup",
    "lets a program stop the kernel in the middle of a copy, which exploits live on": "userfaultfd",
    "changes the whole machine": "kexec_file_load kexec_load swapoff swapon nfsservctl lsm_set_self_attr",
    "gone from the kernel, or never in it": """
        _sysctl afs_syscall bdflush break create_module epoll_ctl_old epoll_wait_old ftime get_kernel_syms getpmsg gtty idle lock mpx
        multiplexer prof profil putpmsg query_module security stty timerfd tuxcall ulimit vserver""",
    "replaced decades ago": """
        oldfstat oldlstat oldolduname oldstat olduname readdir sgetmask ssetmask sysfs uselib ustat vm86 vm86old""",
    "of one architecture, for its firmware or for nobody here": """
        pciconfig_iobase pciconfig_read pciconfig_write rtas s390_guarded_storage s390_sthyi spu_create spu_run subpage_prot switch_endian
        sys_debug_setcontext usr26 usr32""",
}

#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; unshare takes NEWTIME too, whose bit means a signal to clone
_NAMESPACES = 0x7E020000
_NEWTIME = 0x80

#: ioctl requests that type into, or paste into, the terminal that the container shares (CVE-2017-5226, CVE-2023-28100)
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

#: PER_LINUX, PER_LINUX32, each with UNAME26, and the question what it is now
_PERSONALITIES = (0x0, 0x0008, 0x20000, 0x20008, 0xFFFFFFFF)

#: families that reach beyond every namespace: AF_ALG (the kernel's crypto), AF_VSOCK (the hypervisor)
_AF_ALG, _AF_VSOCK = 38, 40


class Check:
    """What is asked of the low 32 bits of one argument: `values` are the `refused` ones, or else the only allowed ones; or `bits` of it."""

    __slots__ = ("bits", "index", "refused", "values")

    def __init__(self, index: int, *values: int, refused: bool = True, bits: bool = False) -> None:
        """Of argument `index`, from 0."""
        self.index = index
        self.values = values
        self.refused = refused
        self.bits = bits


def checks(machine: str) -> dict[str, Check]:
    """Name → check."""
    flags_at = 1 if machine.startswith("s390") else 0  # there clone takes the stack first
    return {
        "clone": Check(flags_at, _NAMESPACES, bits=True),
        "unshare": Check(0, _NAMESPACES | _NEWTIME, bits=True),
        "ioctl": Check(1, _TIOCSTI, _TIOCLINUX),
        "personality": Check(0, *_PERSONALITIES, refused=False),
        "socket": Check(0, _AF_ALG, _AF_VSOCK),
    }


def names(tables: Iterable[str]) -> list[str]:
    """The names of some tables' texts, sorted, each once."""
    return sorted({name for text in tables for name in text.split()})
