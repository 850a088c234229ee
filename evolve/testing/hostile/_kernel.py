"""Attacks on the kernel's wider surface: calls that no program of ours has a use for.

Every call is made so that it has no effect when it is permitted: with an invalid magic, an empty
module, the value that is already set. That it was permitted shows in which error it ends with.
"""

from __future__ import annotations

from evolve.testing.hostile._attack import Attack, claims, code, granted

_CATEGORY = "kernel"


def _call(name: str, intent: str, call: str, *past_permission: str, setup: str = "") -> Attack:
    """An attack that makes one system call: numbers on x86-64 and aarch64, then the arguments."""
    lines = "".join(f"    {line}\n" for line in (*setup.splitlines(), f"return syscall({call})"))
    return Attack(
        name, _CATEGORY, intent, code(f"def attack():\n{lines}"), succeeded=granted(*past_permission)
    )


def _probe(name: str, intent: str, program: str, what: str, *arguments: str) -> Attack:
    return Attack(name, _CATEGORY, intent, code(program), arguments=arguments, succeeded=claims(what))


_MACHINE_CODE = """
    import mmap
    memory = mmap.mmap(-1, 4096, prot=7)
    memory.write({code})
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    if os.uname().machine == "x86_64":
        number = call()
        return number if number > 0 else None
"""

