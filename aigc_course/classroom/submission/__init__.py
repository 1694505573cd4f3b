"""What comes back from a class, read without trusting it."""
