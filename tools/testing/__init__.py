"""What tests a user's own program on a computer: a plugin for pytest, and what it is made of."""
