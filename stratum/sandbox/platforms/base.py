"""What the sandbox asks of a platform's side."""

from dataclasses import dataclass
from typing import Any, Protocol

from stratum.sandbox.catalogue import Account, Campaign
from stratum.sandbox.faults import Fault
from stratum.sandbox.grants import Grant
from stratum.sandbox.market import Market
from stratum.sandbox.wire import Request, Response
from stratum.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a request is about. Names: consent, oauth, accounts, campaigns, ad_groups, object, report, report_create,
    report_status, write. `account` is the ad account's id where the request tells; `paged` that it answers pages."""

    name: str
    account: str = ""
    paged: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A request in its moment. `fault` is one that the answer itself must show (a page twice, say)."""

    world: World
    request: Request
    endpoint: Endpoint
    now: float
    wall: float
    fault: Fault | None = None

    @property
    def market(self) -> Market:
        return self.world.market

    def has_fault(self, kind: str) -> bool:
        return self.fault is not None and self.fault.kind == kind

    def grant(self, token: str, platform: str) -> Grant:
        """The grant behind an access token; Refused says why there is none."""
        return self.world.grants.check(token, "access", platform, self.wall)

    def accounts(self, grant: Grant) -> list[Account]:
        """The platform's accounts that this grant covers."""
        return [one for one in self.market.catalogue.of_platform(grant.platform) if one.id in grant.accounts]

    def campaign(self, campaign_id: str, grant: Grant) -> Campaign | None:
        """A campaign that this grant covers."""
        found = self.world.campaign(campaign_id, grant.platform)
        return found if found is not None and found.account_id in grant.accounts else None


class Platform(Protocol):
    """One platform's HTTP interface. `name` is also that of its app: client id sandbox-<name>."""

    name: str
    title: str

    def owns(self, path: str) -> bool:
        """Whether requests to this path are for this platform."""

    def endpoint(self, world: World, request: Request) -> Endpoint: ...

    def handle(self, call: Call) -> Response: ...

    def refusal(self, call: Call, fault: Fault) -> Response:
        """The platform's own answer for a fault that comes instead of one."""

    def tokens(self, world: World, grant: Grant) -> dict[str, Any]:
        """New tokens for a grant, as the platform's token endpoint answers."""
