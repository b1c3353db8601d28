"""Where rules may write to in Slack."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rules.choices import SlackKind
from rules.services.slack_targets import TargetDraft

# A way to write is a kind of target, or this and the id of an installation.
_INSTALL = "install-"


class SlackTargetForm(forms.Form):
    """A new Slack target. What is typed as a secret is never shown again.

    `installs` are (id, Slack workspace) of installations, each of which is one more way to write.
    """

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, help_text=gettext_lazy("As rules show it, such as #ads.")
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("How Stratum writes there"),
        choices=[
            (SlackKind.WEBHOOK.value, gettext_lazy("by an incoming webhook: one address, one channel")),
            (SlackKind.BOT.value, gettext_lazy("as a bot, with a token")),
        ],
        initial=SlackKind.WEBHOOK.value,
        widget=forms.RadioSelect,
    )
    url = forms.CharField(
        label=gettext_lazy("Webhook URL"),
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("From Slack: your app, Incoming Webhooks. Whoever has it can write to the channel."),
    )
    token = forms.CharField(
        label=gettext_lazy("Bot token"),
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Begins with xoxb-. The app needs the scope chat:write, and the bot must be invited."),
    )
    channel = forms.CharField(
        label=gettext_lazy("Channel of the bot"),
        max_length=100,
        help_text=gettext_lazy(
            "Its id, such as C0123456789, or its name. The bot must be invited to a private channel."
        ),
    )

    # What each kind needs; the other fields are left alone. An installation brings its own token.
    of_kind = {SlackKind.WEBHOOK.value: ("url",), SlackKind.BOT.value: ("token", "channel"), _INSTALL: ("channel",)}

    def __init__(self, *args: Any, installs: Sequence[tuple[int, str]] = (), **kwargs: Any):
        super().__init__(*args, **kwargs)
        kind = self.fields["kind"]
        ways = [(f"{_INSTALL}{pk}", _("as Stratum’s bot in %(team)s") % {"team": team}) for pk, team in installs]
        kind.choices = [*ways, *kind.choices]
        if ways:
            kind.initial = ways[0][0]
        for name in ("url", "token", "channel"):
            self.fields[name].required = not self.is_bound or name in self.of_kind.get(self._way(), ())

    def _way(self) -> str:
        chosen = str(self["kind"].value())
        return _INSTALL if chosen.startswith(_INSTALL) else chosen

    def draft(self) -> TargetDraft:
        values = {name: self.cleaned_data[name].strip() for name in self.fields}
        if self._way() != _INSTALL:
            return TargetDraft(**values)
        install_id = int(values["kind"].removeprefix(_INSTALL))
        return TargetDraft(values["name"], SlackKind.BOT.value, channel=values["channel"], install_id=install_id)
