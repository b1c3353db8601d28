"""The one error of the embedded servers."""


class EmbeddedError(RuntimeError):
    """An embedded server cannot run; the text says what is wrong and what to do, in words for a person."""
