"""Remove what a program has left in its scratch folder."""

from __future__ import annotations

import contextlib
import math
import os
import time


def remove_tree(folder: str, *, deadline: float = math.inf) -> None:
    """Remove a folder of any depth, with any permissions and any number of files.

    What the system refuses to remove stays, and so does what is left at the deadline.

    Args:
        folder: What to remove.
        deadline: When to give up, on the monotonic clock.
    """
    moved = os.urandom(8).hex()  # a name that no program can have taken
    folders = [folder]
    for current in folders:  # grows while it is read
        with contextlib.suppress(OSError):
            os.chmod(current, 0o700)
            with os.scandir(current) as entries:
                for entry in entries:
                    if time.monotonic() > deadline:
                        return
                    if entry.name.startswith(moved):
                        continue
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.path)
                        continue
                    # Hoisted to the top, so that paths stay short however deep they were nested.
                    hoisted = os.path.join(folder, f"{moved}{len(folders)}")
                    os.chmod(entry.path, 0o700)
                    os.rename(entry.path, hoisted)
                    folders.append(hoisted)
    for current in reversed(folders):
        with contextlib.suppress(OSError):
            os.rmdir(current)
