"""Predictions and questions of the lessons, and how to write them.

The questions of ``notebooks/NN_topic.ipynb`` live in ``mailkit/exercises/topic.py``: ``p1``, ``p2`` … are the
predictions, ``q1``, ``q2`` … the questions, in the order of the notebook, which says
``from mailkit.exercises.topic import p1, q1``.  A cell that asks for a guess shows the choices, quoted:
``p1.guess(...)   # "open", "refused" or "timeout"``.  A lesson's module looks like this::

    from mailkit.exercises.checkers import choice, names, number, results_of
    from mailkit.exercises.core import Prediction, Question

    p1 = Prediction("What comes back on port 25?", choices=("open", "refused", "timeout"))

    q1 = Question(
        "A port answers with silence. What may have happened to the packets?",
        choice("dropped", {"rejected": "A rejection is an answer: it comes back within a round trip."}),
        hints=("Compare how long the two ports took.", "Nothing came back at all, not even a refusal."),
        explanation="A filter threw the packets away; nobody was there to say so.",
        right=("dropped", "Dropped"),
        wrong=("rejected", 25),
    )


    def is_submission(port: int) -> bool:
        return port in (465, 587)


    q2 = Question(
        "Write a function that says whether a port is one of the two for submission.",
        results_of([((587,), True), ((465,), True), ((25,), False), ((2525,), False)]),
        takes_function=True,
        hints=("RFC 6409 names one, RFC 8314 the other.",),
        explanation="2525 is a habit of some services, not a standard.",
        right=(is_submission,),
        wrong=(lambda port: port == 587, 587),
    )

The first of ``right`` is what ``solution()`` shows (the source, if it is a function), so what the learner is shown is
what was tested.  ``tests/test_exercises.py`` finds every question here and tries all its right and wrong answers.

``p1.reveal(actual)`` lays the guess beside what was observed.  Give it None where nothing was: a message that was never
taken, a server that hung up.  Then it says that the guess cannot be compared, and calls no right guess wrong::

    p1.reveal(rows[0].outcome if rows else None)

A checker is a plain function: it takes the answer and returns None if that is right, or a sentence that says what is
wrong with it.  It may raise :class:`~mailkit.exercises.core.CannotCheck` with a sentence where this machine cannot
tell.  ``checkers`` makes the common ones; where the lab is needed, write the function in the lesson's module.
Between backticks in a sentence, text is shown as code.
"""

__all__: list[str] = []
