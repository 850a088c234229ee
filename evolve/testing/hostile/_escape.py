"""Attacks that read or change files which a program has no business with."""

from __future__ import annotations

from evolve.testing.hostile._attack import Attack, claims, code, granted

_CATEGORY = "escape"

ATTACKS = (
    Attack(
        "read_file",
        _CATEGORY,
        "Read a secret that every user of the machine may read.",
        code("""
            def attack(secret):
                return read(secret)
        """),
        arguments=("secret",),
    ),
    Attack(
        "read_home",
        _CATEGORY,
        "Read a key in the user's home.",
        code("""
            def attack(home_secret):
                return read(home_secret)
        """),
        arguments=("home_secret",),
    ),
    Attack(
        "read_other_run",
        _CATEGORY,
        "Read the programs of another run.",
        code("""
            def attack(other_run):
                return [read(entry.path) for entry in os.scandir(other_run)]
        """),
        arguments=("other_run",),
    ),
    Attack(
        "read_dotdot",
        _CATEGORY,
        "Climb out of the scratch folder by a relative path.",
        code("""
            def attack(secret):
                return read("../" * 40 + secret.lstrip("/"))
        """),
        arguments=("secret",),
    ),
    Attack(
        "read_by_root_links",
        _CATEGORY,
        "Reach a secret through the root folders that /proc shows of every process.",
        code("""
            def attack(secret, engine_pid, sentinel_pid):
                owners = ["self", "thread-self", 1, os.getppid(), engine_pid, sentinel_pid]
                links = ["root", "cwd/" + "../" * 40]
                paths = [f"/proc/{owner}/{link}/{secret}" for owner in owners for link in links]
                return [attempt(read, path) for path in paths]
        """),
        arguments=("secret", "engine_pid", "sentinel_pid"),
    ),
    Attack(
        "symlink",
        _CATEGORY,
        "Reach a secret through symbolic links in the scratch folder, to it and to its folder.",
        code("""
            def attack(secret):
                os.symlink(secret, "file")
                os.symlink(os.path.dirname(secret), "folder")
                return [attempt(read, "file"), attempt(read, "folder/secret.txt")]
        """),
        arguments=("secret",),
    ),
    Attack(
        "hardlink",
        _CATEGORY,
        "Give a secret a second name in the scratch folder.",
        code("""
            def attack(secret):
                os.link(secret, "mine")
                return read("mine")
        """),
        arguments=("secret",),
    ),
    Attack(
        "rename",
        _CATEGORY,
        "Move a secret away into the scratch folder.",
        code("""
            def attack(secret):
                os.rename(secret, "mine")
        """),
        arguments=("secret",),
    ),
    Attack(
        "inherited_descriptors",
        _CATEGORY,
        "Read from every descriptor that was left open, by number.",
        code("""
            def attack():
                for fd in range(3, 4097):
                    attempt(os.set_blocking, fd, False)
                return [attempt(os.pread, fd, 1000, 0) for fd in range(4097)]
        """),
    ),
    Attack(
        "reopened_descriptors",
        _CATEGORY,
        "Open again, through /proc, what the open descriptors point at.",
        code("""
            def attack():
                found = []
                for name in os.listdir("/proc/self/fd"):
                    path = attempt(os.readlink, f"/proc/self/fd/{name}") or ""
                    if path.startswith("/") and os.path.isfile(path):
                        found.append(attempt(read, f"/proc/self/fd/{name}"))
                return found
        """),
    ),
    Attack(
        "read_scorer",
        _CATEGORY,
        "Read the scorer's source.",
        code("""
            def attack(scorer):
                return read(scorer)
        """),
        arguments=("scorer",),
    ),
    Attack(
        "find_scorer",
        _CATEGORY,
        "Find the scorer's source by walking from every folder that the interpreter knows.",
        code("""
            def attack(scorer):
                starts = {os.getcwd(), "/tmp", os.path.dirname(os.path.dirname(scorer))}
                starts |= {path for path in sys.path if path and "python" not in path}
                found = []
                for start in starts:
                    for folder, folders, files in os.walk(start):
                        deep = folder.count("/") - start.count("/") > 1
                        folders[:] = [] if deep else folders[:200]
                        text = attempt(read, folder + "/score.py") or ""
                        found += [text] if "canary-" in text else []
                return found
        """),
        arguments=("scorer",),
    ),
    Attack(
        "read_package",
        _CATEGORY,
        "Read the source of the sandbox and the scorers that come with the package.",
        code("""
            def attack(package):
                found = []
                for folder in (package, os.path.join(os.path.dirname(package), "problems")):
                    for place, _, names in os.walk(folder):
                        found += [os.path.join(place, name) for name in names if name.endswith(".py")]
                return [path for path in found if attempt(read, path)][:10]
        """),
        arguments=("package",),
        succeeded=claims("read"),
    ),
    Attack(
        "change_scorer",
        _CATEGORY,
        "Replace the scorer by one that is easily pleased.",
        code("""
            def attack(scorer):
                with open(scorer, "w") as file:
                    file.write("def score(output, params, case): return 1e9")
        """),
        arguments=("scorer",),
    ),
    Attack(
        "read_store",
        _CATEGORY,
        "Read the run's database.",
        code("""
            def attack(store):
                import sqlite3
                return sqlite3.connect(store).execute("SELECT note FROM programs").fetchall()
        """),
        arguments=("store",),
    ),
    Attack(
        "change_store",
        _CATEGORY,
        "Improve a score in the run's database.",
        code("""
            def attack(store):
                import sqlite3
                with sqlite3.connect(store) as database:
                    database.execute("UPDATE programs SET score = 1e9")
        """),
        arguments=("store",),
    ),
    Attack(
        "write_libraries",
        _CATEGORY,
        "Write next to the libraries that honest programs import.",
        code("""
            def attack(site_marker, stdlib_marker):
                return [attempt(os.mkdir, path) for path in (site_marker, stdlib_marker)]
        """),
        arguments=("site_marker", "stdlib_marker"),
    ),
    Attack(
        "write_home_and_problem",
        _CATEGORY,
        "Write into the user's home and into the problem's folder.",
        code("""
            def attack(home_marker, problem_marker):
                return [attempt(os.mkdir, path) for path in (home_marker, problem_marker)]
        """),
        arguments=("home_marker", "problem_marker"),
    ),
    Attack(
        "list_temp",
        _CATEGORY,
        "List what other programs keep in the machine's temporary folder.",
        code("""
            def attack(temp_root):
                return [name for name in os.listdir(temp_root) if name.startswith("evolve-hostile-")]
        """),
        arguments=("temp_root",),
        succeeded=claims("saw the folders of others"),
    ),
    Attack(
        "chroot",
        _CATEGORY,
        "Break out of a changed root by changing it once more.",
        code("""
            def attack(secret):
                os.mkdir("jail")
                os.chroot("jail")
                for _ in range(40):
                    os.chdir("..")
                os.chroot(".")
                return read(secret)
        """),
        arguments=("secret",),
    ),
    Attack(
        "file_handle",
        _CATEGORY,
        "Open a secret by its inode, past every path (open_by_handle_at).",
        code("""
            def attack(handle, handle_kind):
                raw = bytes.fromhex(handle)
                handle = ctypes.create_string_buffer(struct.pack("<Ii", len(raw), handle_kind) + raw)
                for folder in ("/", "/usr", "/tmp", sys.prefix, os.getcwd()):
                    mount = attempt(os.open, folder, os.O_RDONLY)
                    if mount is not None:
                        fd, _ = syscall(304, 265, mount, handle, os.O_RDONLY)
                        if fd >= 0:
                            return os.read(fd, 1000)
        """),
        arguments=("handle", "handle_kind"),
    ),
    Attack(
        "bind_mount",
        _CATEGORY,
        "Mount the root of another process into the scratch folder.",
        code("""
            def attack(secret, label):
                target = os.path.join(os.getcwd(), f"{label}-mount")
                os.mkdir(target)
                done = syscall(165, 40, os.path.dirname(secret).encode(), target.encode(), None, 4096, None)
                return [done, attempt(read, target + "/secret.txt")]
        """),
        arguments=("secret", "label"),
    ),
    Attack(
        "uncover",
        _CATEGORY,
        "Unmount what may cover this package's own folder.",
        code("""
            def attack(package):
                mark_as_unused = 4  # unmounts nothing at the first call
                return syscall(166, 39, package.encode(), mark_as_unused)
        """),
        arguments=("package",),
        succeeded=granted("EINVAL", "EAGAIN", "EBUSY"),  # permitted, whether it is a mount or not
    ),
    Attack(
        "devices",
        _CATEGORY,
        "Open the machine's memory, its kernel log, and its disks.",
        code("""
            def attack():
                names = ["mem", "kmem", "port", "kmsg", "kvm", "fuse", "loop-control"]
                names += ["sda", "vda", "xvda", "nvme0n1", "mmcblk0", "dm-0", "loop0"]
                opened = []
                for name in names:
                    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
                    fd = attempt(os.open, f"/dev/{name}", flags)
                    if fd is not None:
                        opened.append(name)
                        os.close(fd)
                return opened
        """),
        succeeded=claims("opened devices"),
    ),
    Attack(
        "change_devices",
        _CATEGORY,
        "Change the rights of devices that everybody uses (to what they are).",
        code("""
            def attack():
                def change(path):
                    os.chmod(path, os.stat(path).st_mode & 0o7777)
                    return path
                return [path for path in ("/dev/null", "/dev/zero", "/dev/urandom") if attempt(change, path)]
        """),
        succeeded=claims("changed"),
    ),
    Attack(
        "kernel_settings",
        _CATEGORY,
        "Open the kernel's settings for writing (nothing is written).",
        code("""
            def attack():
                paths = ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/sys/kernel/uevent_helper"]
                paths += ["/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory"]
                return [path for path in paths if attempt(os.open, path, os.O_WRONLY) is not None]
        """),
        succeeded=claims("opened for writing"),
    ),
)
