"""The settings that point an installation at a sandbox: where each platform and Slack is, and the app to be there."""

from stratum.sandbox.grants import CLIENT_SECRET, client_id

# Platform: the settings that hold its addresses. All paths begin at the sandbox's root.
BASES = {
    "meta": ("META_API_BASE", "META_DIALOG_BASE"),
    "google": ("GOOGLE_ADS_API_BASE", "GOOGLE_OAUTH_BASE", "GOOGLE_CONSENT_BASE"),
    "tiktok": ("TIKTOK_API_BASE", "TIKTOK_CONSENT_BASE"),
    "snapchat": ("SNAPCHAT_API_BASE", "SNAPCHAT_OAUTH_BASE"),
    "linkedin": ("LINKEDIN_API_BASE", "LINKEDIN_OAUTH_BASE"),
    # Not where bots write: whoever types in a token of Slack's means Slack.
    "slack": ("SLACK_OAUTH_BASE",),
}


def platform_settings(platform: str, url: str) -> dict[str, str]:
    """One platform's settings as environment variables, for a sandbox at `url`."""
    prefix = platform.upper()
    return {
        **dict.fromkeys(BASES[platform], url),
        f"{prefix}_CLIENT_ID": client_id(platform),
        f"{prefix}_CLIENT_SECRET": CLIENT_SECRET,
    }


def environment(url: str, configured: frozenset[str] | set[str]) -> dict[str, str]:
    """The settings of every platform of which nothing is configured: a real registration never meets the sandbox.

    `configured` are the names of the variables that are set already. Empty when each platform is configured.
    """
    found: dict[str, str] = {}
    for platform in BASES:
        own = platform_settings(platform, url)
        if configured.isdisjoint(own):
            found |= own
    return {**found, "SANDBOX_URL": url} if found else {}
