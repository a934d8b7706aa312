"""Starts worker processes on this machine and never hangs."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.places import ROOT


def free_ports(count):
    """Returns ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def environment(**changes):
    """Returns the environment of a quiet process without a GPU."""
    kept = {
        name: value for name, value in os.environ.items() if name != "TF_CONFIG"
    }
    quiet = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return kept | quiet | {"PYTHONPATH": str(ROOT)} | changes


def start(command, num_workers, *, log_dir, **changes):
    """Starts one process a worker; each knows its task from TF_CONFIG."""
    return start_each([command] * num_workers, log_dir=log_dir, **changes)


def start_each(commands, *, log_dir, **changes):
    """Starts workers that have a command each."""
    hosts = [f"localhost:{port}" for port in free_ports(len(commands))]
    processes = []
    for index, command in enumerate(commands):
        task = {
            "cluster": {"worker": hosts},
            "task": {"type": "worker", "index": index},
        }
        with (Path(log_dir) / f"worker-{index}.log").open("w") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, *command],
                    cwd=ROOT,
                    env=environment(TF_CONFIG=json.dumps(task), **changes),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    return processes


def wait(processes, *, timeout_seconds, log_dir):
    """Waits for all; kills all when one fails or time is up."""
    end = time.monotonic() + timeout_seconds
    try:
        while any(each.poll() is None for each in processes):
            failed = [each for each in processes if each.poll()]
            if failed or time.monotonic() > end:
                break
            time.sleep(0.1)
        codes = [each.poll() for each in processes]
    finally:
        for each in processes:
            if each.poll() is None:
                each.kill()
            each.wait()
    logs = sorted(Path(log_dir).glob("worker-*.log"))
    said = "\n".join(path.read_text()[-3000:] for path in logs)
    assert codes == [0] * len(processes), f"{codes}\n{said}"
    return [path.read_text() for path in logs]


def wait_until(condition, *, timeout_seconds):
    """Waits until the condition holds; fails when time is up."""
    end = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < end, "Time is up."
        time.sleep(0.1)
