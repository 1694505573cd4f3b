"""From what was handed in to marks: one submission, a whole class, here or on a cluster."""
