"""The exercises: their mechanism, and the right and wrong answers of every question of every lesson."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import math
import pkgutil
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mailkit import exercises, workbook
from mailkit.exercises.checkers import choice, names, number, results_of, text
from mailkit.exercises.core import CannotCheck, Prediction, Question
from mailkit.exercises.feedback import Feedback, FeedbackKind
from mailkit.exercises.unquoted import with_quotes
from mailkit.results import Outcome

PLACEHOLDERS = (..., None, "", " ", "…", "...", "?")


def same_domain(one: str, other: str) -> bool:
    """The solution of the question below about a function."""
    return one.lower() == other.lower()


def endless() -> Any:
    while True:
        yield "587"


SAMPLES = {
    "choice": Question(
        "What does silence mean?",
        choice("dropped", {"refused": "A refusal is an answer.", "slow": "The deadline was generous."}),
        hints=("Time it.", "Nothing came back."),
        explanation="A filter threw the packets away.",
        right=("dropped", " Dropped "),
        wrong=("refused", "purple", 25, ["dropped"]),
    ),
    "number": Question(
        "How many lookups?",
        number(10, reasons={11: "RFC 7208 section 4.6.4 allows one fewer."}),
        hints=("See RFC 7208.",),
        explanation="Ten.",
        right=(10, "10", 10.0, np.int64(10)),
        wrong=(11, 9, "ten", True, [10], math.nan, math.inf, 10**400, {}),
    ),
    "text": Question(
        "The record of a domain that sends nothing?",
        text("v=spf1 -all", pattern=r"v=spf1\s+\?all", otherwise="It should refuse everyone."),
        hints=("Two words.",),
        explanation="Nobody may send.",
        right=("v=spf1 -all", "V=SPF1  -all ", "v=spf1 ?all"),
        wrong=("v=spf1 ~all", 7, b"v=spf1 -all", "a" * 100_000),
    ),
    "names": Question(
        "Which ports are for submission?",
        names(("465", "587")),
        hints=("Two of them.",),
        explanation="RFC 8314 and RFC 6409.",
        right=(("465", "587"), {587, 465}, "465, 587", "587 465", "{587, 465}", pd.Series([465, 587]), [587, 465, 587]),
        wrong=([587], "25, 465, 587", 587, {25: "relay"}, [[465], [587]]),
    ),
    "exact": Question(
        "Which password does the line hold?",
        text("neko-22", exact=True, otherwise="Decode the last word."),
        hints=("Decode it.",),
        explanation="It is there to be read.",
        right=("neko-22", " neko-22 "),
        wrong=("NEKO-22", "Neko-22", "neko -22", "neko", 22),
    ),
    "function": Question(
        "Say whether two domains are the same.",
        results_of([(("a.example", "A.Example"), True), (("a.example", "b.example"), False)]),
        takes_function=True,
        hints=("Case does not matter.",),
        explanation="RFC 4343.",
        right=(same_domain,),
        wrong=(lambda one, other: one == other, lambda one, other: pd.DataFrame({"a": [1]}), "same_domain"),
    ),
    "code": Question(
        "Return the port for submission.",
        number(587),
        hints=("RFC 6409.",),
        explanation="587.",
        right=(587, lambda: 587),
        wrong=(lambda: 25,),
    ),
}


def load(name: str, source: str, folder: Path) -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LESSON_MODULES = [
    importlib.import_module(f"mailkit.exercises.{m.name}") for m in pkgutil.iter_modules(exercises.__path__)
]
QUESTIONS = [
    *(pytest.param(question, id=f"sample-{name}") for name, question in SAMPLES.items()),
    *(
        pytest.param(value, id=f"{module.__name__.rpartition('.')[2]}-{name}")
        for module in LESSON_MODULES
        for name, value in vars(module).items()
        if isinstance(value, Question)
    ),
]
PREDICTIONS = [
    pytest.param(value, id=f"{module.__name__.rpartition('.')[2]}-{name}")
    for module in LESSON_MODULES
    for name, value in vars(module).items()
    if isinstance(value, Prediction)
]


def fresh(exercise: Any) -> Any:
    return dataclasses.replace(exercise)


def checkable(question: Question, answer: Any) -> Feedback:
    feedback = fresh(question).check(answer)
    if feedback.kind is FeedbackKind.CANNOT_CHECK:
        pytest.skip(f"cannot be checked here: {feedback.text}")
    return feedback


# Every question there is, of the lessons and of this file.


@pytest.mark.parametrize("question", QUESTIONS)
def test_right_answers_check_right(question: Question) -> None:
    assert question.right
    for answer in question.right:
        feedback = checkable(question, answer)
        assert feedback.kind is FeedbackKind.RIGHT, (answer, feedback)


@pytest.mark.parametrize("question", QUESTIONS)
def test_wrong_answers_check_wrong_and_say_in_what(question: Question) -> None:
    assert question.wrong
    for answer in question.wrong:
        feedback = checkable(question, answer)
        assert feedback.kind is FeedbackKind.WRONG, (answer, feedback)
        assert len(feedback.text.split()) >= 3, (answer, feedback)


@pytest.mark.parametrize("question", QUESTIONS)
def test_unanswered_raises_nothing_and_reveals_no_solution(question: Question) -> None:
    question = fresh(question)
    shown = [question.check(placeholder) for placeholder in PLACEHOLDERS] + [question.solution()]
    assert {feedback.kind for feedback in shown} == {FeedbackKind.NOT_ATTEMPTED}
    assert not any(feedback.code or question.explanation in feedback.text for feedback in shown)
    assert question.explanation not in repr(question)


@pytest.mark.parametrize("question", QUESTIONS)
def test_hints_and_solution_are_there(question: Question) -> None:
    question = fresh(question)
    assert question.ask and question.hints and question.explanation
    for number_, hint in enumerate(question.hints, start=1):
        assert question.hint().text == f"({number_} of {len(question.hints)}) {hint}"
    assert "no further hint" in question.hint().text
    assert not callable(question.right[0]) or question.right[0].__name__ != "<lambda>"
    question.check(question.wrong[0])
    solution = question.solution()
    assert solution.kind is FeedbackKind.SOLUTION and solution.code and question.explanation == solution.text


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_predictions_of_the_lessons(prediction: Prediction) -> None:
    assert prediction.ask.endswith("?") and len(prediction.choices) >= 2
    for choice_ in prediction.choices:
        for typed in (choice_, choice_.upper(), f" {choice_}", f"“{choice_}”"):
            assert fresh(prediction).guess(typed).text.startswith(f"{choice_}."), typed
    for word, others in prediction.also.items():
        assert word in prediction.choices
        assert all(fresh(prediction).guess(other).text.startswith(f"{word}.") for other in others)
    assert fresh(prediction).guess("…").kind is FeedbackKind.NOT_ATTEMPTED


# The mechanism.


def test_the_example_of_the_docstring_works(tmp_path: Path) -> None:
    assert exercises.__doc__
    start = exercises.__doc__.index("    from mailkit.exercises.checkers")
    example = textwrap.dedent(exercises.__doc__[start : exercises.__doc__.index("The first of ``right``")])
    module = load("docstring_example", example, tmp_path)
    for question in (module.q1, module.q2):
        assert all(fresh(question).check(answer).kind is FeedbackKind.RIGHT for answer in question.right)
        assert all(fresh(question).check(answer).kind is FeedbackKind.WRONG for answer in question.wrong)
    module.q2.check(587)
    assert module.q2.solution().code == "def is_submission(port: int) -> bool:\n    return port in (465, 587)"
    assert module.p1.guess("timeout").kind is FeedbackKind.NOTED


def test_a_guess_is_noted_and_compared() -> None:
    p = Prediction("What comes back on port 25?", choices=("open", "refused", "timeout", "not_connected"))
    assert p.reveal(Outcome.TIMEOUT).text == "You made no guess; it was `timeout`."
    assert repr(p.guess(" TimeOut ")) == "✎ noted: timeout. Run the next cell and compare."
    assert p.reveal(Outcome.TIMEOUT).kind is FeedbackKind.RIGHT
    assert p.reveal("open") == Feedback(FeedbackKind.WRONG, "You guessed `timeout`; it was `open`.")
    assert p.reveal(Outcome.RESET).kind is FeedbackKind.CANNOT_COMPARE, (
        "where no guess could be right, none is called wrong"
    )
    assert "`reset`" in p.reveal(Outcome.RESET).text
    p.guess("not connected")
    assert p.reveal(Outcome.NOT_CONNECTED).kind is FeedbackKind.RIGHT


def test_a_guess_outside_the_choices_is_not_noted() -> None:
    p = Prediction("?", choices=("open", "timeout"))
    p.guess("open")
    feedback = p.guess("purple")
    assert feedback.kind is FeedbackKind.NOT_ATTEMPTED
    assert feedback.text == '`purple` is none of the choices: write `"open"` or `"timeout"`.'
    assert "no guess" in p.reveal("open").text


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_no_guess_yet(placeholder: Any) -> None:
    p = Prediction("?", choices=("open", "timeout"))
    p.guess("open")
    assert p.guess(placeholder).text.startswith("No guess yet")
    assert "no guess" in p.reveal("open").text
    assert Prediction("?", choices=("open",)).guess().kind is FeedbackKind.NOT_ATTEMPTED


@pytest.mark.parametrize(
    "nothing", [None, ..., "", "?", math.nan, pd.NA, Outcome.NOT_RUN, TimeoutError("late"), ConnectionResetError()]
)
def test_what_did_not_happen_cannot_be_compared(nothing: Any) -> None:
    p = Prediction("?", choices=("open", "timeout"))
    for guess in (..., "timeout"):
        p.guess(guess)
        assert p.reveal(nothing).kind is FeedbackKind.CANNOT_COMPARE
        assert "did not happen" in p.reveal(nothing).text


OUTCOMES = ("open", "refused", "timeout", "unreachable", "intercepted", "rejected")
NEAR = [
    *(
        (OUTCOMES, word, "open")
        for word in ("open", "Open", " OPEN ", "opens", "“open”", "'open'", "ｏｐｅｎ", open, "op")
    ),
    *(
        (OUTCOMES, word, "timeout")
        for word in ("time-out", "Timed out", "nothing", "silence", "timeouts", "blocked", "t")
    ),
    *((OUTCOMES, word, "refused") for word in ("refusal", "ref", "closed", "connection refused")),
    *(
        (OUTCOMES, word, None)
        for word in ("purple", "re", 25, 5, ["open"], b"open", 1.5, "open or timeout", "x" * 10_000)
    ),
    *((("2xx", "4xx", "5xx"), word, "5xx") for word in (5, "5", "550", 550, "5xx", "5XX", "５", "550 5.1.1", "5 xx")),
    *((("2xx", "4xx", "5xx"), word, None) for word in (3, "no", "55", "5550x", 0)),
    *((("2", "4", "5"), word, "5") for word in (5, "554", "5xx", "５")),
    *((("yes", "no"), word, "yes") for word in ("y", "Yes", True, np.bool_(True), "true", "はい", "Yes.")),
    *((("yes", "no"), word, "no") for word in ("n", "No!", False, "nope", "いいえ")),
    *((("yes", "no"), word, None) for word in ("maybe", 5, "nothing", "yes and no")),
    *((("nothing", "the server's key"), word, "nothing") for word in ("nothing", "Nothing", "NOTHING.")),
    *((("nothing", "the server's key"), word, "the server's key") for word in ("servers key", "key", "server’s key")),
    *((("0", "1", "2", "3"), word, "0") for word in (0, "zero", "none", "0")),
    *((("0", "1", "2", "3"), word, None) for word in (4, "many", -1)),
    *((("the domain", "the host", "both"), word, "the host") for word in ("host", "hosts", "The Host")),
    *((("TLS 1.2", "TLS 1.3"), word, "TLS 1.3") for word in ("1.3", "tls1.3", "Tls-1.3")),
    *((("envelope", "header"), word, "envelope") for word in ("env", "the envelope", "Envelope", "envelopes")),
    *((("pass", "fail", "none"), word, "pass") for word in ("passed", "passes", "Pass")),
]


@pytest.mark.parametrize(("choices", "word", "taken"), NEAR, ids=lambda value: str(value)[:24])
def test_near_misses_are_taken_and_the_rest_is_answered_kindly(choices: Any, word: Any, taken: str | None) -> None:
    p = Prediction("?", choices=choices)
    feedback = p.guess(word)
    if taken is None:
        assert feedback.kind is FeedbackKind.NOT_ATTEMPTED
        assert all(f'`"{choice}"`' in feedback.text for choice in choices), "it says what may be written"
        assert "no guess" in p.reveal(choices[0]).text
    else:
        assert feedback == Feedback(FeedbackKind.NOTED, f"{taken}. Run the next cell and compare.")
        assert p.reveal(taken).kind is FeedbackKind.RIGHT


def test_a_prediction_may_have_words_of_its_own() -> None:
    p = Prediction("?", choices=("nothing", "a bounce"), also={"a bounce": ("error mail", "a message")})
    assert p.guess("Error-Mail").text.startswith("a bounce")
    assert p.guess("bounce").text.startswith("a bounce")


def test_words_without_quotes_are_taken_for_text() -> None:
    p1 = Prediction("?", choices=("server", "client"))
    p2 = Prediction("?", choices=("2xx", "4xx", "5xx"))
    p3 = Prediction("?", choices=("nothing", "the server's key"))
    q1, q2 = SAMPLES["choice"], SAMPLES["function"]
    names = {"p1": p1, "p2": p2, "p3": p3, "q1": q1, "q2": q2, "server": ("smtp.example", 587), "mine": "client"}
    for line, taken in {
        'p1.guess(server)   # "server" or "client"': """p1.guess('server')   # "server" or "client\"""",
        "p1.guess( Client )": "p1.guess('Client')",
        "p1.guess(“server”)": "p1.guess('server')",
        'p1.guess("server)': "p1.guess('server')",
        "p1.guess(purple)": "p1.guess('purple')",
        "p2.guess(5xx)": "p2.guess('5xx')",
        "p2.guess(550 5.1.1)": "p2.guess('550 5.1.1')",
        "p3.guess(the server's key)": 'p3.guess("the server\'s key")',
        "display(p1.guess(client), p2.guess(4xx))": "display(p1.guess('client'), p2.guess('4xx'))",
        "q1.check(dropped)": "q1.check('dropped')",
        "q1.check(jiro@kaisha.example)": "q1.check('jiro@kaisha.example')",
        "q1.check(v=spf1 -all)": "q1.check('v=spf1 -all')",
        # what is Python, or no answer, stays as it is
        "p1.guess(...)": "p1.guess(...)",
        "p1.guess()": "p1.guess()",
        "p1.guess(None)": "p1.guess(None)",
        'p1.guess("server")': 'p1.guess("server")',
        "p1.guess(mine)": "p1.guess(mine)",
        "p2.guess(5)": "p2.guess(5)",
        "p9.guess(server)": "p9.guess(server)",
        "q1.check(mine)": "q1.check(mine)",
        "q2.check(same_dmain)": "q2.check(same_dmain)",
        "print(server)": "print(server)",
    }.items():
        assert with_quotes(line, names, Prediction, Question) == taken


