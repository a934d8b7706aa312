"""What the page of a run says of how far its answers can be believed."""

import functools
from collections.abc import Mapping
from typing import Any

from gblend_keras import heads
from gblend_keras.reporting import run_data
from gblend_keras.reporting.figures import reliability
from gblend_keras.reporting.page import html
from gblend_keras.reporting.page import sections

EQUAL = "pool, equal exponents"


def reliability_section(run: run_data.RunData) -> html.Section | None:
    """Returns the reliability diagram; None without an evaluation of today."""
    scores = run.evaluation.get("heads", {})
    shown: dict[str, Mapping[str, Any]] = {
        answer: scores[answer]
        for answer in (heads.JOINT, *heads.COMBINED)
        if answer in run.answers and "reliability" in scores.get(answer, {})
    }
    equal = run.evaluation.get("pool", {}).get("equal")
    if heads.POOL in shown and equal is not None:
        shown[EQUAL] = equal
    if not shown:
        return None
    order = [*run.heads, *heads.COMBINED, EQUAL]
    picture = html.figure(
        functools.partial(
            reliability.draw_reliability,
            answers={name: each["reliability"] for name, each in shown.items()},
            indices={name: place for place, name in enumerate(order)},
        ),
        size=reliability.SIZE,
        alt="Reliability diagram; calibration errors: "
        + ", ".join(
            f"{name} {sections.percent(each['ece'])} %"
            for name, each in shown.items()
        ),
    )
    table = html.table(
        "How far probabilities can be believed",
        ("answer", "NLL, nats", "ECE %"),
        [
            (name, sections.number(each["nll"]), sections.percent(each["ece"]))
            for name, each in shown.items()
        ],
    )
    return html.section(
        "Reliability",
        html.paragraph(
            "Below the diagonal an answer is surer than it is right, above it "
            "less sure. The size of a mark is the share of forecasts."
        ),
        html.gallery([picture, table]),
    )
