"""The names of the system calls that contain's own filter may refuse, by number: reports of them need no libseccomp."""

from __future__ import annotations

#: AUDIT_ARCH → `number name` of each call that the default profile has at most conditionally
_NAMES = {
    0xC000003E: """
        16 ioctl 41 socket 56 clone 101 ptrace 103 syslog 134 uselib 135 personality 136 ustat 139 sysfs 153 vhangup 155 pivot_root
        156 _sysctl 161 chroot 163 acct 164 settimeofday 165 mount 166 umount2 167 swapon 168 swapoff 169 reboot 170 sethostname
        171 setdomainname 172 iopl 173 ioperm 174 create_module 175 init_module 176 delete_module 177 get_kernel_syms 178 query_module
        179 quotactl 180 nfsservctl 181 getpmsg 182 putpmsg 183 afs_syscall 184 tuxcall 185 security 212 lookup_dcookie
        214 epoll_ctl_old 215 epoll_wait_old 227 clock_settime 236 vserver 237 mbind 238 set_mempolicy 239 get_mempolicy 246 kexec_load
        248 add_key 249 request_key 250 keyctl 256 migrate_pages 272 unshare 279 move_pages 298 perf_event_open 300 fanotify_init
        304 open_by_handle_at 308 setns 310 process_vm_readv 311 process_vm_writev 312 kcmp 313 finit_module 320 kexec_file_load
        321 bpf 323 userfaultfd 425 io_uring_setup 426 io_uring_enter 427 io_uring_register 428 open_tree 429 move_mount 430 fsopen
        431 fsconfig 432 fsmount 433 fspick 435 clone3 438 pidfd_getfd 440 process_madvise 442 mount_setattr 443 quotactl_fd
        450 set_mempolicy_home_node
    """,
    0xC00000B7: """
        18 lookup_dcookie 29 ioctl 39 umount2 40 mount 41 pivot_root 42 nfsservctl 51 chroot 58 vhangup 60 quotactl 89 acct
        92 personality 97 unshare 104 kexec_load 105 init_module 106 delete_module 112 clock_settime 116 syslog 117 ptrace 142 reboot
        161 sethostname 162 setdomainname 170 settimeofday 198 socket 217 add_key 218 request_key 219 keyctl 220 clone 224 swapon
        225 swapoff 235 mbind 236 get_mempolicy 237 set_mempolicy 238 migrate_pages 239 move_pages 241 perf_event_open
        262 fanotify_init 265 open_by_handle_at 268 setns 270 process_vm_readv 271 process_vm_writev 272 kcmp 273 finit_module 280 bpf
        282 userfaultfd 294 kexec_file_load 425 io_uring_setup 426 io_uring_enter 427 io_uring_register 428 open_tree 429 move_mount
        430 fsopen 431 fsconfig 432 fsmount 433 fspick 435 clone3 438 pidfd_getfd 440 process_madvise 442 mount_setattr 443 quotactl_fd
        450 set_mempolicy_home_node
    """,
}


def name(arch: int, number: int) -> str:
    """Of a call as the kernel reports it; one that no table here has is `system call N`."""
    words = _NAMES.get(arch, "").split()
    found = dict(zip(words[::2], words[1::2], strict=True)).get(str(number))
    return found or _from_library(arch, number) or f"system call {number}"


def _from_library(arch: int, number: int) -> str:
    """By libseccomp, where it is installed."""
    from contain.errors import ContainError
    from contain.plan.seccomp.library import Library

    try:
        return Library().name(number, arch)
    except ContainError:
        return ""
