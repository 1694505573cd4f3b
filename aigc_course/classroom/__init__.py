"""The classroom around the lessons. Only ``aigc_course.cli`` imports this.

=================  ================================================================================
:mod:`.workspace`  the learner's own copy of the notebooks (``aigc lab``, ``update``, ``reset``):
                   ``learners_folder`` ``lessons`` ``delivery`` ``what_is_new`` ``jupyter``
:mod:`.assignment` what an instructor asks (``aigc release``): ``options`` ``from_notebook``
                   ``record`` ``release`` ``nbgrader_course``
:mod:`.submission` what comes back, read without trusting it: ``roll`` ``untrusted_files``
                   ``collect`` ``notebook_file`` → ``cells`` (``names`` ``magics``) → ``slicing``
                   → ``read``
:mod:`.grading`    ``aigc grade``: ``options`` ``limits`` ``late_rules`` ``whole_class`` →
                   ``local_pool`` or ``dask_cluster`` → ``task`` → ``one_submission`` →
                   ``warm_sandboxes``; ``redact``
:mod:`.sandbox`    answers run in confined worker processes, the judge stays outside
:mod:`.report`     ``aigc report``: tables, feedback, the class page, nbgrader's gradebook
``marks``          what grading found out about a submission
``store``          the marks of a course on disk, one transaction each
=================  ================================================================================

Nothing here runs a line of a learner's code in its own process; that is what ``sandbox`` is for.
"""
