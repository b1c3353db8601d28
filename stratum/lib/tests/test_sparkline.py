import re

from hypothesis import given
from hypothesis import strategies as st

from stratum.lib.sparkline import HEIGHT, WIDTH, sparkline

VALUES = st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), max_size=60)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.e+]+),(-?[\d.e+]+)", path)]


def test_a_rise_goes_up_the_box():
    spark = sparkline([0, 5, 10])
    ys = [y for _, y in points(spark.line)]
    assert ys == sorted(ys, reverse=True)
    assert points(spark.line)[0] == (0.0, HEIGHT - 2.0)
    assert points(spark.line)[-1] == (WIDTH, 2.0)


def test_fewer_than_two_values_draw_nothing():
    assert sparkline([]) is None
    assert sparkline([None, 4, None]) is None


def test_a_gap_breaks_the_line():
    assert sparkline([1, 2, None, 3, 4]).line.count("M") == 2


def test_all_alike_is_a_level_line():
    assert len({y for _, y in points(sparkline([7, 7, 7], from_zero=False).line)}) == 1


def test_immature_days_join_the_settled_ones():
    spark = sparkline([1, 2, 3, 4, 5], immature_tail=2)
    assert points(spark.line)[-1] == points(spark.immature)[0]
    assert len(points(spark.line)) == 3
    assert len(points(spark.immature)) == 3


def test_baseline_is_zero_unless_asked_otherwise():
    wobble = [100, 101, 100]
    assert min(y for _, y in points(sparkline(wobble).line)) < 3
    heights = {y for _, y in points(sparkline(wobble).line)}
    assert max(heights) - min(heights) < 1
    spread = {y for _, y in points(sparkline(wobble, from_zero=False).line)}
    assert max(spread) - min(spread) > 20


@given(VALUES, st.integers(0, 70), st.booleans())
def test_every_point_stays_in_the_box(values, tail, from_zero):
    spark = sparkline(values, immature_tail=tail, from_zero=from_zero)
    if spark is None:
        assert len([value for value in values if value is not None]) < 2
        return
    for path in (spark.line, spark.immature, spark.area):
        for x, y in points(path):
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT
