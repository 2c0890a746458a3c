"""The page in the browser: a playground, and a console for a board on a USB port."""
