"""System calls that a program must not make, with their numbers on the supported machines.

Numbers are kernel ABI: they never change. Columns: x86-64, aarch64; None where it does not exist.
"""

from __future__ import annotations

import platform

MACHINES = ("x86_64", "aarch64")
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_Number = int | None

DENIED: dict[str, dict[str, tuple[_Number, _Number]]] = {
    "network": {
        "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242),
        "bind": (49, 200), "listen": (50, 201),
    },
    "other processes": {
        "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
        "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "kcmp": (312, 272),
        "process_madvise": (440, 440), "process_mrelease": (448, 448), "migrate_pages": (256, 238),
        "move_pages": (279, 239),
    },
    "new programs": {"execve": (59, 221), "execveat": (322, 281)},
    "file systems": {
        "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
        "move_mount": (429, 429), "open_tree": (428, 428), "open_tree_attr": (467, 467), "fsopen": (430, 430), "fsconfig": (431, 431),
        "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "mknod": (133, None),
        "mknodat": (259, 33), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
        "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "swapon": (167, 224), "swapoff": (168, 225),
        "quotactl": (179, 60), "quotactl_fd": (443, 443), "acct": (163, 89), "ustat": (136, None),
        "sysfs": (139, None), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42), "uselib": (134, None),
    },
    "namespaces": {"unshare": (272, 97), "setns": (308, 268)},
    "kernel": {
        "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "keyctl": (250, 219), "add_key": (248, 217),
        "request_key": (249, 218), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
        "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142),
        "syslog": (103, 116), "personality": (135, 92), "iopl": (172, None), "ioperm": (173, None),
        "modify_ldt": (154, None), "vhangup": (153, 58), "_sysctl": (156, None), "vmsplice": (278, 75),
    },
    "clock and names": {
        "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
        "sethostname": (170, 161), "setdomainname": (171, 162),
    },
    "memory outside of the limits": {
        "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
        "semget": (64, 190), "msgget": (68, 186), "msgsnd": (69, 189), "mq_open": (240, 180),
        "mbind": (237, 235), "set_mempolicy": (238, 237),
    },
}  # fmt: skip
"""Denied with EPERM, by what they would reach."""

CLONE = (56, 220)
"""Allowed without namespace flags: threads and forks are counted by other layers."""
FORKS = ((57, None), (58, None))
"""fork and vfork, where they are calls of their own."""
CLONE3 = (435, 435)
"""Its flags lie in memory that a filter cannot read: ENOSYS makes the C library fall back to clone."""
MMAP = (9, 222)
"""Refused for shared anonymous memory: its pages can be kept without being mapped, where nobody counts them."""
SOCKETPAIR = (53, 199)
"""Allowed for AF_UNIX, which connects a process with itself; asyncio needs it."""


def machine() -> str | None:
    """Return the column to use, or None on a machine whose numbers are not known here."""
    name = platform.machine()
    return name if name in MACHINES else None


def denied_numbers(of_machine: str) -> dict[str, int]:
    """Return the denied calls of a machine by name."""
    column = MACHINES.index(of_machine)
    found = {}
    for calls in DENIED.values():
        for name, numbers in calls.items():
            number = numbers[column]
            if number is not None:
                found[name] = number
    return found
