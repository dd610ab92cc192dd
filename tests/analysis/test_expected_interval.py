"""What interval to expect before anything is trained."""

import pytest

from mmssod.analysis.expected_interval import FEW, expected, fit_half_width, half_width
from mmssod.own_data.new.project import interval_lines


def test_four_times_the_images_halve_it():
    assert expected(4) == '+-9.8 AP (5.8 to 15.6, by data set)'
    assert half_width(4) == pytest.approx(2 * half_width(16)) and half_width(1) > half_width(2)


def test_the_fit_finds_the_constant():
    """Exactly, where the law holds; half at one size and twice at another cancel, whatever the sizes."""
    sizes = [1, 4, 25, 100]
    assert fit_half_width(sizes, [12 / n**0.5 for n in sizes]) == pytest.approx(12)
    assert fit_half_width([1, 100], [6, 2.4]) == pytest.approx(12)


@pytest.mark.parametrize('call', [lambda: half_width(0), lambda: fit_half_width([], [])])
def test_nothing_is_refused(call):
    with pytest.raises(ValueError, match='expected'):
        call()


def test_of_few_images_new_says_what_to_expect(tmp_path):
    lines = interval_lines(5, 20, True, tmp_path)
    assert (
        lines[0].startswith('5 images to evaluate on are few: ')
        and f'{half_width(5):.1f} AP' in lines[0]
    )
    assert f'mmssod run {tmp_path} --folds 5 judges on all 25 labeled images' in lines[1]
    assert f'{half_width(25):.1f} AP' in lines[1] and '5 times as long' in lines[1]


def test_of_a_set_of_its_own_folds_are_named_where_they_are_more(tmp_path):
    assert 'all 20 labeled images' in interval_lines(10, 20, False, tmp_path)[1]
    assert len(interval_lines(30, 20, False, tmp_path)) == 1
    assert '--folds 3 ' in interval_lines(1, 2, True, tmp_path)[1]
    assert interval_lines(FEW, 200, True, tmp_path) == []
