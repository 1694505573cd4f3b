"""What ``aigc train NAME`` can train: each module is one recipe, found by its file's name.

A recipe has ``TITLE`` (one line) and ``ABOUT`` (a few, for the card: what the model is for, what
is wrong with it), both in Chinese; ``DATA``, the shipped files it reads; ``PRESETS``, a frozen
dataclass with a field ``seed`` for each of ``cpu`` and ``gpu`` that it supports; and::

    def run(config, out, device, progress) -> Outcome

``out`` is a :class:`~aigc_course.training.recipe.RunFolder`: ``out.load()`` gives back what
``out.save(...)`` stored before the run was stopped. ``device`` is ``"cpu"``, ``"cuda"`` or
``"mps"``; ``progress`` is :func:`aigc_course.runtime.progress`. What is heavy (PyTorch) is
imported inside ``run``, so that the list of recipes is quick.
"""
