"""Where rules may write to in Slack."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from rules.choices import SlackKind
from rules.services.slack_targets import TargetDraft


class SlackTargetForm(forms.Form):
    """A new Slack target. What is typed as a secret is never shown again."""

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
        help_text=gettext_lazy("Its id, such as C0123456789, or its name."),
    )

    # What each kind needs; the other fields are left alone.
    of_kind = {SlackKind.WEBHOOK.value: ("url",), SlackKind.BOT.value: ("token", "channel")}

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for kind, names in self.of_kind.items():
            for name in names:
                self.fields[name].required = not self.is_bound or self["kind"].value() == kind

    def draft(self) -> TargetDraft:
        return TargetDraft(**{name: self.cleaned_data[name].strip() for name in self.fields})
