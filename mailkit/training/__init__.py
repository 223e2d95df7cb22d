"""What a trainer wants at hand: the answers to every prediction and exercise, and minute by minute what comes when.

python -m mailkit.training answers [NAMES]    print the appendix as Markdown, for some lessons or all
python -m mailkit.training refresh            write the lessons' minutes anew into TRAINING.md and its twin
"""

from mailkit.training.answers import answers, observed, predictions, questions
from mailkit.training.marks import Mark, marks, refreshed

__all__ = ["Mark", "answers", "marks", "observed", "predictions", "questions", "refreshed"]


def __dir__() -> list[str]:
    return sorted(__all__)
