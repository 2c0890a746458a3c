"""`sluice feed`: a log to a board, and the account of its records."""
