"""How fast a number may send, over all workers: WhatsApp's limits, kept before WhatsApp has to say so.

Two of them (Meta, "Messaging limits", "Pair rate limits"): messages of one number per second, and messages to one
person, one each six seconds with 45 at once. The counting is the governor's of campaigns, with one bucket for the
number and one for each pair; persons stand in Redis as keyed hashes only.
"""

import time
from collections.abc import Callable

import redis
from django.conf import settings

from campaigns.clients.governor import Governor, Limit
from stratum.lib.encryption import phone_hash


class Gate:
    """Admission of messages of one number. `per_second`: what this number may send, where it is not the usual."""

    def __init__(
        self,
        phone_number_id: str,
        *,
        per_second: int | None = None,
        client: redis.Redis | None = None,
        clock: Callable[[], float] = time.time,
    ):
        self._phone_number_id, self._client, self._clock = phone_number_id, client, clock
        rate = max(1, per_second or settings.WHATSAPP_MESSAGES_PER_SECOND)
        # A tenth of it at once, the rest spread: no second of any beginning has more than `rate`.
        burst = max(1, rate // 10)
        self._of_number = Limit(max(1, rate - burst), 1.0, burst=burst, name="number")

    def admit(self, recipient: str) -> float:
        """Seconds to wait before a message to this recipient (Recipient.key()) may go out; 0: go, it is counted.

        A message that must wait, for its pair or for the number, is counted nowhere. Without Redis all may go.
        """
        person = phone_hash(recipient)
        of_pair = Limit(
            1, float(settings.WHATSAPP_PAIR_SECONDS), burst=settings.WHATSAPP_PAIR_BURST, name=f"pair:{person}"
        )
        return self._governor(person).wait_for("messages", self._of_number, of_pair)

    def hold(self, seconds: float, recipient: str | None = None) -> None:
        """WhatsApp asked to wait: this recipient (131056), or the whole number (130429). Holds only grow."""
        if recipient is None:
            self._governor("").block(seconds, whole_app=True)
        else:
            self._governor(phone_hash(recipient)).block(seconds)

    def _governor(self, person: str) -> Governor:
        return Governor(
            platform="whatsapp", app=self._phone_number_id, account=person, client=self._client, clock=self._clock
        )
