"""Labels of code lists."""

from __future__ import annotations

import pytest

from loader.labels import code_list, normalised


@pytest.mark.parametrize(("text", "same"), [("Carer’s  Allowance ", "carer's allowance"), ("A\nB", "a b"), ("", "")])
def test_differences_that_mean_nothing(text: str, same: str) -> None:
    assert normalised(text) == normalised(same) == same


@pytest.mark.parametrize("name", ["age-band", "benefit", "family-type"])
def test_every_label_finds_its_code(name: str) -> None:
    labels = code_list(name)
    assert labels.by_code
    assert {labels.code(label): label for label in labels.by_code.values()} == labels.by_code


def test_other_labels_find_the_code_too() -> None:
    assert code_list("benefit").code("State Pension (includes contributory and non contributory)") == "state-pension"


def test_unknown_labels_find_nothing() -> None:
    labels = code_list("age-band")
    assert labels.code("18 to 24") is None
    assert labels.group(["18 to 24"]) is None
    assert labels.group([]) is None
