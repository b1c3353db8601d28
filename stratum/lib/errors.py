"""Errors whose text is meant for the person in front of the screen."""


class DomainError(Exception):
    """A request that cannot be carried out. `str(error)` is one translated sentence: what happened, what to do.

    `code` is a stable word for tests and logs; `field` names the form field at fault, if one is.
    """

    def __init__(self, message: str, *, code: str = "refused", field: str | None = None):
        super().__init__(message)
        self.code = code
        self.field = field
