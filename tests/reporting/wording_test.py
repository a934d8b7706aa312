"""What estimates are said to mean."""

import dataclasses

import pytest

from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.reporting import wording

# G 0.1, O 0.91: OGR 9.1, as the sound of the README's example.
ESTIMATE = BlendEstimate(
    epoch=0,
    num_epochs=10,
    weights={"lips": 0.63, "sound": 0.01, "joint": 0.36},
    generalization={"lips": 0.8, "sound": 0.1, "joint": 0.4},
    overfitting={"lips": 0.2, "sound": 0.91, "joint": 0.2},
    overfitting_error={"lips": 0.05, "sound": 0.1, "joint": 0.05},
    ogr={"lips": 0.25, "sound": 9.1, "joint": 0.5},
    intervals={"lips": (0.4, 0.8), "sound": (0.01, 0.02), "joint": (0.2, 0.5)},
    kept_previous=False,
    measure="loss",
    num_holdout=50,
    num_passes=2,
    examples_trained=1000,
    seconds=1.0,
)


def changed(**values):
    """The estimate with other values of single heads."""
    fields = {
        name: {**getattr(ESTIMATE, name), **value}
        if isinstance(value, dict)
        else value
        for name, value in values.items()
    }
    return dataclasses.replace(ESTIMATE, **fields)


def test_estimate_is_told_head_by_head_and_then_the_weights():
    assert wording.in_words([ESTIMATE]) == [
        "lips overfits at 25 % of the speed at which it generalises "
        "(OGR 0.25).",
        "sound overfits 9.1 times as fast as it generalises (OGR 9.10).",
        "joint overfits at 50 % of the speed at which it generalises "
        "(OGR 0.50).",
        "The weights are 0.63 / 0.01 / 0.36 (lips / sound / joint).",
        "The weight of sound cannot be told from 0.",
        "The weights can be told from uniform ones.",
    ]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"generalization": {"sound": -0.1}},
            "sound does not generalise: on held-out examples it became worse "
            "by 0.100 nats.",
        ),
        (
            {"overfitting": {"sound": 0.19}},
            "sound generalises by 0.100 nats; its overfitting, +0.190, cannot "
            "be told from 0.",
        ),
        (
            {"overfitting": {"sound": -0.5}},
            "sound generalises by 0.100 nats, and the gap between held-out "
            "and training examples shrinks.",
        ),
        (
            {"measure": "accuracy", "generalization": {"sound": -0.1}},
            "sound does not generalise: on held-out examples it became worse "
            "by 0.100 of accuracy.",
        ),
    ],
)
def test_head_out_of_the_ordinary_is_named_as_such(values, sentence):
    assert wording.in_words([changed(**values)])[1] == sentence


def test_weights_that_may_be_uniform_are_said_to_be_so():
    wide = dict.fromkeys(ESTIMATE.weights, (0.2, 0.6))
    sentences = wording.in_words([changed(intervals=wide)])
    assert sentences[-1].startswith("The weights cannot be told from uniform")
    assert not any("from 0." in each for each in sentences)


def test_higher_floor_is_named():
    found = changed(intervals={"joint": (0.05, 0.5)})
    at_floor = "The weight of joint cannot be told from its floor of 0.05."
    assert at_floor in wording.in_words([found], floors={"joint": 0.05})
    for floors in ({"other": 0.05}, {"joint": 0.04}, None):
        said = wording.in_words([found], floors=floors)
        assert not any("joint cannot be told" in each for each in said)


def test_no_generalisation_at_all_gives_advice_instead_of_weights():
    sentences = wording.in_words([changed(kept_previous=True)])
    assert sentences[-1].endswith("train longer, or hold out more examples.")
    assert not any("The weights" in each for each in sentences)


def test_repeats_are_summed_up_by_head():
    other = changed(weights={"lips": 0.43, "sound": 0.21})
    # Mean 0.53, deviation 0.2 / sqrt(2) = 0.14.
    sentences = wording.in_words([ESTIMATE, other])
    assert (
        "Over 2 seeds the weight of lips is 0.53 ± 0.14 (0.43 to 0.63)."
        in sentences
    )
