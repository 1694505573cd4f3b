"""The ``aigc`` command, all of it."""
