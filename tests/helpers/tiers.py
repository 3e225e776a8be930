"""Two tiers of tests: `make test` checks every property, `make test-all` checks it more often and on more cases."""

import re

import pytest

_DETAIL = re.compile(r'_(?:[tsblh]|9|15|18|block|g14|3x|160k|multiscale)(?=_)')


def sampled(cases, fast):
    """Returns values for `parametrize`: those in `fast` are in both tiers, all others are repetitions."""
    cases = [*cases]
    assert not [case for case in fast if case not in cases], 'a case of the fast tier is none of all'
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    marks = [() if case in fast else pytest.mark.repetition for case in cases]
    return [pytest.param(*value, marks=mark) for value, mark in zip(values, marks, strict=True)]


def one_of_each_kind(names):
    """Returns the first of the configs that differ in size, groups, scope and schedule alone."""
    kinds = {}
    for name in names:
        kinds.setdefault(_DETAIL.sub('', name), name)
    return [*kinds.values()]
