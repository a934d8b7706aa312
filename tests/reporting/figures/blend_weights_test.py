"""Pictures of estimates."""

import pytest

from gblend_keras.reporting.figures import blend_weights
from gblend_keras.reporting.figures import style


@pytest.mark.parametrize("ratios", [[None, None], [0.1, 50.0], [0.0, 1.0]])
def test_ogr_that_is_missing_or_far_apart_can_be_drawn(ratios):
    def draw(figure):
        blend_weights.draw_ratios(
            figure, {"rgb": ratios}, epochs=["0-2", "2-4"]
        )

    text = style.svg(draw, size=(3, 2))
    assert text.count("∞") == ratios.count(None)
    assert ("logarithmic" in text) == (ratios == [0.1, 50.0])
