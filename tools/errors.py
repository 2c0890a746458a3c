"""The one error that a command shows its user."""

import click


class UserError(click.ClickException):
    """Something that the user can mend: printed as one line, exit status 1.

    The message names what is wrong, where, and what is allowed.
    """