def test_a_learner_may_forget_the_quotes_in_a_notebook(tmp_path: Path) -> None:
    cells = [
        "from mailkit.exercises.op25b import p1, q1",
        "p1.guess(timeout)",
        "p1.guess(“Refused”)",
        "p1.guess(5xx)",
        "q1.check(B)",
        "mine = 'A'\nq1.check(mine)",
        "def answer():\n    return 'C'\n\nq1.check(answer)",
        "one, two = 'A', ...\nq1.check(two)",
    ]
    notebook = workbook.execute(new_notebook(cells=[new_code_cell(cell) for cell in cells]), tmp_path)
    shown = [output.data["text/plain"] for cell in notebook.cells for output in cell.outputs]
    assert shown[:2] == [f"✎ noted: {word}. Run the next cell and compare." for word in ("timeout", "refused")]
    assert shown[2].startswith("… not attempted: `5xx` is none of the choices")
    assert shown[3].startswith("✗ not right")
    # A name that the same cell defines is that name, and no word without quotes.
    assert [text.partition(":")[0] for text in shown[4:]] == ["✓ right", "✗ not right", "… not attempted"]


def test_learners_code_that_raises_is_told_apart() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text for you")

    def divides() -> float:
        return 1 / 0

    def leaves() -> None:
        raise SystemExit(3)

    def hostile(one: str, other: str) -> bool:
        raise ValueError("<b>\x1b[31m\u202e" + "x" * 5_000)

    def unprintable() -> None:
        raise Unprintable

    feedback = fresh(SAMPLES["code"]).check(divides)
    assert feedback.kind is FeedbackKind.YOUR_CODE_RAISED and "`ZeroDivisionError: division by zero`" in feedback.text
    assert fresh(SAMPLES["code"]).check(leaves).kind is FeedbackKind.YOUR_CODE_RAISED
    assert "`Unprintable`" in fresh(SAMPLES["code"]).check(unprintable).text
    assert "TypeError" in fresh(SAMPLES["function"]).check(lambda: True).text, "too few parameters"
    shown = fresh(SAMPLES["function"]).check(hostile)
    assert shown.kind is FeedbackKind.YOUR_CODE_RAISED
    assert "\x1b" not in shown.text and "\u202e" not in shown.text and len(shown.text) <= 600
    assert "<b>" not in shown._repr_html_() and "&lt;b&gt;" in shown._repr_html_()


