"""How an answer is judged: the definition of an exercise, judges, limits, what a learner reads."""
