"""The trainer's appendix says of every prediction what came of it, and of every exercise what solves it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from support_notebooks import each_lesson

from mailkit import training, workbook
from mailkit.exercises.core import Prediction

REVEALED = "… not attempted: You made no guess; it was `{}`."


def shown(*texts: str) -> list[object]:
    return [new_output("display_data", data={"text/plain": text}) for text in texts]


@each_lesson
def test_every_prediction_has_its_answer_among_its_choices(lesson: Path) -> None:
    predictions, observed = training.predictions(lesson), training.observed(workbook.read(lesson))
    assert predictions and set(observed) == set(predictions)
    for name, prediction in predictions.items():
        assert observed[name] in prediction.choices, name


@each_lesson
def test_every_exercise_stands_in_the_appendix_with_its_solution_and_why(lesson: Path) -> None:
    text = training.answers(lesson)
    assert text.startswith(f"## {lesson.stem}\n")
    for name, question in training.questions(lesson).items():
        part = text.partition(f"**{name}** {question.ask}")[2].partition("\n**q")[0]
        assert question.explanation in part and part.count("```") == 2
        assert all(hint in part for hint in question.hints)
    assert len(re.findall(r"^\| p\d+ \|", text, re.MULTILINE)) == len(training.predictions(lesson))


@each_lesson
def test_the_appendix_shows_what_wrong_answers_are_told(lesson: Path) -> None:
    assert "* Wrong: " in training.answers(lesson)


def test_results_are_given_to_predictions_in_the_order_of_the_cell() -> None:
    source = "display(p2.reveal(a),\n        p1.reveal(b))"
    cell = new_code_cell(source, outputs=shown("a table", REVEALED.format("yes"), REVEALED.format("no")))
    assert training.observed(new_notebook(cells=[cell])) == {"p2": "yes", "p1": "no"}


def test_what_could_not_be_observed_has_no_answer() -> None:
    gone = "≠ cannot be compared: It did not happen, or could not be seen from here. Run the experiment again."
    cell = new_code_cell("p1.reveal(None)", outputs=shown(gone))
    assert training.observed(new_notebook(cells=[cell])) == {"p1": ""}


@pytest.mark.parametrize("outputs", [[], ["✓ right: You guessed `yes`, and so it was."]])
def test_a_notebook_that_was_not_stored_from_the_top_is_refused(outputs: list[str]) -> None:
    cell = new_code_cell("p1.reveal(a)", outputs=shown(*outputs))
    with pytest.raises(ValueError, match=r"p1: .* store the lesson again"):
        training.observed(new_notebook(cells=[cell]))


def test_the_command_prints_some_lessons_or_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main(["answers", "01_op25b"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# Answers") and "## 01_op25b" in printed and "## 00" not in printed
    assert training.main(["answers", "99_nothing"]) == 2
    assert "01_op25b" in capsys.readouterr().err


def test_asking_for_the_appendix_leaves_the_learners_exercises_as_they_are() -> None:
    lesson = workbook.lessons()[0]
    first: Prediction = next(iter(training.predictions(lesson).values()))
    question = next(iter(training.questions(lesson).values()))
    training.answers(lesson)
    assert "first attempt" in question.solution().text and not first._guess
