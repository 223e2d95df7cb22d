"""A quiz before and after the workbook: twelve questions each, parallel in pairs, one pair for each lesson.

The questions stand in ``data/quiz.csv``.  A learner answers them in ``quiz_before.ipynb`` and ``quiz_after.ipynb``;
what was right is told once all twelve are answered and handed in.  The answers go to ``work/quiz-NAME.csv``, one line
per learner, which the trainer collects; no name stands in it.  ``python -m mailkit.workbook class FOLDER`` draws what
a class knew before and after.
"""

from __future__ import annotations

from mailkit.quiz.answering import Graded, QuizQuestion, hand_in, quiz_questions
from mailkit.quiz.collecting import ClassResult, PairResult, class_results

__all__ = ["ClassResult", "Graded", "PairResult", "QuizQuestion", "class_results", "hand_in", "quiz_questions"]


def __dir__() -> list[str]:
    return sorted(__all__)
