"""Where the campaigns of a report belong: their ad accounts, and which campaigns we know already.

Accounts come from the file where it names them, else from the answer on the preview page. Campaigns without ids are
known by their name within the account: as the one existing campaign of this name, or under a key made of it.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection
from django.utils.translation import gettext as _

from accounts.audit import Actor
from campaigns.choices import AccountStatus, CampaignStatus
from campaigns.exports import CampaignInfo, Metric, ParsedReport
from campaigns.models import AdAccount, Campaign, DailyTotal
from campaigns.queries.import_answers import Answers
from campaigns.queries.import_preview import NamedAccount
from campaigns.services.accounts import account_create, accounts_lock
from campaigns.services.campaign_rows import CampaignRow
from stratum.lib.errors import DomainError
from tenants.locks import workspace_lock

# External ids of our own making. No platform's ids hold a colon.
BY_NAME = "name:"
# A campaign that delivered this recently counts as running where the report does not say.
RECENT = timedelta(days=7)


def name_key(*parts: str) -> str:
    """A stable external id for something that has a name only."""
    text = "\x1f".join(unicodedata.normalize("NFC", part) for part in parts)
    return BY_NAME + hashlib.sha256(text.encode()).hexdigest()[:32]


def account_key(campaign: CampaignInfo) -> str | None:
    """The external id of the account a row of the file names; None when it names none."""
    if campaign.account_external_id:
        return campaign.account_external_id
    return name_key(campaign.account_name) if campaign.account_name else None


def accounts_named(campaigns: Iterable[CampaignInfo]) -> dict[str, NamedAccount]:
    """The accounts that a file names, by key. DomainError when one counts in two currencies."""
    found: dict[str, NamedAccount] = {}
    for campaign in campaigns:
        key = account_key(campaign)
        if key is None:
            continue
        before = found.get(key)
        name = campaign.account_name or (before.name if before else "") or campaign.account_external_id or ""
        currency = campaign.currency or (before.currency if before else None)
        if before and before.currency and currency != before.currency:
            raise DomainError(
                _("The report has amounts in %(first)s and in %(second)s for the ad account “%(name)s”.")
                % {"first": before.currency, "second": currency, "name": name},
                code="account_currencies",
            )
        count = before.campaigns + 1 if before else 1
        found[key] = NamedAccount(campaign.account_external_id, name, currency, count)
    return found


@dataclass(slots=True)
class Target:
    """One account and the positions of its campaigns in the report."""

    account: AdAccount
    is_new: bool
    positions: list[int] = field(default_factory=list)


def targets_of(report: ParsedReport, answers: Answers, actor: Actor) -> list[Target]:
    """The accounts of a report, made where they are new, all locked. DomainError when an account is not clear."""
    campaigns = report.days.campaigns
    named = accounts_named(campaigns)
    if answers.account_id is not None:
        found = {key: _chosen(report, answers.account_id, named) for key in (*named, None)}
    elif named:
        found = {key: _named(report, key, account, answers, actor) for key, account in named.items()}
    else:
        found = {None: _new(report, answers, actor)}
    targets = {target.account.pk: target for target in found.values()}
    accounts_lock(targets)
    # Rows without an account belong to the file's one account, where it has just one.
    default = next(iter(targets.values())) if len(targets) == 1 else None
    for position, campaign in enumerate(campaigns):
        target = found.get(account_key(campaign)) or default
        if target is None:
            raise DomainError(
                _("Some rows do not say which ad account they belong to. Export one account at a time."),
                code="account_unclear",
            )
        targets[target.account.pk].positions.append(position)
    for target in targets.values():
        _check_currency(target, [campaigns[position] for position in target.positions])
    return list(targets.values())


def _chosen(report: ParsedReport, account_id: int, named: dict[str, NamedAccount]) -> Target:
    account = AdAccount.objects.filter(pk=account_id, platform=report.platform).first()
    if account is None:
        raise DomainError(_("The chosen ad account is not there any more. Choose another one."), code="account_gone")
    ids = {one.external_id for one in named.values() if one.external_id}
    if len(named) > 1 or (ids and not account.external_id.startswith(BY_NAME) and ids != {_plain(account.external_id)}):
        raise DomainError(
            _("The report names another ad account (%(named)s) than the chosen one, “%(name)s”.")
            % {"named": ", ".join(sorted(one.name for one in named.values())), "name": account.name},
            code="account_mismatch",
        )
    if ids and account.external_id.startswith(BY_NAME):
        # From now on the account is known by its platform's own id.
        account.external_id = ids.pop()
        account.save(update_fields=["external_id"])
        Campaign.objects.with_deleted().filter(ad_account=account).update(account_id=account.external_id)
    return Target(account, is_new=False)


def _plain(external_id: str) -> str:
    return external_id.removeprefix("act_")


def existing_account(platform: str, named: NamedAccount) -> AdAccount | None:
    """The account of the workspace that a file names: by id, or the only one of its name."""
    accounts = AdAccount.objects.filter(platform=platform)
    if named.external_id:
        # Meta's API writes its account ids with a prefix, its exports without.
        return accounts.filter(external_id__in=[named.external_id, f"act_{named.external_id}"]).first()
    known = accounts.filter(external_id=name_key(named.name)).first()
    if known is not None:
        return known
    same_name = list(accounts.filter(name__iexact=named.name)[:2])
    return same_name[0] if len(same_name) == 1 else None


def _named(report: ParsedReport, key: str, named: NamedAccount, answers: Answers, actor: Actor) -> Target:
    account = existing_account(report.platform, named)
    if account is not None:
        return Target(account, is_new=False)
    currency = named.currency or report.currency or answers.currency
    created = _create(report.platform, key, named.name, currency, answers, actor)
    return Target(created, is_new=True)


def _new(report: ParsedReport, answers: Answers, actor: Actor) -> Target:
    if not answers.account_name:
        raise DomainError(
            _("The report does not say which ad account it is from. Choose one, or name a new one."),
            code="account_needed",
            field="account",
        )
    key = name_key(answers.account_name)
    known = AdAccount.objects.filter(platform=report.platform, external_id=key).first()
    if known is not None:
        return Target(known, is_new=False)
    currency = report.currency or answers.currency
    return Target(_create(report.platform, key, answers.account_name, currency, answers, actor), is_new=True)


def _create(platform: str, key: str, name: str, currency: str | None, answers: Answers, actor: Actor) -> AdAccount:
    if not currency:
        raise DomainError(
            _("Say in which currency the ad account “%(name)s” counts.") % {"name": name},
            code="currency_needed",
            field="currency",
        )
    return account_create(
        platform=platform, external_id=key, name=name[:255], currency=currency, timezone=answers.timezone, actor=actor
    )


def _check_currency(target: Target, campaigns: Sequence[CampaignInfo]) -> None:
    others = {c.currency for c in campaigns if c.currency} - {target.account.currency}
    if others:
        raise DomainError(
            _("The report is in %(report)s, but the ad account “%(name)s” counts in %(account)s. Nothing was imported.")
            % {
                "report": ", ".join(sorted(others)),
                "name": target.account.name,
                "account": target.account.currency,
            },
            code="currency_mismatch",
        )


# --- Campaigns ------------------------------------------------------------------------------------------------------


def campaign_rows(report: ParsedReport, target: Target, *, has_status: bool) -> list[CampaignRow]:
    """The account's campaigns as rows for campaigns_upsert, in the order of `target.positions`.

    Names and states are taken over where the report is the newest we have and no connection knows better; states
    that the report does not give are told from its last days, for campaigns that are new.
    """
    campaigns = [report.days.campaigns[position] for position in target.positions]
    external_ids = _external_ids(target.account, campaigns)
    known = set(
        Campaign.objects.with_deleted()
        .filter(platform=target.account.platform, external_id__in=external_ids)
        .values_list("external_id", flat=True)
    )
    leads = _leads(report, target.account)
    running = set() if has_status else _running(report)
    rows = []
    for position, external_id, campaign in zip(target.positions, external_ids, campaigns, strict=True):
        is_known = external_id in known
        status = campaign.status
        if status is None and not is_known and not has_status:
            status = CampaignStatus.ACTIVE if position in running else CampaignStatus.PAUSED
        speaks = leads or not is_known
        rows.append(
            CampaignRow(
                external_id,
                name=campaign.name if speaks else None,
                status=status if speaks else None,
                objective=campaign.objective[:100] if speaks and campaign.objective else None,
            )
        )
    return rows


def _leads(report: ParsedReport, account: AdAccount) -> bool:
    """Whether this report may say what campaigns are called and whether they run."""
    if account.status != AccountStatus.IMPORT_ONLY:
        return False
    newest = DailyTotal.objects.filter(ad_account=account).order_by("-date").values_list("date", flat=True).first()
    return newest is None or report.date_range.last >= newest


def _running(report: ParsedReport) -> set[int]:
    """Positions of campaigns with impressions or spend in the report's last days."""
    since = (report.date_range.last - RECENT).toordinal()
    days = report.days
    absent: list[int | None] = [None] * len(days)
    shown, spent = days.values.get(Metric.IMPRESSIONS, absent), days.values.get(Metric.SPEND, absent)
    return {
        position
        for position, day, impressions, spend in zip(days.campaign_index, days.days, shown, spent, strict=True)
        if day > since and (impressions or spend)
    }


