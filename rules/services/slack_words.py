"""What Slack's codes mean, in words."""

from django.utils.translation import gettext as _


def error_words(code: str) -> str:
    """What a code of Slack's, or one of ours, means; empty for none."""
    if not code:
        return ""
    known = {
        "no_service": _("The webhook was revoked in Slack."),
        "no_service_id": _("The webhook was revoked in Slack."),
        "no_active_hooks": _("The webhook was revoked in Slack."),
        "invalid_token": _("The webhook’s address is wrong."),
        "action_prohibited": _("An admin of the Slack workspace does not allow this."),
        "channel_not_found": _("There is no such channel in Slack, or the bot cannot see it."),
        "not_in_channel": _("The bot is not in the channel. Invite it in Slack."),
        "channel_is_archived": _("The channel is archived in Slack."),
        "is_archived": _("The channel is archived in Slack."),
        "invalid_auth": _("Slack does not know this token."),
        "not_authed": _("Slack does not know this token."),
        "token_revoked": _("The bot’s token was revoked in Slack."),
        "account_inactive": _("The bot was removed from the Slack workspace."),
        "token_expired": _("The bot’s token has run out."),
        "missing_scope": _("The bot may not write messages: its app lacks the scope chat:write."),
        "rate_limited": _("Slack asked to wait."),
        "ratelimited": _("Slack asked to wait."),
        "invalid_refresh_token": _("Slack does not accept what renews the bot’s token any more."),
        "invalid_code": _("Slack did not take the confirmation: it was used already, or is too old."),
        "bad_redirect_uri": _("Slack does not know the address that it should send people back to."),
        "bad_client_secret": _("Slack does not accept the registration of this installation of Stratum."),
        "invalid_client_id": _("Slack does not accept the registration of this installation of Stratum."),
        "local.no_connection": _("Slack could not be reached."),
        "local.no_answer": _("Slack did not answer in time. It may have arrived, so it is not sent again."),
        "local.worker_lost": _("The sending was cut off. It may have arrived, so it is not sent again."),
        "local.host_not_allowed": _("This address is no webhook of Slack’s."),
        "local.bad_address": _("This address is no webhook of Slack’s."),
        "local.install_broken": _("The installation in Slack does not work any more. Install Stratum in Slack again."),
        "local.token_renewal": _("The bot’s token has run out and could not be renewed yet."),
        "local.refresh_given_up": _("The bot’s token could not be renewed, however often Stratum tried."),
        "local.other_kind": _("The installation was made at another Slack than this installation of Stratum uses now."),
        "local.whole_organisation": _(
            "Stratum was installed for a whole organisation. Install it in one workspace of the organisation instead."
        ),
        "local.removed": _("The channel was removed."),
        "local.unexpected": _("Something else than Slack answered at this address."),
    }
    return known.get(code) or _("Slack says: %(code)s.") % {"code": code}
