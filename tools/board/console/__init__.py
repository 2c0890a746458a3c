"""`sluice console`: a board's statistics and console text, watched live."""
