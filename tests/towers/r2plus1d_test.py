"""R(2+1)D: the filters in the middle of a block."""

from gblend_keras.towers import r2plus1d


def test_middle_filters_by_hand():
    # 64 -> 64: 27 * 64 * 64 // (9 * 64 + 3 * 64) = 110592 // 768 = 144
    assert r2plus1d.middle_filters(64, 64) == 144
    # 64 -> 128: 221184 // (576 + 384) = 230.4, cut to 230
    assert r2plus1d.middle_filters(64, 128) == 230
