"""Attacks on what is in memory and environments: keys, other processes' data."""

from __future__ import annotations

from evolve.testing.hostile._attack import Attack, code

_CATEGORY = "secrets"

ATTACKS = (
    Attack(
        "environment",
        _CATEGORY,
        "Read the engine's keys from the environment.",
        code("""
            def attack(variable):
                return dict(os.environ)
        """),
        arguments=("variable",),
    ),
    Attack(
        "environment_in_c",
        _CATEGORY,
        "Read the environment that the C library holds, also when Python's copy was emptied.",
        code("""
            def attack(variable):
                getenv = ctypes.CDLL(None).getenv
                getenv.restype = ctypes.c_char_p
                return getenv(variable.encode())
        """),
        arguments=("variable",),
    ),
    Attack(
        "environment_in_proc",
        _CATEGORY,
        "Read the environment that this process was started with, even if it was changed since.",
        code("""
            def attack():
                return read("/proc/self/environ")
        """),
    ),
    Attack(
        "environment_of_others",
        _CATEGORY,
        "Read the environments of a neighbour, and of the ancestors up to the engine.",
        code("""
            def attack(engine_pid, sentinel_pid):
                found, pid = [attempt(read, f"/proc/{sentinel_pid}/environ")], os.getppid()
                while pid > 1 and pid != engine_pid:
                    found.append(attempt(read, f"/proc/{pid}/environ"))
                    pid = int((attempt(read, f"/proc/{pid}/stat") or ") ? 0").rpartition(")")[2].split()[1])
                return found
        """),
        arguments=("engine_pid", "sentinel_pid"),
    ),
    Attack(
        "command_lines",
        _CATEGORY,
        "Read a secret from other processes' command lines.",
        code("""
            def attack():
                pids = [name for name in os.listdir("/proc") if name.isdigit()]
                lines = [attempt(read, f"/proc/{pid}/cmdline") or "" for pid in pids]
                return [line for line in lines if "canary-" in line]
        """),
    ),
    Attack(
        "own_memory",
        _CATEGORY,
        "Search this process's own memory for what its ancestors have left there.",
        code("""
            import re

            def attack():
                found = set()
                with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
                    for line in maps:
                        start, end = (int(place, 16) for place in line.split()[0].split("-"))
                        if line.split()[1].startswith("rw") and end - start < 2**26:
                            memory.seek(start)
                            data = attempt(memory.read, end - start) or b""
                            found.update(re.findall(rb"canary-[a-z]+-[0-9a-f]{32}", data))
                return sorted(found)
        """),
    ),
    Attack(
        "engine_memory",
        _CATEGORY,
        "Read the engine's memory through /proc.",
        code("""
            def attack(engine_pid, memory_address, memory_size):
                with open(f"/proc/{engine_pid}/mem", "rb", buffering=0) as memory:
                    memory.seek(memory_address)
                    return memory.read(memory_size)
        """),
        arguments=("engine_pid", "memory_address", "memory_size"),
    ),
    Attack(
        "write_engine_memory",
        _CATEGORY,
        "Write into the engine's memory through /proc.",
        code("""
            def attack(engine_pid, scratchpad_address):
                with open(f"/proc/{engine_pid}/mem", "r+b", buffering=0) as memory:
                    memory.seek(scratchpad_address)
                    memory.write(b"was here")
        """),
        arguments=("engine_pid", "scratchpad_address"),
    ),
    Attack(
        "process_vm_readv",
        _CATEGORY,
        "Read the engine's memory by a system call.",
        code("""
            def attack(engine_pid, memory_address, memory_size):
                mine = ctypes.create_string_buffer(memory_size)
                local = ctypes.create_string_buffer(struct.pack("<QQ", ctypes.addressof(mine), memory_size))
                remote = ctypes.create_string_buffer(struct.pack("<QQ", memory_address, memory_size))
                return [syscall(310, 270, engine_pid, local, 1, remote, 1, 0), mine.raw]
        """),
        arguments=("engine_pid", "memory_address", "memory_size"),
    ),
    Attack(
        "process_vm_writev",
        _CATEGORY,
        "Write into the engine's memory by a system call.",
        code("""
            def attack(engine_pid, scratchpad_address):
                mine = ctypes.create_string_buffer(b"was here", 8)
                local = ctypes.create_string_buffer(struct.pack("<QQ", ctypes.addressof(mine), 8))
                remote = ctypes.create_string_buffer(struct.pack("<QQ", scratchpad_address, 8))
                return syscall(311, 271, engine_pid, local, 1, remote, 1, 0)
        """),
        arguments=("engine_pid", "scratchpad_address"),
    ),
    Attack(
        "steal_descriptor",
        _CATEGORY,
        "Take an open file out of another process (pidfd_getfd).",
        code("""
            def attack(sentinel_pid):
                pidfd, _ = syscall(434, 434, sentinel_pid, 0)
                fd, _ = syscall(438, 438, pidfd, 0, 0)
                return os.pread(fd, 1000, 0)
        """),
        arguments=("sentinel_pid",),
    ),
    Attack(
        "descriptor_of_others",
        _CATEGORY,
        "Open a file that another process holds open, through /proc.",
        code("""
            def attack(sentinel_pid):
                return read(f"/proc/{sentinel_pid}/fd/0")
        """),
        arguments=("sentinel_pid",),
    ),
)
