"""Numbers that WhatsApp knows by another form than people write: Brazil, Mexico, Argentina."""


def to_digits(number: str) -> str:
    """'+55 11 98765-4321' → '5511987654321'."""
    raise NotImplementedError


def lookup_forms(digits: str) -> tuple[str, ...]:
    """All wa_ids that may be this number's, its own first. `digits` with or without '+'."""
    raise NotImplementedError


def same_person(a: str, b: str) -> bool:
    """Whether two numbers may be one person's."""
    raise NotImplementedError
