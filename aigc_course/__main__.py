"""``python -m aigc_course`` is ``aigc``."""

import os
import sys

# Started in a learner's folder: no random.py of theirs may stand in for a module that we need.
# A clone that is not installed is found by its own folder, which the processes it starts need too.
if sys.path[0] == os.getcwd() != os.path.dirname(os.path.dirname(os.path.abspath(__file__))):
    del sys.path[0]

from aigc_course.cli.main import main

if __name__ == "__main__":
    main()
