"""`sluice set` and `sluice audit`: a running board's settings, and who changed them."""
