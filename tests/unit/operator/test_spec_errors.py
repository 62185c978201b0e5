"""One tree of errors, drawn where a reader looks first."""

import importlib
import pkgutil

import retrieval_operator
from retrieval_operator import errors
from retrieval_operator.errors import OperatorError, Problem, SpecError, UnknownField


def leaves() -> list[type[OperatorError]]:
    for module in pkgutil.walk_packages(retrieval_operator.__path__, "retrieval_operator."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return list(OperatorError.leaves())


def test_every_error_is_in_the_drawing():
    drawing = errors.__doc__ or ""
    assert [leaf.__name__ for leaf in leaves() if leaf.__name__ not in drawing] == []


def test_every_error_has_a_code_of_its_own():
    codes = [leaf.code for leaf in leaves()]
    assert sorted(set(codes)) == sorted(codes)


def test_a_problem_says_where_what_and_what_instead():
    problem = Problem("spec.embedder.workers", "0", "wanted 1 or more")
    assert str(problem) == "spec.embedder.workers: got 0, wanted 1 or more"


def test_several_problems_are_told_line_by_line():
    problem = Problem("spec.embedder.workers", "0", "wanted 1 or more")
    assert str(SpecError((problem, problem))).count("\n") == 1


def test_an_unknown_field_without_a_like_name_still_has_a_way_out():
    assert "`retrieval explain`" in str(UnknownField(path="x", nearest=()))
