"""The settings of a rule's version in words, and what changed from one version to another.

Every column of RuleDraft is worded: those of the sentence and the scope together, the others one by one, and one that
nobody has words for by its own name, so that no difference is silent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.choices import CampaignStatus
from rules.actions.specs import rule_reading
from rules.choices import Severity
from rules.conditions import ConditionError, parse_scope
from rules.conditions.wording import cooldown_phrase, scope_phrase, sentence
from rules.models import Rule, RuleVersion
from rules.services.rules import RuleDraft
from stratum.lib.figures import format_number

NAMED_CAMPAIGNS = 12
_LABELS: dict[str, Promise] = {
    "name": gettext_lazy("Name"),
    "description": gettext_lazy("Notes"),
    "sentence": gettext_lazy("Rule"),
    "scope": gettext_lazy("Campaigns"),
    "applies_to_campaigns": gettext_lazy("Chosen campaigns"),
    "cooldown_hours": gettext_lazy("Rest after acting"),
    "min_confidence": gettext_lazy("Certainty"),
    "priority": gettext_lazy("Priority"),
    "shadow": gettext_lazy("Shadow mode"),
    "schedule": gettext_lazy("Schedule"),
    "holdout_percent": gettext_lazy("Hold-out group, in percent"),
    "action.message": gettext_lazy("Message"),
    "action.label": gettext_lazy("Label"),
    "action.severity": gettext_lazy("Severity"),
    "action.to": gettext_lazy("New status"),
    "action.percent": gettext_lazy("Change in percent"),
    "action.amount": gettext_lazy("Change as an amount"),
    "action.currency": gettext_lazy("Currency"),
    "action.floor": gettext_lazy("Floor"),
    "action.ceiling": gettext_lazy("Ceiling"),
    "action.beyond": gettext_lazy("Beyond floor and ceiling"),
}
# Columns that are worded together with others.
_TOGETHER = {
    "condition_field": "sentence",
    "condition_operator": "sentence",
    "condition_value": "sentence",
    "condition_duration_hours": "sentence",
    "condition_tree": "sentence",
    "action_type": "sentence",
    "applies_to_platforms": "scope",
    "applies_to_statuses": "scope",
}
# Settings of actions that stand in the rule's sentence already.
_SAID = frozenset({"label", "severity", "to", "percent", "amount"})
_CHOICES: dict[str, Mapping[str, Any]] = {
    "severity": dict(Severity.choices),
    "to": dict(CampaignStatus.choices),
    "beyond": {"clamp": gettext_lazy("stop at the edge"), "skip": gettext_lazy("leave the budget as it is")},
}

# A setting's name, what it was and what it is; None: not set.
Difference = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Words:
    """A version in words: key → text, None where nothing is set. `problem` says why it cannot be used any more."""

    number: int
    lines: Mapping[str, str | None] = field(default_factory=dict)
    chosen: Mapping[int, str] = field(default_factory=dict)
    problem: str = ""


def draft_kept(version: RuleVersion) -> RuleDraft | None:
    """The settings of a version; None where they cannot be read any more."""
    try:
        return RuleDraft.from_json(version.settings)
    except ConditionError:
        return None


def chosen_ids(versions: list[RuleVersion]) -> set[int]:
    """Campaigns that these versions name."""
    drafts = [draft_kept(version) for version in versions]
    return {one for draft in drafts if draft is not None for one in draft.applies_to_campaigns or []}


def version_words(version: RuleVersion, names: Mapping[int, str]) -> Words:
    """Never raises: of what cannot be read it says why."""
    try:
        draft = RuleDraft.from_json(version.settings)
    except ConditionError as error:
        return Words(version.number, problem=str(error))
    reading = rule_reading(draft.on(Rule(pk=version.rule_id)))
    chosen = {one: names.get(one) or f"#{one}" for one in draft.applies_to_campaigns or []}
    lines: dict[str, str | None] = {}
    for column in RuleDraft.__slots__:
        key = _TOGETHER.get(column, column)
        if key == "sentence":
            lines[key] = sentence(reading.spec) if reading.spec else reading.problem
        elif key == "scope":
            lines[key] = _scope(draft)
        elif key == "applies_to_campaigns":
            lines[key] = _listed(chosen)
        elif key == "action_config":
            lines |= _action_lines(draft.action_config, said=reading.spec is not None)
        elif key == "cooldown_hours":
            lines[key] = cooldown_phrase(draft.cooldown_hours)
        elif key == "min_confidence":
            lines[key] = f"{draft.min_confidence}%" if draft.min_confidence is not None else None
        else:
            lines[key] = _plain(getattr(draft, column))
    return Words(version.number, lines, chosen, reading.problem)


def differences(old: Words, new: Words) -> list[Difference]:
    """What changed, in the order in which a rule is read. Of chosen campaigns those that went and those that came."""
    found: list[Difference] = []
    for key in [*new.lines, *(key for key in old.lines if key not in new.lines)]:
        before, after = old.lines.get(key), new.lines.get(key)
        if key == "applies_to_campaigns":
            before = _listed({one: name for one, name in old.chosen.items() if one not in new.chosen})
            after = _listed({one: name for one, name in new.chosen.items() if one not in old.chosen})
        if before != after:
            found.append((label_of(key), before, after))
    return found


def label_of(key: str) -> str:
    """How a setting is called; one that nobody has named, by its column."""
    if key in _LABELS:
        return str(_LABELS[key])
    try:
        text = str(Rule._meta.get_field(key).verbose_name)  # type: ignore[union-attr]  # a column of its own
    except FieldDoesNotExist:
        text = key.rpartition(".")[2].replace("_", " ")
    return text[:1].upper() + text[1:]


def _scope(draft: RuleDraft) -> str:
    try:
        scope = parse_scope(
            platforms=draft.applies_to_platforms,
            statuses=draft.applies_to_statuses,
            campaigns=draft.applies_to_campaigns,
        )
    except ConditionError as error:
        return str(error)
    return scope_phrase(scope)


def _listed(chosen: Mapping[int, str]) -> str | None:
    if not chosen:
        return None
    names = sorted(chosen.values(), key=str.casefold)
    text, more = ", ".join(names[:NAMED_CAMPAIGNS]), len(names) - NAMED_CAMPAIGNS
    if more <= 0:
        return text
    words = {"names": text, "more": format_number(more)}
    return ngettext("%(names)s and %(more)s more", "%(names)s and %(more)s more", more) % words


def _action_lines(config: Mapping[str, Any], *, said: bool) -> dict[str, str | None]:
    return {
        f"action.{key}": _plain(_CHOICES.get(key, {}).get(value, value) if isinstance(value, str) else value)
        for key, value in config.items()
        if not (said and key in _SAID)
    }


def _plain(value: Any) -> str | None:
    """A value in words that say nothing but itself."""
    if value is None or value == "" or value == [] or value == {}:
        return None
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, int):
        return format_number(value)
    if isinstance(value, list):
        return ", ".join(_plain(one) or "–" for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{label_of(str(key))}: {_plain(one) or '–'}" for key, one in value.items())
    return str(value)
