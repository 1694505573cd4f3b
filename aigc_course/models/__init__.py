"""Models in PyTorch, one a file: a frozen configuration, and a module that is made from it.

Imported by name, as ``from aigc_course.models.rnn import Recurrent, RecurrentConfig``. Importing
this package imports none of them, and so no PyTorch.
"""