ATTACKS = (
    _call("unshare_user", "Become root of a user namespace.", "272, 97, 0x10000000"),
    _call("unshare_mount", "Get a mount namespace of its own.", "272, 97, 0x20000"),
    _call("unshare_net", "Get a network namespace of its own.", "272, 97, 0x40000000"),
    _probe(
        "clone_user",
        "Fork into a new user namespace.",
        """
            def attack():
                libc = ctypes.PyDLL(None, use_errno=True)
                number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
                pid = libc.syscall(number, ctypes.c_ulong(0x10000000 | signal.SIGCHLD), 0, 0, 0, 0)
                if pid == 0:
                    os._exit(0)
                return max(pid, 0)
        """,
        "forked into it",
    ),
    _probe(
        "clone3_user",
        "Fork into a new user namespace by the call whose flags a filter cannot see.",
        """
            def attack():
                libc = ctypes.PyDLL(None, use_errno=True)
                fields = struct.pack("<8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
                flags = ctypes.create_string_buffer(fields)
                pid = libc.syscall(435, flags, ctypes.c_size_t(64))
                if pid == 0:
                    os._exit(0)
                return max(pid, 0)
        """,
        "forked into it",
    ),
    _probe(
        "setns",
        "Enter the namespaces of another process.",
        """
            def attack(sentinel_pid):
                entered = []
                for owner in (1, sentinel_pid):
                    for name in ("net", "ipc", "uts"):
                        fd = attempt(os.open, f"/proc/{owner}/ns/{name}", os.O_RDONLY)
                        if fd is not None and syscall(308, 268, fd, 0)[0] == 0:
                            entered.append(name)
                return entered
        """,
        "entered",
        "sentinel_pid",
    ),
    _probe(
        "mount",
        "Mount a file system.",
        """
            def attack(label):
                target = os.path.join(os.getcwd(), f"{label}-fs").encode()
                os.mkdir(target)
                kinds = (b"tmpfs", b"proc")
                return [kind for kind in kinds if syscall(165, 40, b"none", target, kind, 0, None)[0] == 0]
        """,
        "mounted",
        "label",
    ),
    _call("new_mount_api", "Mount by the newer calls (fsopen).", "430, 430, b'tmpfs', 0"),
    _call("open_tree", "Copy a part of the file tree (open_tree).", "428, 428, -100, b'/', 1"),
    _call("pivot_root", "Exchange the root folder.", "155, 41, b'/nowhere', b'/nowhere'", "ENOENT"),
    _call("chroot_to_root", "Change the root folder (to what it is).", "161, 51, b'/'"),
    _call(
        "bpf",
        "Load a program into the kernel.",
        "321, 280, 5, ctypes.create_string_buffer(128), 128",
        "EINVAL",
        "EFAULT",
        "E2BIG",
    ),
    _call(
        "perf_events",
        "Open a performance counter, which sees the kernel.",
        "298, 241, settings, 0, -1, -1, 0",
        setup="settings = ctypes.create_string_buffer(struct.pack('<IIQ', 1, 112, 9), 112)",
    ),
    _call("keyctl", "Look at the keyrings.", "250, 219, 0, -3, 1"),
    _call("add_key", "Add a key.", "248, 217, b'user', b'evolve-hostile', b'x', 1, -2"),
    _call("io_uring", "Set up a ring of system calls.", "425, 425, 4, ctypes.create_string_buffer(120)"),
    _call("userfaultfd", "Handle page faults, which stalls the kernel at will.", "323, 282, 0"),
    _call("userfaultfd_user", "Handle page faults of its own.", "323, 282, 1"),
    _call("personality", "Turn off the randomisation of addresses.", "135, 92, 0x0040000"),
    _call(
        "init_module",
        "Load a kernel module (an empty one).",
        "175, 105, None, 0, b''",
        "EFAULT",
        "ENOEXEC",
        "EINVAL",
    ),
    _call(
        "finit_module", "Load a kernel module from a file (none).", "313, 273, -1, b'', 0", "EBADF", "EINVAL"
    ),
    _call("delete_module", "Remove a kernel module (none).", "176, 106, b'', 0", "ENOENT", "EINVAL"),
    _call("kexec_load", "Replace the kernel (by none).", "246, 104, 0, 0, None, 0xFFFF", "EINVAL"),
    _call("reboot", "Restart the machine (with an invalid magic).", "169, 142, 1, 2, 3, None", "EINVAL"),
    _call("swapon", "Swap to a file (that is not there).", "167, 224, b'/nowhere/at/all', 0", "ENOENT"),
    _call(
        "acct", "Record every process in a file (that is not there).", "163, 89, b'/nowhere/at/all'", "ENOENT"
    ),
    _call("settimeofday", "Set the clock (to nothing).", "164, 170, None, None"),
    _call(
        "clock_adjtime",
        "Adjust the clock (by nothing).",
        "305, 266, 0, ctypes.create_string_buffer(struct.pack('<I', 0x4000) + bytes(252))",
        "EINVAL",
    ),
    _call(
        "sethostname",
        "Set the host's name (to what it is).",
        "170, 161, name, len(name)",
        setup="name = os.uname().nodename.encode()",
    ),
    _call("syslog", "Read the kernel's log.", "103, 116, 10, None, 0"),
    _call("iopl", "Get at input and output ports.", "172, None, 3"),
    _call("modify_ldt", "Change its segment table.", "154, None, 0, ctypes.create_string_buffer(64), 64"),
    _call("traceme", "Ask to be traced, which makes signals wait.", "101, 117, 0, 0, None, None"),
    _call("kcmp", "Compare kernel pointers of processes.", "312, 272, os.getpid(), os.getpid(), 0, 0, 0"),
    _call("fanotify", "Watch every access to files.", "300, 262, 0, 0"),
    _call(
        "vmsplice",
        "Map its pages into the kernel's pipes.",
        "278, 75, w, iov, 1, 0",
        setup=(
            "w, data = os.pipe()[1], ctypes.create_string_buffer(16)\n"
            "iov = ctypes.create_string_buffer(struct.pack('<QQ', ctypes.addressof(data), 16))"
        ),
    ),
    _probe(
        "make_device",
        "Make a device file for the machine's memory.",
        """
            def attack():
                os.mknod("memory", 0o020600, os.makedev(1, 1))
                return os.path.exists("memory")
        """,
        "made the device",
    ),
    _probe(
        "become_root",
        "Become root by asking.",
        """
            def attack():
                attempt(os.setresgid, 0, 0, 0)
                attempt(os.setresuid, 0, 0, 0)
                return 0 in (os.getuid(), os.geteuid(), os.getgid(), os.getegid())
        """,
        "is root",
    ),
    _probe(
        "capabilities",
        "Hold or regain capabilities.",
        """
            def attack():
                head = ctypes.create_string_buffer(struct.pack("<Ii", 0x20080522, 0), 8)
                full = ctypes.create_string_buffer(b"\\xff" * 24, 24)
                syscall(126, 91, head, full)
                held = ctypes.create_string_buffer(24)
                syscall(125, 90, head, held)
                return any(held.raw) and held.raw.hex()
        """,
        "holds capabilities",
    ),
    _probe(
        "regain_privileges",
        "Find out whether set-user-id programs would be honoured.",
        """
            def attack():
                return ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 0
        """,
        "new privileges are not forbidden",
    ),
    _probe(
        "run_shell",
        "Start another program.",
        """
            import subprocess

            def attack():
                return subprocess.run(["/bin/sh", "-c", "echo $((6 * 7))"], capture_output=True).stdout
        """,
        "a shell said",
    ),
    _probe(
        "run_set_user_id",
        "Start a program that runs as root whoever starts it.",
        """
            import subprocess

            def attack():
                done = []
                for path in ("/usr/bin/su", "/bin/mount", "/usr/bin/passwd", "/usr/bin/chsh"):
                    if attempt(os.stat, path) and os.stat(path).st_mode & 0o4000:
                        if attempt(subprocess.run, [path, "--version"], None, None, -3, -3, -3):
                            done.append(path)
                return done
        """,
        "started",
    ),
    _probe(
        "run_from_memory",
        "Start a program that has no file, only memory.",
        """
            def attack():
                with open(os.path.realpath("/bin/true"), "rb") as file:
                    image = file.read()
                fd, _ = syscall(319, 279, b"image", 0)
                os.write(fd, image)
                child = os.fork()
                if child == 0:
                    attempt(os.execve, fd, ["true"], {})
                    os._exit(99)
                return os.waitpid(child, 0)[1] == 0
        """,
        "it ran",
    ),
    _probe(
        "run_from_scratch",
        "Start a program that it has written itself.",
        """
            def attack():
                with open(os.path.realpath("/bin/true"), "rb") as file, open("mine", "wb") as copy:
                    copy.write(file.read())
                os.chmod("mine", 0o700)
                child = os.fork()
                if child == 0:
                    attempt(os.execv, "./mine", ["true"])
                    os._exit(99)
                return os.waitpid(child, 0)[1] == 0
        """,
        "it ran",
    ),
    Attack(
        "compat_32_bit",
        _CATEGORY,
        "Enter the kernel through its 32-bit table, where numbers mean other calls.",
        code("def attack():" + _MACHINE_CODE.format(code=r'b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"')),
        succeeded=claims("the 32-bit getpid said"),
    ),
    _call("compat_x32", "Enter the kernel through the x32 table.", "0x40000027, None"),
)
