"""Runs a function in a process of its own.

XLA refuses some operations once op determinism is on in a process, which
nothing turns off again; runs of training turn it on.
"""

import multiprocessing


def run(function, *arguments):
    """Runs a function of a module, and fails if it fails."""
    spawned = multiprocessing.get_context("spawn").Process(
        target=function, args=arguments
    )
    spawned.start()
    spawned.join(timeout=300)
    assert spawned.exitcode == 0
