"""EPIC-Kitchens metrics against numbers worked out by hand."""

import numpy as np
import pytest

from gblend_keras.evaluation import actions

# Two verbs, three nouns. Products (verb 0: n0 n1 n2 | verb 1: n0 n1 n2):
# row 0: 0.6*(0.5, 0.3, 0.2) = .30 .18 .12 | 0.4*(...) = .20 .12 .08
#        truth (1, 0) = .20; only .30 is larger: rank 1.
# row 1: 0.7*(0.1, 0.8, 0.1) = .07 .56 .07 | 0.3*(...) = .03 .24 .03
#        truth (0, 1) = .56: rank 0.
# row 2: 0.2*(0.4, 0.4, 0.2) = .08 .08 .04 | 0.8*(...) = .32 .32 .16
#        truth (1, 1) = .32 ties with (1, 0), which comes first: rank 1.
# row 3: 0.9*(0.2, 0.2, 0.6) = .18 .18 .54 | 0.1*(...) = .02 .02 .06
#        truth (1, 1) = .02 ties with (1, 0); .18 .18 .54 .06 .02: rank 5.
SEGMENTS = actions.Segments(
    verb_probabilities=[[0.6, 0.4], [0.7, 0.3], [0.2, 0.8], [0.9, 0.1]],
    noun_probabilities=[
        [0.5, 0.3, 0.2],
        [0.1, 0.8, 0.1],
        [0.4, 0.4, 0.2],
        [0.2, 0.2, 0.6],
    ],
    verbs=[1, 0, 1, 1],
    nouns=[0, 1, 1, 1],
)


def test_score_of_an_action_is_the_product_of_verb_and_noun():
    assert actions.action_ranks(SEGMENTS).tolist() == [1, 0, 1, 5]


def test_ranks_do_not_depend_on_the_chunks(monkeypatch):
    monkeypatch.setattr(actions, "_CHUNK_CELLS", 6)  # one segment at a time
    assert actions.action_ranks(SEGMENTS).tolist() == [1, 0, 1, 5]


def test_accuracy_of_verb_noun_and_action():
    found = actions.action_accuracy(SEGMENTS)
    # Verbs: rows 1 and 2 are right. Nouns: rows 0 and 1 are right; in row 2
    # noun 0 has the same probability and comes first. Actions: row 1 alone.
    assert found["verb"] == {"top1": 0.5, "top5": 1.0}
    assert found["noun"] == {"top1": 0.5, "top5": 1.0}
    assert found["action"] == {"top1": 0.25, "top5": 0.75}


def test_many_shot_asks_for_both_and_for_the_pair_itself():
    # Verb 0: 3 times, verb 1: 2, verb 2: 1. Noun 0: 2, noun 1: 4.
    verbs = [0, 0, 0, 1, 1, 2]
    nouns = [0, 1, 1, 1, 1, 0]
    found = actions.many_shot_classes(verbs, nouns, more_than=1)
    assert found.verbs == (0, 1)
    assert found.nouns == (0, 1)
    assert found.actions == ((0, 0), (0, 1), (1, 1))  # (1, 0) never occurs
    assert actions.many_shot_classes(verbs, nouns, more_than=2).verbs == (0,)
    assert actions.many_shot_classes(verbs, nouns).verbs == ()


def test_precision_and_recall_over_many_shot_classes():
    many_shot = actions.ManyShot((0, 1), (1, 2), ((0, 1), (1, 1)))
    found = actions.many_shot_scores(SEGMENTS, many_shot)
    # Answers: verbs 0 0 1 0 (true 1 0 1 1); nouns 0 1 0 2 (true 0 1 1 1).
    # Verb 0: precision 1/3, recall 1/1; verb 1: 1/1, 1/3.
    assert found["verb"] == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "num_classes": 2,
    }
    # Noun 2 is never true: left out. Noun 1: precision 1/1, recall 1/3.
    assert found["noun"] == {
        "precision": 1.0,
        "recall": pytest.approx(1 / 3),
        "num_classes": 1,
    }
    # Actions answered: (0,0) (0,1) (1,0) (0,2); true (1,0) (0,1) (1,1) (1,1).
    # (0,1): 1, 1; (1,1) is never answered: 0, 0.
    assert found["action"] == {
        "precision": 0.5,
        "recall": 0.5,
        "num_classes": 2,
    }


def test_without_many_shot_classes_there_is_no_mean():
    found = actions.many_shot_scores(SEGMENTS, actions.ManyShot((), (), ()))
    assert found["verb"] == {
        "precision": None,
        "recall": None,
        "num_classes": 0,
    }


def test_seen_and_unseen_kitchens_are_told_apart():
    found = actions.evaluate_actions(
        SEGMENTS,
        kitchens=["P01", "P02", "P02", "P09"],
        train_kitchens=["P02", "P02", "P03"],
        many_shot=actions.ManyShot((1,), (1,), ()),
    )
    assert [found[part]["num_segments"] for part in found] == [4, 2, 2]
    assert found["seen"]["verb"]["top1"] == 1.0  # rows 1 and 2
    assert found["unseen"]["verb"]["top1"] == 0.0  # rows 0 and 3
    assert found["seen"]["many_shot"]["noun"]["recall"] == 0.5


def test_part_without_a_segment_is_not_reported():
    found = actions.evaluate_actions(
        SEGMENTS, kitchens=["a"] * 4, train_kitchens=["a"]
    )
    assert list(found) == ["all", "seen"]
    assert list(actions.evaluate_actions(SEGMENTS)) == ["all"]


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"nouns": [0, 1]}, "on the same segments."),
        ({"verbs": [0, 1, 2, 0]}, "the verb model has all classes."),
        ({"nouns": [0, 1, 3, 0]}, "the noun model has all classes."),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, advice):
    with pytest.raises(ValueError, match=advice):
        actions.evaluate_actions(SEGMENTS._replace(**changes))


def test_kitchens_and_training_labels_must_fit():
    with pytest.raises(ValueError, match="in the order of the segments."):
        actions.evaluate_actions(SEGMENTS, kitchens=["a"], train_kitchens=["a"])
    with pytest.raises(ValueError, match="in the same order."):
        actions.many_shot_classes([0, 1], [0])


def test_product_of_certain_answers_is_the_first_action():
    verb, noun = np.eye(2)[[0, 1]], np.eye(3)[[2, 0]]
    segments = actions.Segments(verb, noun, [0, 1], [2, 0])
    assert actions.action_ranks(segments).tolist() == [0, 0]
