"""Two workers killed at random points end as an unbroken run does."""

import collections
import random
import time

import numpy as np
import pytest

from tests import toy
from tests.distribution import cluster
from tests.journeys import kill_test
from tests.journeys import killer

KILLS = {"one": 6, "both": 4}
KILLS_PER_CHAIN = 5
# Of a worker whose peer is gone: TensorFlow looks after its peers every 10 s.
MOST_SECONDS = 120
KINDS = {0: killer.KINDS, 1: ("batch", "measure", "time")}  # 0 writes


class Workers:
    """Two processes that train in one folder.

    Args:
        folder: Where data and runs are.
        name: Of the run.
    """

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.workdir = folder / name

    def start(self, victim=None, kind="never", number=0):
        """Starts both; the victim's process may be armed."""
        settings = [*kill_test.SETTINGS, f"data.path={self.folder}/toy.npz"]
        flags = [
            "--recipe=arrays",
            "--strategy=multi_worker",
            "--deterministic",
            f"--workdir={self.workdir}",
            *(f"--set={each}" for each in settings),
        ]
        points = [["never", "0"], ["never", "0"]]
        if kind not in ("never", "time"):
            points[victim] = [kind, str(number)]
        commands = [["-m", "tests.journeys.armed", *p, *flags] for p in points]
        self.processes = cluster.start_each(commands, log_dir=self.folder)

    def said(self, index):
        return (self.folder / f"worker-{index}.log").read_text()

    def wait(self):
        cluster.wait(self.processes, timeout_seconds=600, log_dir=self.folder)

    def _have_met(self):
        """Says if the workers found each other: the chief holds the lock."""
        try:
            holder = (self.workdir / ".lock").read_text()
        except FileNotFoundError:
            return False
        return f"process {self.processes[0].pid} on" in holder

    def died(self, victim, kind, number):
        """Waits for the victim's end; says if it was killed."""
        process = self.processes[victim]
        end = time.monotonic() + 600
        if kind == "time":
            while not self._have_met() and process.poll() is None:
                time.sleep(0.05)
            time.sleep(number)
            process.kill()
        while any(each.poll() is None for each in self.processes):
            assert time.monotonic() < end, "hangs"
            if process.poll() is not None:
                break
            time.sleep(0.02)
        code = process.wait(timeout=60)
        assert code in (0, -9), f"{code}\n{self.said(victim)[-3000:]}"
        return code == -9

    def end_other(self, victim):
        """Waits for the other worker to end by itself; says how long."""
        began = time.monotonic()
        code = self.processes[1 - victim].wait(timeout=MOST_SECONDS)
        said = self.said(1 - victim)
        if code == 0:  # it was through
            return 0.0
        assert code == 1, f"{code}\n{said[-3000:]}"
        assert "train: Another worker has ended." in said
        assert "Traceback" not in said
        return time.monotonic() - began

    def stop(self):
        for each in self.processes:
            if each.poll() is None:
                each.kill()
            each.wait()


def kill_once(workers, who, rng):
    """Kills a run once; returns the point, or None if it came to its end."""
    victim = rng.randrange(2)
    kind = rng.choice(KINDS[victim])
    number = (
        rng.uniform(0.0, 20.0)
        if kind == "time"
        else rng.randint(1, killer.MOST[kind])
    )
    began = time.monotonic()
    workers.start(victim, kind, number)
    try:
        if not workers.died(victim, kind, number):
            workers.processes[1 - victim].wait(timeout=60)
            return None
        seconds = None
        if who == "one":
            seconds = workers.end_other(victim)
        point = (who, victim, kind, number, seconds)
        took = time.monotonic() - began
        print(workers.name, point, f"took {took:.0f} s", flush=True)
        return point
    finally:
        workers.stop()


@pytest.mark.large
def test_killed_workers_end_as_two_unbroken_ones(tmp_path):
    x, y = toy.arrays(num_examples=90)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    whole = Workers(tmp_path, "whole")
    whole.start()
    whole.wait()
    expected = kill_test.outcome(whole.workdir)
    rng = random.Random(0)
    left = [who for who, count in KILLS.items() for _ in range(count)]
    rng.shuffle(left)
    survived = collections.Counter()
    for chain in range(len(left)):
        workers = Workers(tmp_path, f"chain-{chain}")
        killed = []
        while left and len(killed) < KILLS_PER_CHAIN:
            point = kill_once(workers, left[-1], rng)
            if point is None:
                break
            killed.append(left.pop())
        workers.start()
        workers.wait()
        found = kill_test.outcome(workers.workdir)
        for part, value in expected.items():
            assert found[part] == value, f"{workers.name}: {part}"
        survived.update(killed)
        print(f"survived: {dict(survived)}", flush=True)
        if not left:
            break
    assert survived == KILLS
