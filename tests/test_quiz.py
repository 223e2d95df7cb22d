"""The quiz: its pairs, every answer, the learner's file, what a class handed in, and the two notebooks."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from support_notebooks import code_cells, run_problems, shown

from mailkit import datasets, sections, workbook
from mailkit.exercises import unquoted
from mailkit.exercises.core import Prediction, Question
from mailkit.exercises.feedback import FeedbackKind
from mailkit.figures.quiz import before_and_after
from mailkit.quiz import ClassResult, Graded, QuizQuestion, class_results, hand_in, quiz_questions
from mailkit.quiz.items import LETTERS, WHEN, QuizItem, edition, items
from mailkit.quiz.notebook import quiz_notebook
from mailkit.quiz.sheets import COLUMNS, read_sheet

PAIRS = list(zip(items("before"), items("after"), strict=True))
ALL = [item for pair in PAIRS for item in pair]


def answered(when: str, letters: dict[int, str] | None = None) -> tuple[QuizQuestion, ...]:
    """The questions, answered rightly but for what *letters* says about a pair."""
    questions = quiz_questions(when)
    for question in questions:
        question.guess((letters or {}).get(question.item.pair, question.item.right))
    return questions


# The questions.


def test_twelve_pairs_one_for_each_lesson() -> None:
    assert [item.pair for item in items("before")] == [item.pair for item in items("after")] == list(range(1, 13))
    assert [item.lesson[:2] for item in items("before")] == [f"{number:02}" for number in range(12)]
    stored = {path.stem for path in sections.lessons()}
    assert stored <= {item.lesson for item in ALL}
    assert len(datasets.load("quiz")) == 24


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].topic)
def test_a_pair_is_parallel(pair: tuple[QuizItem, QuizItem]) -> None:
    first, last = pair
    assert (first.pair, first.lesson, first.topic) == (last.pair, last.lesson, last.topic)
    assert (first.when, last.when) == WHEN
    assert first.question != last.question
    assert first.right != last.right, "who remembers the letter knows nothing"
    words = [len(item.question.split()) for item in pair]
    assert max(words) < 2 * min(words), "one of the two is much longer to read"


@pytest.mark.parametrize("item", ALL, ids=lambda item: f"{item.pair} {item.when}")
def test_a_question_can_be_answered(item: QuizItem) -> None:
    assert item.right in LETTERS and len({choice.casefold() for choice in item.choices}) == 4
    assert item.question.endswith("?") and item.because.endswith(".") and item.source
    assert all(0 < len(choice) < 70 for choice in item.choices)


@pytest.mark.parametrize("when", WHEN)
def test_neither_the_letter_nor_the_length_gives_the_answer_away(when: str) -> None:
    right = [item.right for item in items(when)]
    assert all(2 <= right.count(letter) <= 4 for letter in LETTERS)
    longest = [item for item in items(when) if max(item.choices, key=len) == item.choices[LETTERS.index(item.right)]]
    assert len(longest) <= 6


def test_there_is_no_third_time() -> None:
    with pytest.raises(ValueError, match='"before" or "after"'):
        items("between")


# Answers.


@pytest.mark.parametrize("item", ALL, ids=lambda item: f"{item.pair} {item.when}")
@pytest.mark.parametrize("letter", LETTERS)
def test_every_answer_is_graded_at_the_end_and_not_before(item: QuizItem, letter: str, tmp_path: Path) -> None:
    questions = answered(item.when, {item.pair: letter})
    said = questions[item.pair - 1].guess(letter)
    assert said.kind is FeedbackKind.NOTED
    assert "right" not in said.text and item.because not in said.text
    graded = hand_in("seat-1", questions, folder=tmp_path)
    assert isinstance(graded, Graded)
    feedback = graded.feedback[item.pair - 1]
    assert feedback.kind is (FeedbackKind.RIGHT if letter == item.right else FeedbackKind.WRONG)
    assert graded.right == 12 - (letter != item.right)
    assert item.because[:60] in feedback.text and item.source in feedback.text
    assert item.choices[LETTERS.index(letter)] in feedback.text and not feedback.text.endswith("…")
    assert f"{graded.right} of 12 right" in repr(graded) and f"{graded.right} of 12 right" in graded._repr_html_()
    assert read_sheet(tmp_path / "quiz-seat-1.csv").letters[item.when][item.pair] == letter


@pytest.mark.parametrize(
    "guess", ["B", " b ", "b)", "(b)", "b.", "'b'", "“b”", "ｂ", "to the address given in MAIL FROM"]
)
def test_near_misses_are_taken(guess: str) -> None:
    question = quiz_questions("before")[0]
    assert question.guess(guess).kind is FeedbackKind.NOTED and question.letter == "b"


@pytest.mark.parametrize("guess", ["e", "ab", 2, True, "a or b", "\x1b[31m", "x" * 10_000])
def test_what_is_no_answer_says_what_would_be(guess: object) -> None:
    question = quiz_questions("before")[0]
    question.guess("b")
    said = question.guess(guess)
    assert said.kind is FeedbackKind.NOT_ATTEMPTED and '`"a"`, `"b"`, `"c"` or `"d"`' in said.text
    assert "\x1b" not in said.text and question.letter == ""


@pytest.mark.parametrize("guess", [..., None, "", "...", "…", "?"])
def test_no_answer_yet(guess: object) -> None:
    assert "write a letter in place of the dots" in quiz_questions("before")[0].guess(guess).text


def test_letters_without_quotes_are_taken() -> None:
    names = {"p1": quiz_questions("before")[0], "b": "something of the learner's"}
    for typed in ("a", "b", "A"):
        line = unquoted.with_quotes(f"p1.guess({typed})", names, Prediction, Question)
        assert line == f"p1.guess('{typed}')"


# The learner's file.


def test_before_and_after_share_a_line_without_a_name(tmp_path: Path) -> None:
    hand_in("Hanako", answered("before", {3: "b"}), folder=tmp_path / "work")
    (path,) = (tmp_path / "work").iterdir()
    first = read_sheet(path)
    assert path.name == "quiz-Hanako.csv" and "Hanako" not in path.read_text(encoding="utf-8")
    hand_in("Hanako", answered("after"), folder=tmp_path / "work")
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["quiz-Hanako.csv"]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 and lines[0] == ",".join(COLUMNS)
    both = read_sheet(path)
    assert both.learner == first.learner and both.answered == 24
    assert both.letters["before"] == first.letters["before"] and both.letters["before"][3] == "b"


def test_the_first_answers_count(tmp_path: Path) -> None:
    hand_in("x", answered("before", {1: "a"}), folder=tmp_path)
    kept = (tmp_path / "quiz-x.csv").read_bytes()
    graded = hand_in("x", answered("before"), folder=tmp_path)
    assert isinstance(graded, Graded) and graded.right == 12 and "those count" in graded.kept
    assert (tmp_path / "quiz-x.csv").read_bytes() == kept


def test_a_file_that_is_something_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "quiz-x.csv").write_text("my own words", encoding="utf-8")
    graded = hand_in("x", answered("before"), folder=tmp_path)
    assert isinstance(graded, Graded) and graded.kept.startswith("Not kept: quiz-x.csv is there already")
    assert (tmp_path / "quiz-x.csv").read_text(encoding="utf-8") == "my own words"


def test_nothing_is_told_while_an_answer_is_missing(tmp_path: Path) -> None:
    questions = answered("before")
    questions[2].guess(...)
    questions[6].guess("what?")
    said = hand_in("x", questions, folder=tmp_path)
    assert said == "Nothing is handed in yet: no answer to question 3, 7."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", [..., None, "", "..", "../x", "a/b", "a\\b", "x" * 41, "a b", "\x1b", "=1+1", "-x", 1.5]
)
def test_a_name_that_makes_no_file(name: object, tmp_path: Path) -> None:
    said = hand_in(name, answered("before"), folder=tmp_path)
    assert not isinstance(said, Graded) and "the number of your seat" in said and "\x1b" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", ["work", "notebooks", "."])
def test_the_file_goes_to_the_workbook_that_the_notebook_lies_in(
    inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server that learners share, mailkit lies where none of them may write."""
    monkeypatch.setattr("mailkit.quiz.answering.ROOT", tmp_path / "installed")
    own = tmp_path / "hanako"
    for folder in ("notebooks", "work"):
        (own / folder).mkdir(parents=True)
    (own / "notebooks" / "quiz_before.ipynb").touch()
    monkeypatch.chdir(own / inside)
    graded = hand_in("seat-7", answered("before"))
    assert isinstance(graded, Graded) and graded.kept.startswith("Your answers are in work/quiz-seat-7.csv")
    assert (own / "work" / "quiz-seat-7.csv").is_file() and not (tmp_path / "installed").exists()


