"""Errors caused by user input, as opposed to errors in the code."""


class InputError(ValueError):
    """Data, a config, a file or an argument is not what was expected; the words say what was, and how to go on.

    Commands tell it in a line. Any other ``ValueError`` is a bug and keeps its traceback.
    """
