"""``python -m aigc_course`` is ``aigc``."""

from aigc_course.cli.main import main

if __name__ == "__main__":
    main()
