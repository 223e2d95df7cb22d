"""What a trainer has at hand is true: the answers, the minutes of each section, and the plans that add them up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from support_notebooks import each_lesson

from mailkit import training
from mailkit.exercises.core import Prediction
from mailkit.sections import ROOT, lessons, minutes, read_json, sections
from mailkit.training.__main__ import PLANS, main

each_plan = pytest.mark.parametrize("plan", PLANS)
PART = re.compile(r"^\| (\d+) \| ([^|]+) \| (\d+) \|", re.MULTILINE)
SECTIONS = re.compile(r"\b(\d\d)/(\d+)(?:–(\d+))?")
LESSON = re.compile(r"<!-- minutes of (\d\d_\w+) -->.*?<!-- end -->(.*?)(?=\n### |\Z)", re.DOTALL)
GUESSED = re.compile(r"\b(p\d+)(?:, “|「)([^”」]+)[”」](?:(?: or “|や「)([^”」]+)[”」])?")
REVEALED = "… not attempted: You made no guess; it was `{}`."


def shown(*texts: str) -> list[object]:
    return [new_output("display_data", data={"text/plain": text}) for text in texts]


@each_lesson
def test_every_prediction_has_its_answer_among_its_choices(lesson: Path) -> None:
    predictions, observed = training.predictions(lesson), training.observed(read_json(lesson))
    assert predictions and set(observed) == set(predictions)
    for name, prediction in predictions.items():
        assert observed[name] in prediction.choices, name


@each_lesson
def test_every_exercise_stands_in_the_appendix_with_its_solution_and_why(lesson: Path) -> None:
    text = training.answers(lesson)
    assert text.startswith(f"## {lesson.stem}\n")
    for name, question in training.questions(lesson).items():
        part = text.partition(f"\n**{name}** ")[2].partition("\n**q")[0]
        assert question.explanation in part and part.count("```") == 2
        asked = part.partition("\n")[0]
        assert "A, B or C" not in asked, "printed, the letters stand for nothing"
        if any(right in ("A", "B", "C") for right in question.right if isinstance(right, str)):
            assert all(f"**{letter}** " in asked for letter in "ABC"), name
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
    assert main(["answers", "01_op25b"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# Answers") and "## 01_op25b" in printed and "## 00" not in printed
    assert main(["answers", "99_nothing"]) == 2
    assert "01_op25b" in capsys.readouterr().err


def test_asking_for_the_appendix_leaves_the_learners_exercises_as_they_are() -> None:
    lesson = lessons()[0]
    first: Prediction = next(iter(training.predictions(lesson).values()))
    question = next(iter(training.questions(lesson).values()))
    training.answers(lesson)
    assert "first attempt" in question.solution().text and not first._guess


@each_lesson
def test_the_minutes_of_what_is_taught_add_up_to_what_the_lesson_says(lesson: Path) -> None:
    rows, notebook = training.marks(lesson), read_json(lesson)
    assert [row.at for row in rows] == [sum(row.minutes for row in rows[:place]) for place in range(len(rows))]
    taught = [section.key for section in sections(notebook) if section.kind == "teach"]
    assert [row.key for row in rows] == taught
    said = re.search(r"\| Time \| (\d+) minutes to teach", "".join(notebook["cells"][0]["source"]))
    assert said and sum(row.minutes for row in rows) == int(said[1])


@each_lesson
def test_no_more_than_twenty_minutes_pass_without_something_on_the_screen(lesson: Path) -> None:
    """What a section shows is taken to be spread over its minutes."""
    waited = 0.0
    for row in training.marks(lesson):
        things = len(row.pictures) + len(row.results) or bool(row.table)
        waited += row.minutes / (things or 1)
        assert waited <= 20, f"{lesson.stem}: {row.title}"
        waited = waited if not things else 0.0


def test_a_section_without_picture_and_prediction_names_its_table() -> None:
    for lesson in lessons():
        taught = {row.key: row for row in training.marks(lesson)}
        for section in sections(read_json(lesson)):
            if section.code and (row := taught.get(section.key)):
                assert row.pictures or row.results or row.table, f"{lesson.stem}: {row.title}"


@each_plan
def test_the_tables_of_the_plan_are_those_of_the_lessons(plan: str) -> None:
    text = (ROOT / plan).read_text(encoding="utf-8")
    assert [name for name, _ in LESSON.findall(text)] == [lesson.stem for lesson in lessons()]
    assert training.refreshed(text, plan, ROOT) == text, "run: .venv/bin/python -m mailkit.training refresh"


def test_a_table_of_a_lesson_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no lesson 99_nothing"):
        training.refreshed("<!-- minutes of 99_nothing -->\n<!-- end -->", "TRAINING.md", ROOT)


@each_plan
def test_the_slots_of_each_plan_have_ninety_minutes_and_their_sections_fit(plan: str) -> None:
    text = (ROOT / plan).read_text(encoding="utf-8")
    taken = {lesson.stem[:2]: minutes(read_json(lesson)) for lesson in lessons()}
    plans = [part for part in re.split(r"^### ", text, flags=re.MULTILINE) if PART.search(part)]
    assert [len({slot for slot, _, _ in PART.findall(part)}) for part in plans] == [1, 4, 8]
    for part in plans:
        slots: dict[str, int] = {}
        for slot, what, number in PART.findall(part):
            slots[slot] = slots.get(slot, 0) + int(number)
            if found := SECTIONS.match(what):
                lesson, first, last = found.groups()
                keys = [str(key) for key in range(int(first), int(last or first) + 1)]
                assert sum(taken[lesson][key] for key in keys) == int(number), f"{plan}: {what}"
        assert set(slots.values()) == {90}, plan


def test_both_plans_say_the_same() -> None:
    texts = [(ROOT / plan).read_text(encoding="utf-8") for plan in PLANS]
    numbers = [[(slot, SECTIONS.findall(what), number) for slot, what, number in PART.findall(text)] for text in texts]
    assert numbers[0] == numbers[1]
    guesses = [[GUESSED.findall(about) for _, about in LESSON.findall(text)] for text in texts]
    assert guesses[0] == guesses[1]


@each_plan
def test_the_wrong_answers_of_the_plan_are_choices_that_were_wrong(plan: str) -> None:
    text = (ROOT / plan).read_text(encoding="utf-8")
    for name, about in LESSON.findall(text):
        lesson = next(path for path in lessons() if path.stem == name)
        there, observed = training.predictions(lesson), training.observed(read_json(lesson))
        guesses = GUESSED.findall(about)
        assert len(guesses) >= 3, name
        for prediction, *words in guesses:
            for word in filter(None, words):
                assert word in there[prediction].choices and word != observed[prediction], f"{name} {prediction} {word}"