def test_an_interrupt_is_the_learners_to_make() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fresh(SAMPLES["code"]).check(interrupted)


def test_a_function_that_returns_nothing_is_not_attempted() -> None:
    question = fresh(SAMPLES["function"])
    assert question.check(lambda one, other: None).kind is FeedbackKind.NOT_ATTEMPTED
    assert question.check(lambda one, other: ...).kind is FeedbackKind.NOT_ATTEMPTED
    assert question.solution().kind is FeedbackKind.NOT_ATTEMPTED
    assert fresh(SAMPLES["code"]).check(lambda: None).text.startswith("Your function returns nothing yet")


@pytest.mark.parametrize(
    "error", [CannotCheck("Port 25 is blocked where you sit."), TimeoutError(), ConnectionRefusedError()]
)
def test_what_cannot_be_checked_here_is_not_wrong(error: Exception) -> None:
    def checker(answer: Any) -> str | None:
        raise error

    question = Question("?", checker, hints=("a",), explanation="b", right=("c",), wrong=("d",))
    feedback = question.check("c")
    assert feedback.kind is FeedbackKind.CANNOT_CHECK and feedback.text.endswith(".")
    assert question.solution().kind is FeedbackKind.SOLUTION, "it was an attempt"


def test_a_checker_that_stumbles_over_a_strange_answer_calls_it_wrong() -> None:
    question = Question(
        "?", lambda answer: None if answer.port == 25 else "No.", ("a",), "b", right=("c",), wrong=("d",)
    )
    assert question.check([1]) == Feedback(FeedbackKind.WRONG, "An answer of type `list` does not fit this question.")


