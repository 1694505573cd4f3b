"""What the learner has done, in the learner's own folder: ``progress.show()`` in a notebook."""

from aigc_course.progress.record import delete, enabled, events, export, show

__all__ = ["delete", "enabled", "events", "export", "show"]
