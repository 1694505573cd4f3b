"""What becomes of the marks: tables, feedback pages, the class page and nbgrader's gradebook.

One concept a module:

=====================  ===========================================================================
:mod:`.standing`       one line for each student: marks, roll and marks given by hand
:mod:`.tables`         CSV for people, for Canvas and for Moodle
:mod:`.feedback`       one HTML page a student
:mod:`.classpage`      one HTML page for the instructor, from :mod:`.items` and :mod:`.similarity`
:mod:`.gradebook`      into nbgrader's ``gradebook.db`` and :mod:`.autograded`, for its formgrader
:mod:`.manual_marks`   back from formgrader: what a person gave by hand
:mod:`.exporter`       an ``nbgrader export`` that leaves blank what was not graded
:mod:`.publish`        feedback to nbgrader's exchange or into a ZIP
=====================  ===========================================================================

Nothing here runs a student's code, and every string that a student can choose is escaped.
"""