def test_a_notebook_that_lies_in_no_workbook_uses_that_of_mailkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailkit.quiz.answering.ROOT", tmp_path / "installed")
    monkeypatch.chdir(tmp_path)
    hand_in("seat-7", answered("before"))
    assert (tmp_path / "installed" / "work" / "quiz-seat-7.csv").is_file()


@pytest.mark.parametrize("name", ["seat-7", 7, " Hanako ", "花子"])
def test_a_name_that_makes_one(name: object, tmp_path: Path) -> None:
    assert isinstance(hand_in(name, answered("before"), folder=tmp_path), Graded)
    assert [path.name for path in tmp_path.iterdir()] == [f"quiz-{str(name).strip()}.csv"]


# The class.


def line(*values: str, columns: tuple[str, ...] = COLUMNS) -> str:
    return f"{','.join(columns)}\n{','.join(values)}\n"


GOOD = (edition(), "0123abcd", *["a"] * 24)
HOSTILE = {
    "formula": (line(*GOOD[:5], '"=HYPERLINK(""http://x.example"",""a"")"', *GOOD[6:]), "before_4 is no letter"),
    "command": (line(*GOOD[:-1], "=cmd|' /C calc'!A0"), "after_12 is no letter"),
    "control": (line(*GOOD[:-1], "\x1b[31m"), "after_12 is no letter"),
    "learner": (line(GOOD[0], "=1+1", *GOOD[2:]), "its number is none"),
    "other": (line("deadbeef", *GOOD[1:]), "answers other questions"),
    "columns": (line(*GOOD, columns=(*COLUMNS[:-1], "after_13")), "its columns are not those"),
    "semicolons": (line(*GOOD).replace(",", ";"), "its columns are not those"),
    "more": (line(*GOOD, "a"), "just one line"),
    "fewer": (line(*GOOD[:-1]), "just one line"),
    "two": (line(*GOOD) + ",".join(GOOD) + "\n", "just one line"),
    "heading": (line(*GOOD).splitlines()[0], "just one line"),
    "empty": ("", "its columns are not those"),
    "quote": (line(*GOOD[:-1], '"a'), "no CSV in UTF-8"),
    "huge": (line(*GOOD) + "x" * 10_000_000, "larger than"),
    "nul": (line(*GOOD[:-1], "\x00"), ""),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_file_of_the_quiz_is_named_and_not_counted(kind: str, tmp_path: Path) -> None:
    text, problem = HOSTILE[kind]
    (tmp_path / f"quiz-{kind}.csv").write_text(text, encoding="utf-8")
    hand_in("good", answered("before"), folder=tmp_path)
    found = class_results(tmp_path)
    assert found.learners == 1
    (said,) = found.left_out
    assert said.startswith(f"quiz-{kind}.csv: ") and problem in said and len(said) < 200 and "\x1b" not in said


def test_odd_files_in_the_folder(tmp_path: Path) -> None:
    hand_in("a", answered("before"), folder=tmp_path)
    (tmp_path / "quiz-folder.csv").mkdir()
    (tmp_path / "quiz-latin.csv").write_bytes(b"edition,\xe9\n")
    (tmp_path / "quiz-\x1b[31m.csv").write_text("", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not ours", encoding="utf-8")
    (tmp_path / "quiz-gone.csv").symlink_to(tmp_path / "nowhere")
    found = class_results(tmp_path)
    assert found.learners == 1 and len(found.left_out) == 4
    assert not any("\x1b" in said for said in found.left_out)


def test_a_spreadsheet_may_have_saved_it(tmp_path: Path) -> None:
    text = line(*(value.upper() for value in GOOD[2:]), columns=COLUMNS[2:])
    rows = [f"{first},{second}" for first, second in zip(("edition,learner", ",".join(GOOD[:2])), text.splitlines())]
    (tmp_path / "quiz-x.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode() + b"\r\n")
    assert class_results(tmp_path).learners == 1


def test_of_copies_the_fullest_counts(tmp_path: Path) -> None:
    hand_in("a", answered("before"), folder=tmp_path)
    early = (tmp_path / "quiz-a.csv").read_bytes()
    hand_in("a", answered("after"), folder=tmp_path)
    (tmp_path / "quiz-a (1).csv").write_bytes(early)
    (tmp_path / "quiz-b.csv").write_bytes((tmp_path / "quiz-a.csv").read_bytes())
    found = class_results(tmp_path)
    assert found.learners == 1 and found.pairs[0].after == 1
    assert len(found.left_out) == 2 and all("a copy of quiz-a.csv" in said for said in found.left_out)


def test_more_files_than_a_class_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailkit.quiz.collecting._MOST_FILES", 3)
    for number in range(5):
        hand_in(number, answered("before"), folder=tmp_path)
    found = class_results(tmp_path)
    assert found.learners == 3 and found.left_out == ("only the first 3 files were looked at",)


def class_of_twenty(folder: Path) -> ClassResult:
    """Twenty learners: before, each knows a pair with a chance of its own; after, most know most."""
    chance = random.Random(14)
    for number in range(20):
        for when, lift in (("before", 0.0), ("after", 0.5)):
            if (when, number) in (("before", 3), ("after", 8), ("after", 9)):
                continue  # came late; had to leave
            letters = {}
            for item in items(when):
                knows = chance.random() < min(0.05 + 0.06 * item.pair + lift * (item.pair % 3), 0.95)
                others = [letter for letter in LETTERS if letter != item.right]
                letters[item.pair] = item.right if knows else chance.choice(others)
            hand_in(f"seat-{number}", answered(when, letters), folder=folder)
    return class_results(folder)


def test_picture_of_twenty_learners(tmp_path: Path) -> None:
    found = class_of_twenty(tmp_path)
    assert (found.learners, found.left_out) == (20, ())
    assert {(pair.before, pair.after) for pair in found.pairs} == {(19, 18)}
    for pair in found.pairs:
        letters = [read_sheet(path).letters for path in tmp_path.glob("quiz-*.csv")]
        for when, right in (("before", pair.right_before), ("after", pair.right_after)):
            item = items(when)[pair.pair - 1]
            assert right == sum(sheet[when].get(pair.pair) == item.right for sheet in letters)
        if pair.right_after < pair.after:
            assert pair.usual_wrong_answer in items("after")[pair.pair - 1].choices
    picture = before_and_after(found.pairs, title="Twenty learners")
    assert picture.png().startswith(b"\x89PNG") and picture.png() == picture.png()
    first = found.pairs[0]
    said = repr(picture).splitlines()
    assert len(said) == 13
    assert (
        said[1] == f"00  envelope and header: right before {first.right_before} of 19, after {first.right_after} of 18"
    )
    drawn = " ".join(text.get_text() for text in picture.figure.axes[0].texts)
    assert all(pair.topic in drawn for pair in found.pairs) and "…" not in drawn
    assert not re.search(r"seat|0x", repr(picture) + drawn), "no name in the picture"


def test_picture_of_nobody(tmp_path: Path) -> None:
    found = class_results(tmp_path)
    assert (found.learners, {pair.before for pair in found.pairs}) == (0, {0})
    assert repr(before_and_after(found.pairs, title="x")).splitlines()[1].endswith("right before –, after –")
    assert "nothing to show" in repr(before_and_after([], title="x"))


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class_of_twenty(tmp_path)
    (tmp_path / "quiz-odd.csv").write_text("x", encoding="utf-8")
    assert workbook.main(["class", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "The quiz before and after: 20 learners" in said and "usual wrong answer about" in said
    assert "not counted: quiz-odd.csv: its columns are not those of the quiz" in said and "seat-" not in said
    assert (tmp_path / "class.png").read_bytes().startswith(b"\x89PNG")
    assert workbook.main(["class", str(tmp_path / "none")]) == 1
    assert "is no folder" in capsys.readouterr().err


# The notebooks.


@pytest.mark.parametrize("path", sections.quizzes(), ids=lambda path: path.stem)
def test_a_notebook_is_made_of_the_table(path: Path) -> None:
    stored = workbook.read(path)
    made = quiz_notebook(path.stem.removeprefix("quiz_"))
    assert [cell.source for cell in stored.cells] == [cell.source for cell in made.cells], f"store {path.stem}"
    assert workbook.as_text(workbook.read(path)) == path.read_text(encoding="utf-8")
    assert run_problems(code_cells(stored)) == []


def test_there_are_two_notebooks_and_they_are_no_lessons(root: Path) -> None:
    assert [path.stem for path in sections.quizzes(root)] == ["quiz_after", "quiz_before"]
    assert not set(sections.quizzes(root)) & set(sections.lessons(root))


@pytest.mark.parametrize("when", WHEN)
def test_a_notebook_shows_what_is_stored_and_can_be_filled_in(when: str, tmp_path: Path, root: Path) -> None:
    stored = workbook.read(root / "notebooks" / f"quiz_{when}.ipynb")
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / f"quiz_{when}.ipynb"
    path.write_text("", encoding="utf-8")
    environment = pytest.MonkeyPatch()
    environment.setenv("PYTHONPATH", str(root))
    try:
        workbook.store(path)
        assert [shown(cell) for cell in code_cells(workbook.read(path))] == [shown(c) for c in code_cells(stored)]
        notebook = quiz_notebook(when)
        letters = iter(item.right for item in items(when))
        for cell in code_cells(notebook):
            cell.source = re.sub(r"\.guess\(\.\.\.\)", lambda _: f".guess({next(letters)})", cell.source)
            cell.source = cell.source.replace('NAME = "..."', 'NAME = "seat-7"')
        # As on a shared server: mailkit lies elsewhere, and the copy in the learner's own workbook.
        (tmp_path / "work").mkdir()
        done = workbook.execute(notebook, tmp_path / "work")
    finally:
        environment.undo()
    assert shown(code_cells(done)[-1]).startswith("12 of 12 right. Your answers are in work/quiz-seat-7.csv")
    assert read_sheet(tmp_path / "work" / "quiz-seat-7.csv").answered == 12


def test_copies_and_fresh_take_the_quiz_along(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    for name in ("00_first", "quiz_before"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(
            workbook.as_text(quiz_notebook("before")), encoding="utf-8"
        )
    assert [path.stem for path in workbook.copies(tmp_path)] == ["00_first", "quiz_before"]
    kept = workbook.fresh(tmp_path)
    assert kept is not None and sorted(path.stem for path in kept.iterdir()) == ["00_first", "quiz_before"]
