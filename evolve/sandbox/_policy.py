"""Policies: which layers must be in force before a program may run, and what to do when one is missing."""

from __future__ import annotations

from collections.abc import Collection

from evolve.errors import SandboxError
from evolve.sandbox import _kernel

STRICT = "strict"
PROCESS = "process"
POLICIES = (STRICT, PROCESS)

CORE = (
    "user_namespace",
    "pid_namespace",
    "network_namespace",
    "ipc_namespace",
    "mount_namespace",
    "own_root",
    "process_ceiling",
    "dropped_capabilities",
    "no_new_privs",
    "seccomp",
)
"""Layers without which the strict policy runs nothing."""

_NAMESPACES_REMEDY = (
    "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
    "user.max_user_namespaces > 0, kernel.apparmor_restrict_unprivileged_userns=0); in a container, "
    "start it with --security-opt seccomp=unconfined"
)
REMEDIES = {
    "seccomp": "use a kernel with CONFIG_SECCOMP_FILTER on x86-64 or aarch64",
    "no_new_privs": "use Linux 3.5 or newer",
    "cgroup": (
        "start the engine alone in a cgroup of version 2 that is delegated to it: "
        "systemd-run --user --scope -p Delegate=yes evolve ... (as root without --user)"
    ),
}


def default_policy() -> str:
    """Return the strict policy on Linux, elsewhere the portable floor."""
    return STRICT if _kernel.LINUX else PROCESS


def remedy(layer: str) -> str:
    """Say how to get a missing layer."""
    return REMEDIES.get(layer, _NAMESPACES_REMEDY)


def require(policy: str, layers: Collection[str]) -> None:
    """Refuse to go on when a layer that the policy requires is not in force.

    Raises:
        SandboxError: names every missing layer and the remedies.
    """
    missing = [layer for layer in CORE if layer not in layers] if policy == STRICT else []
    if missing:
        remedies = "; ".join(dict.fromkeys(remedy(layer) for layer in missing))
        raise SandboxError(
            f"the strict sandbox policy needs layers that this system does not offer: "
            f"{', '.join(missing)}. "
            f"To get them: {remedies}. `evolve doctor` shows all layers. To run programs that you trust "
            "without them: --sandbox process."
        )
