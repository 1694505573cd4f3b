"""What an instructor asks of a class: an assignment, made out of the course's notebooks."""
