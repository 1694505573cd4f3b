"""The learner's workspace and the commands around it. Only ``aigc_course.cli`` imports this."""