def test_an_endless_answer_ends() -> None:
    assert fresh(SAMPLES["names"]).check(endless()).text == "1 more belongs to it."


def test_a_function_cannot_change_the_cases() -> None:
    cases = [((["b", "a"],), ["a", "b"])]

    def sorts_in_place(values: list[str]) -> list[str]:
        values.sort()
        return values

    check = results_of(cases)
    assert check(sorts_in_place) is None and cases[0][0] == (["b", "a"],)


def test_feedback_says_in_what_an_answer_is_wrong() -> None:
    said = {
        ("choice", "refused"): "A refusal is an answer.",
        ("choice", "purple"): "Choose one of `dropped`, `refused`, `slow`.",
        ("number", 9): "That is too small.",
        ("number", 11): "RFC 7208 section 4.6.4 allows one fewer.",
        ("text", "v=spf1 ~all"): "It should refuse everyone.",
        ("names", "25, 587"): "`25` does not belong; 1 missing.",
    }
    for (name, answer), sentence in said.items():
        assert fresh(SAMPLES[name]).check(answer).text == sentence
    assert "every capital" in fresh(SAMPLES["exact"]).check("NEKO-22").text
    judged = fresh(SAMPLES["function"]).check(lambda one, other: one == other)
    assert judged.text == "For `('a.example', 'A.Example')` it returned `False`; expected `True`."


