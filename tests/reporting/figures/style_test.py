"""The look of pictures."""

from gblend_keras.reporting.figures import style


def test_pictures_take_the_colour_of_the_text_around_them():
    def draw(figure):
        axis = figure.subplots()
        axis.set_title(f'id="x" {style.INK}')

    text = style.svg(draw, size=(3, 2))
    assert "currentColor" in text
    assert f'id="x" {style.INK}' in text  # what a user wrote stays
    assert text.count(style.INK) == 1
    assert text.lower().count(style.INK.lower()) == 1


def test_palette_is_told_apart_in_grey_by_marker_and_hatch():
    looks = [style.look(place) for place in range(5)]
    for name in ("color", "marker", "hatch", "line"):
        assert len({str(getattr(look, name)) for look in looks}) == 5