def _external_ids(account: AdAccount, campaigns: Sequence[CampaignInfo]) -> list[str]:
    by_name = _by_name(account, [campaign.name for campaign in campaigns])
    given = {campaign.external_id for campaign in campaigns if campaign.external_id}
    names = Counter(campaign.name for campaign in campaigns)
    by_key: dict[str, str] = {}
    ids = []
    for campaign in campaigns:
        known = by_name.get(campaign.name, [])
        key = name_key(str(account.pk), campaign.name)
        if campaign.external_id is None:
            ids.append(known[0] if len(known) == 1 and known[0] not in given else key)
            continue
        if known == [key] and names[campaign.name] == 1:
            by_key[key] = campaign.external_id
        ids.append(campaign.external_id)
    _know_by_id(account, by_key)
    twice = [external_id for external_id, count in Counter(ids).items() if count > 1]
    if twice:
        name = next(c.name for c, external_id in zip(campaigns, ids, strict=True) if external_id == twice[0])
        raise DomainError(
            _("The campaign “%(name)s” is in the report twice, once without its ID. Export it with campaign IDs.")
            % {"name": name},
            code="campaign_twice",
        )
    return ids


def _know_by_id(account: AdAccount, by_key: dict[str, str]) -> None:
    """Campaigns known by their name so far go by their id from now on, and keep their days."""
    if not by_key:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE campaigns c SET external_id = g.external_id
            FROM unnest(%(keys)s::text[], %(ids)s::text[]) AS g (key, external_id)
            WHERE c.tenant_id = %(tenant)s AND c.ad_account_id = %(account)s AND c.external_id = g.key
              AND NOT EXISTS (
                  SELECT FROM campaigns o WHERE o.tenant_id = %(tenant)s AND o.platform = c.platform
                                            AND o.external_id = g.external_id)
            """,
            {
                "keys": list(by_key),
                "ids": list(by_key.values()),
                "tenant": account.tenant_id,
                "account": account.pk,
            },
        )


def _by_name(account: AdAccount, names: Sequence[str]) -> dict[str, list[str]]:
    """External ids of the account's campaigns that bear one of these names."""
    rows = Campaign.objects.filter(ad_account=account, name__in=set(names)).order_by("pk")
    found: dict[str, list[str]] = {}
    for name, external_id in rows.values_list("name", "external_id"):
        found.setdefault(name, []).append(external_id)
    return found


def lock_imports() -> None:
    """One import of a workspace writes at a time: two files of one new account would both make it otherwise."""
    workspace_lock("campaigns.imports")
