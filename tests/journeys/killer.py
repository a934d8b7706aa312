"""Kills runs at chosen points; a program of its own, for `kill_test.py`.

TensorFlow is imported once. Each run is a fork of this process, made before
TensorFlow's runtime begins, so it starts as any program does, but at once.
"""

import json
import os
import pathlib
import random
import signal
import sys
import threading
import time
import traceback

import keras

import gblend_keras as gb
from gblend_keras.blending import estimate_progress
from gblend_keras.blending import fit_arguments
from gblend_keras.training import trainer
from gblend_keras.utils import files

KINDS = ("cut", "before", "after", "batch", "measure", "time")
MOST = {"cut": 24, "before": 24, "after": 24, "batch": 60, "measure": 10}


def die():
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def at_call(owner, name, number, *, before=None, after=None):
    """Runs `before` or `after` at the n-th call of a function."""
    original = getattr(owner, name)
    calls = []

    def counted(*args, **kwargs):
        calls.append(1)
        chosen = len(calls) == number
        if chosen and before:
            before(*args)
        result = original(*args, **kwargs)
        if chosen and after:
            after()
        return result

    setattr(owner, name, counted)


def arm(kind, number):
    """Makes this process die at a point."""

    def cut(path, target):
        os.truncate(path, path.stat().st_size // 2)
        die()

    if kind == "cut":  # in the middle of writing a file
        at_call(pathlib.PosixPath, "replace", number, before=cut)
    elif kind == "before":  # written, not yet in its place
        at_call(pathlib.PosixPath, "replace", number, before=lambda *_: die())
    elif kind == "after":  # just in its place
        at_call(pathlib.PosixPath, "replace", number, after=die)
    elif kind == "batch":  # of training or of an estimate
        at_call(
            fit_arguments.LossGuard, "on_train_batch_end", number, after=die
        )
    elif kind == "measure":
        at_call(gb.BlendedModel, "measure", number, before=lambda *_: die())
    else:
        threading.Timer(number, die).start()


def point(rng):
    kind = rng.choice(KINDS)
    if kind == "time":
        return kind, rng.uniform(0.2, 6.0)
    return kind, rng.randint(1, MOST[kind])


def forked(recipe, run, chosen):
    """Trains in a fork; returns how it ended: a signal (< 0) or a code."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if chosen:
                arm(*chosen)
            trainer.train(recipe, run)
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(plan_path):
    plan = json.loads(pathlib.Path(plan_path).read_text())
    recipe = gb.config.with_settings(gb.recipes.get("arrays"), plan["settings"])
    estimate_progress.SHARE = 1e9  # every epoch of an estimate is written
    rng = random.Random(plan["seed"])
    root = pathlib.Path(plan["root"])
    log = {"kills": [], "chains": 0, "failed": []}

    def run(name):
        return trainer.Run(
            workdir=root / name,
            blend=plan["blend"],
            deterministic=True,
            verbose=False,
        )

    assert forked(recipe, run("whole"), None) == 0
    while len(log["kills"]) < plan["kills"] and not log["failed"]:
        name = f"chain-{log['chains']}"
        log["chains"] += 1
        for _ in range(plan["kills_per_chain"]):
            chosen = point(rng)
            code = forked(recipe, run(name), chosen)
            if code == 0:
                break
            if code != -signal.SIGKILL:
                log["failed"].append([name, chosen, code])
                break
            log["kills"].append([name, *chosen])
            print(name, *chosen, flush=True)
        if forked(recipe, run(name), None) != 0:
            log["failed"].append([name, "final"])
        files.write_json(root / "log.json", log)


if __name__ == "__main__":
    keras.config.disable_traceback_filtering()
    main(sys.argv[1])