def test_state_belongs_to_one_question() -> None:
    one, other = fresh(SAMPLES["choice"]), fresh(SAMPLES["choice"])
    one.hint()
    one.check("slow")
    assert other.hint().text.startswith("(1 of 2)") and other.solution().kind is FeedbackKind.NOT_ATTEMPTED


def test_feedback_looks_the_same_every_time_and_does_not_rest_on_colour() -> None:
    for kind in FeedbackKind:
        feedback = Feedback(kind, "Say `v=spf1`.", code="a\n  <b>")
        shown = feedback._repr_html_()
        assert shown == Feedback(kind, "Say `v=spf1`.", code="a\n  <b>")._repr_html_()
        assert str(kind) in shown and str(kind) in repr(feedback)
        assert "<style" not in shown and "class=" not in shown and "<code style=" in shown
        assert "a\n  &lt;b&gt;</pre>" in shown
    assert len({repr(Feedback(kind, ""))[0] for kind in FeedbackKind}) == len(FeedbackKind), (
        "each kind has its own mark"
    )


def test_hostile_feedback_is_bounded() -> None:
    feedback = Feedback(FeedbackKind.WRONG, "</div><script>\u202e" + "`" * 9_000, code="\x07\n" * 100_000)
    assert len(feedback._repr_html_()) < 8_000
    assert "<script>" not in feedback._repr_html_() and "\u202e" not in feedback._repr_html_()
    assert "\x07" not in feedback.code and feedback.code.count("\n") == 60
