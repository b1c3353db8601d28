"""From a request to its answer: the right platform, the fault that waits for this call, the lock around the state."""

from collections.abc import Sequence
from dataclasses import replace

from stratum.sandbox import control
from stratum.sandbox.faults import INSTEAD, Fault
from stratum.sandbox.platforms.base import Call, Endpoint, Platform
from stratum.sandbox.platforms.google_ads import GoogleAds
from stratum.sandbox.platforms.linkedin import LinkedIn
from stratum.sandbox.platforms.meta import Meta
from stratum.sandbox.platforms.snapchat import Snapchat
from stratum.sandbox.platforms.tiktok import TikTok
from stratum.sandbox.slack import page as slack_page
from stratum.sandbox.slack.api import Slack
from stratum.sandbox.whatsapp import phone
from stratum.sandbox.whatsapp.api import WhatsApp
from stratum.sandbox.wire import GATEWAY_PAGE, Request, Response, html_response, text_response
from stratum.sandbox.world import World

DEFAULT_DELAY_SECONDS = 5.0
MOST_DELAY_SECONDS = 300.0

Service = Slack | WhatsApp


def all_platforms() -> list[Platform]:
    return [Meta(), GoogleAds(), TikTok(), Snapchat(), LinkedIn()]


class Sandbox:
    """The whole sandbox without its socket: one method from request to response. Safe for many threads."""

    def __init__(self, world: World, platforms: Sequence[Platform] | None = None) -> None:
        self.world = world
        self.platforms = list(platforms or all_platforms())
        # What is no ad platform: without accounts, consent pages and grants, but with faults.
        self.services: list[Service] = [WhatsApp(), Slack()]

    def handle(self, request: Request) -> Response:
        with self.world.lock:
            response = self._answer(request)
        return response if response.then is None else response.then()

    def close(self) -> None:
        """End what runs beside the requests."""
        self.world.whatsapp.courier.close()

    def _answer(self, request: Request) -> Response:
        if request.path == "/" or request.path.startswith(control.PREFIX):
            return control.handle(self.world, self.platforms, request)
        if request.path == slack_page.PATH:
            return html_response(slack_page.render(self.world, request))
        if request.path.startswith(phone.PATH):
            return phone.handle(self.world.whatsapp, request)
        # The services first: WhatsApp's few ids are below the root that else is Meta's.
        for platform in (*self.services, *self.platforms):
            if platform.owns(request.path):
                return self._call(platform, request)
        return text_response("No platform answers at this path.\n", 404)

    def _call(self, platform: Platform | Service, request: Request) -> Response:
        world = self.world
        world.calls += 1
        endpoint = platform.endpoint(world, request)
        fault = self._fault(platform, endpoint)
        call = Call(world, request, endpoint, world.now(), world.wall(), fault)
        if fault is not None and fault.kind in INSTEAD:
            return _broken(platform, call, fault)
        answer = platform.handle(call)
        late = answer.then
        if late is not None:
            return replace(answer, then=lambda: _spoiled(late(), fault))
        return _spoiled(answer, fault)

    def _fault(self, platform: Platform | Service, endpoint: Endpoint) -> Fault | None:
        if endpoint.name == "consent":
            return None
        return self.world.faults.take(platform.name, endpoint.account, endpoint.name, paged=endpoint.paged)


def _broken(platform: Platform | Service, call: Call, fault: Fault) -> Response:
    if fault.kind == "connection_reset":
        return Response(0, reset=True)
    if fault.kind == "html_gateway":
        return html_response(GATEWAY_PAGE, 502)
    return platform.refusal(call, fault)


def _spoiled(response: Response, fault: Fault | None) -> Response:
    if fault is None:
        return response
    if fault.kind == "slow":
        seconds = float(fault.options.get("seconds", DEFAULT_DELAY_SECONDS))
        return replace(response, delay=min(max(seconds, 0.0), MOST_DELAY_SECONDS))
    if fault.kind == "truncated":
        return replace(response, keep=len(response.body) // 2)
    return response
