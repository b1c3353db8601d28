"""The tables of this app: accounts and their connections, campaigns, their daily numbers, uploaded reports."""

from campaigns.models.accounts import AdAccount, Connection, SyncRun
from campaigns.models.campaigns import Campaign, CampaignChange
from campaigns.models.columns import MICRO
from campaigns.models.imports import ImportBatch
from campaigns.models.numbers import CampaignMetric, DailyTotal, ExchangeRate, MetricRevision

__all__ = [
    "MICRO",
    "AdAccount",
    "Campaign",
    "CampaignChange",
    "CampaignMetric",
    "Connection",
    "DailyTotal",
    "ExchangeRate",
    "ImportBatch",
    "MetricRevision",
    "SyncRun",
]
