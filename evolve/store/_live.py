"""Is a run in progress? Its engine holds a lock for as long as it lives, however it ends."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

LOCK_FILE = "run.lock"


def live_since(folder: Path) -> str:
    """Return when the engine at work began, UTC, ISO 8601; raises OSError when there never was one."""
    return datetime.fromtimestamp((folder / LOCK_FILE).stat().st_mtime, UTC).isoformat()


def is_live(folder: Path) -> bool:
    """Tell whether an engine is at work on the run in `folder`; False for what is no run."""
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
