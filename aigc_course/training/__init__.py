"""Training behind ``aigc train``: one recipe a file in ``recipes/``, one way to run them all."""
