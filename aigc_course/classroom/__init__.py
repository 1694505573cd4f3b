"""The classroom around the lessons. Only ``aigc_course.cli`` imports this.

===========================  ==================================================================
for the learner              ``workspace`` ``novelty`` ``lab`` ``cli_progress``
``aigc release``             ``release`` ``release_options`` ``asking`` ``assignment``
                             ``nbgrader_course``
reading what is handed in    ``roll`` ``collect`` ``entries`` ``submission`` ``slicing`` ``magics``
``aigc grade``               ``grade_class`` → ``workers`` or ``spread`` → ``task`` → ``grading``
                             → ``boxes`` → ``sandbox``; ``late`` ``limit_options`` ``discreet``
what comes out               ``marks`` ``store``
``aigc report``              ``report``
===========================  ==================================================================

Nothing here runs a line of a learner's code in its own process; that is what ``sandbox`` is for.
"""
