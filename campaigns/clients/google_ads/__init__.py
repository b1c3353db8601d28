"""Google Ads API over REST."""

from campaigns.clients.google_ads.client import GoogleAdsClient

__all__ = ["GoogleAdsClient"]
