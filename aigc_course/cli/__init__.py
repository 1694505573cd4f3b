"""The ``aigc`` command. Nothing but this imports the classroom.

=============  ====================================================================================
``main``       the entry point: old Pythons, failures in one line
``app``        the command itself, and how a function becomes one of its commands
``learn``      lab, update, reset, progress; what progress prints is in ``progress``
``check``      doctor, data, version; what doctor looks at is in ``doctor`` and ``packages``
``write``      notebooks, train, answers, new-lesson
``teach``      release, grade, report; what grade shows meanwhile is in ``grading_screen``
=============  ====================================================================================

A command is a function in one of these, with ``@command(PANEL)`` above it; its docstring is its
help, in Chinese. What a command needs is imported inside it, so that ``aigc -h`` is quick.
"""
