"""The Google Ads API, in its REST form."""

from stratum.sandbox.platforms.google_ads.api import GoogleAds

__all__ = ["GoogleAds"]
