"""How fast a number may send, over all workers."""


class Gate:
    """Admission of messages of one number."""

    def __init__(self, phone_number_id: str, *, per_second: int | None = None):
        raise NotImplementedError

    def admit(self, recipient: str) -> float:
        """Seconds to wait before a message to this recipient (wa_id or user id) may go out; 0: go, it is counted."""
        raise NotImplementedError

    def hold(self, seconds: float, recipient: str | None = None) -> None:
        """WhatsApp asked to wait: the whole number, or this recipient only."""
        raise NotImplementedError
