"""Attacks that leave something behind for a later program. The heir of each looks for it."""

from __future__ import annotations

from evolve.testing.hostile._attack import Attack, code, inherits

_CATEGORY = "persistence"


def _leave(name: str, intent: str, program: str, *arguments: str) -> Attack:
    return Attack(
        name,
        _CATEGORY,
        intent,
        code(program),
        arguments=arguments,
        succeeded=inherits("a later program found"),
        heir=True,
    )


ATTACKS = (
    _leave(
        "scratch_file",
        "Leave a file in the working folder.",
        """
            def attack():
                with open("note.txt", "w") as file:
                    file.write("for my heirs")

            def heir():
                return attempt(read, "note.txt")
        """,
    ),
    _leave(
        "shadow_module",
        "Leave a module in the working folder under the name of one that honest programs import.",
        """
            def attack():
                with open("fractions.py", "w") as file:
                    file.write("Fraction = lambda *_arguments: 7.0\\nnumerator = None\\nraise SystemExit")

            def heir():
                return os.path.exists("fractions.py")
        """,
    ),
    _leave(
        "temp_folders",
        "Leave files in the machine's temporary and shared-memory folders.",
        """
            def attack(tmp_marker, shm_marker, var_marker):
                return [attempt(os.mkdir, path) for path in (tmp_marker, shm_marker, var_marker)]

            def heir(**markers):
                return [path for path in markers.values() if os.path.exists(path)]
        """,
        "tmp_marker",
        "shm_marker",
        "var_marker",
    ),
    _leave(
        "shared_memory",
        "Leave a System V shared memory segment.",
        """
            def attack(ipc_key):
                return syscall(29, 194, ipc_key, 4096, 0o1666)

            def heir(ipc_key):
                return syscall(29, 194, ipc_key, 0, 0)[0] >= 0
        """,
        "ipc_key",
    ),
    _leave(
        "message_queue",
        "Leave a POSIX message queue.",
        """
            def attack(label):
                return ctypes.CDLL(None).mq_open(f"/{label}".encode(), os.O_CREAT | os.O_RDWR, 0o666, None)

            def heir(label):
                return ctypes.CDLL(None).mq_open(f"/{label}".encode(), os.O_RDONLY) >= 0
        """,
        "label",
    ),
    _leave(
        "keyring",
        "Leave a key in the user's keyring (for ten seconds).",
        """
            def attack(label):
                key, _ = syscall(248, 217, b"user", label.encode(), b"note", 4, -4)
                return syscall(250, 219, 15, key, 10)

            def heir(label):
                return syscall(250, 219, 10, -4, b"user", label.encode(), 0)[0] >= 0
        """,
        "label",
    ),
    _leave(
        "patched_interpreter",
        "Leave changed modules and hooks in the interpreter, in case it is used again.",
        """
            import gc, numpy, random, threading

            def attack():
                numpy.left_behind = random.left_behind = True
                gc.callbacks.append(lambda *_arguments: None)
                sys.setprofile(lambda *_arguments: None)
                threading.setprofile(lambda *_arguments: None)
                sys.path.insert(0, "/left_behind")
                os.environ["LEFT_BEHIND"] = "1"

            def heir():
                found = [hasattr(numpy, "left_behind"), bool(sys.getprofile()), "LEFT_BEHIND" in os.environ]
                return any([*found, "/left_behind" in sys.path, len(gc.callbacks) > 2])
        """,
    ),
    _leave(
        "seeded_random",
        "Leave random generators in a state that later programs would repeat.",
        """
            import random

            def attack():
                random.seed(12345)

            def heir():
                return random.random() == random.Random(12345).random()
        """,
    ),
    _leave(
        "waiting_process",
        "Leave a process that holds a note in an abstract socket.",
        """
            def attack(label):
                if os.fork() == 0:
                    os.setsid()
                    os.closerange(0, 256)
                    sock = socket.socket(socket.AF_UNIX)
                    sock.bind("\\0" + label + "-note")
                    sock.listen()
                    time.sleep(3)
                    os._exit(0)
                time.sleep(0.1)

            def heir(label):
                sock = attempt(socket.socket, socket.AF_UNIX)
                return sock is not None and sock.connect_ex("\\0" + label + "-note") == 0
        """,
        "label",
    ),
    _leave(
        "mounted_scratch",
        "Mount a folder of its own over the working folder.",
        """
            def attack(label):
                target = os.path.join(os.getcwd(), f"{label}-cover").encode()
                os.mkdir(target)
                return syscall(165, 40, b"none", target, b"tmpfs", 0, None)

            def heir(label):
                return f"{label}-cover" in (attempt(read, "/proc/self/mountinfo") or "")
        """,
        "label",
    ),
    Attack(
        "teach_modules",
        _CATEGORY,
        "Claim to have imported thousands of modules, in case the executor learns what to load beforehand.",
        code("""
            def attack():
                names = [f"email.{'x' * 80}{number}".encode() for number in range(3000)]
                texts = b"".join((b"s" + struct.pack("<I", len(name)) + name) * 3 for name in names)
                body = b"EV1l" + struct.pack("<I", 3 * len(names)) + texts
                data = b"R" + struct.pack("<Q", 4) + b"EV1N" + b"M" + struct.pack("<Q", len(body)) + body
                os.set_blocking(3, True)
                while data:
                    data = data[os.write(3, data) :]
                os._exit(0)
        """),
        neighbours=30,  # executors learn now and then only
    ),
)
