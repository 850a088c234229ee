"""The command line as a process: signals, pipes, terminals, a full disk."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

import evolve
from evolve.engine import Budget
from evolve.store import Reader
from tests.cli.toy import write_toy

EVOLVE = [sys.executable, "-m", "evolve"]
SLOW = """
import time

def solve(n):
    first = 0.25
    time.sleep(0.02)
    return first * n + 1.5
"""


def read_until(descriptor: int, sign: bytes) -> bytes:
    text = b""
    while sign not in text:
        text += os.read(descriptor, 4096)
    return text


def read_all(descriptor: int) -> str:
    text = b""
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # how a terminal says that nobody holds its other end any more
            part = b""
        if not part:
            return text.decode()
        text += part


def test_ctrl_c_in_a_terminal_stops_cleanly_and_tells_how_to_go_on(tmp_path: Path) -> None:
    write_toy(tmp_path, seed=SLOW)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    process = subprocess.Popen(
        [*EVOLVE, "run", "toy", "--max-evals", "100000", "--id", "one"],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    read_until(ours, b"best ")
    process.send_signal(signal.SIGINT)
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", read_all(ours))
    os.close(ours)
    assert process.wait() == 130
    assert "Stopping" in said
    assert "nothing is lost; go on with: evolve resume runs/one" in said
    with Reader(tmp_path / "runs/one") as reader:
        assert reader.events()[-1].data["reason"] == "interrupted"


def test_two_interrupts_stop_at_once_and_the_run_can_be_resumed(tmp_path: Path) -> None:
    write_toy(tmp_path, seed=SLOW.replace("0.02", "4.0"))
    command = [*EVOLVE, "run", "toy", "--id", "one", "--max-evals", "2", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while not (tmp_path / "runs/one/run.db").exists() or not started(tmp_path / "runs/one"):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert json.loads(process.stdout.readline())["text"].startswith("Stopping")
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 130
    with Reader(tmp_path / "runs/one") as reader:
        assert reader.last_id() == 0


def started(folder: Path) -> bool:
    try:
        with Reader(folder) as reader:
            return bool(reader.events(kind="started"))
    except Exception:  # noqa: BLE001 - the file may be half made
        return False


@pytest.mark.parametrize("arguments", [["problems"], ["run", "toy", "--max-evals", "2", "--id", "one"]])
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, arguments: list[str]) -> None:
    write_toy(tmp_path)
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [*EVOLVE, *arguments], cwd=tmp_path, stdout=write_end, stderr=subprocess.PIPE, check=False
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")
    if arguments[0] == "run":
        assert (tmp_path / "runs/one/best/result.json").is_file(), "the work goes on"


def test_json_goes_on_too_when_its_reader_goes_away(tmp_path: Path) -> None:
    write_toy(tmp_path)
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [*EVOLVE, "run", "toy", "--max-evals", "2", "--id", "one", "--json"]
    done = subprocess.run(command, cwd=tmp_path, stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "runs/one/best/result.json").is_file()


FULL_DISK = """
set -e
mount -t tmpfs -o size=320k none small
"$0" -m evolve run toy --runs small --id one --max-evals 16 >said 2>&1 && exit 90 || echo "code $?" >>said
mount -o remount,size=20m small
"$0" -m evolve resume small/one --json >resumed
"""


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    write_toy(tmp_path)
    (tmp_path / "small").mkdir()
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        subprocess.run(
            [*alone, "mount", "-t", "tmpfs", "none", tmp_path / "small"], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no right to mount a small file system")
    subprocess.run([*alone, "sh", "-c", FULL_DISK, sys.executable], cwd=tmp_path, check=True)
    said = (tmp_path / "said").read_text()
    assert "the disk is full" in said
    assert "`evolve resume` goes on from there" in said
    assert "code 2" in said
    straight = evolve.run(tmp_path / "toy", budget=Budget(max_evals=16), runs=tmp_path / "whole")
    resumed = json.loads((tmp_path / "resumed").read_text().splitlines()[-1])
    assert (resumed["evaluations"], resumed["archive_digest"]) == (16, straight.archive_digest)


def test_the_version_is_told_without_the_engine() -> None:
    code = (
        "import sys; sys.argv = ['evolve', '--version']\n"
        "from evolve.__main__ import main\n"
        "main()\n"
        "assert 'evolve.cli' not in sys.modules and 'evolve.engine' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{evolve.__version__}\n"
