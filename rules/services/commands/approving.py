"""Rules that wait for a person, asked and answered by WhatsApp. An approval holds for exactly what was shown."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.audit import Actor
from campaigns.choices import CampaignStatus, Platform
from rules.actions import Performer
from rules.actions.specs import rule_reading
from rules.actions.targets import target_of
from rules.choices import CodeKind, CommandOutcome, CommandVerb, Outcome
from rules.conditions import RuleSpec
from rules.conditions.commands import shown_word
from rules.conditions.wording import gate_phrase, sentence
from rules.models import Rule, RuleExecution, WhatsAppCode
from rules.queries.evaluation import RuleEvaluation, evaluate_now
from rules.queries.rules import waiting_rules
from rules.services.approvals import rule_dismiss
from rules.services.commands.base import MAX_TEXT, Asked, Reply, refused
from rules.services.commands.questions import approval_ask, digest, over_words, question_use, yes_and_no
from rules.services.evaluation import rule_approve
from stratum.lib.errors import DomainError
from stratum.lib.figures import before_and_now, format_money, format_number
from stratum.lib.plain_words import cut
from stratum.lib.regions import language_or_default
from whatsapp.choices import OptIn
from whatsapp.models import WhatsAppContact
from whatsapp.queries import ALERTS, proven_by_person
from whatsapp.services import message_queue

ACTOR = Actor.job("rules.ask_whatsapp")
RIGHT = "edit_rules"
MOST_RULES, MOST_CONTACTS, CAMPAIGNS_SHOWN = 25, 100, 5
LONGEST_NAME, LONGEST_SENTENCE = 60, 250


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rule that waits would change now. `shown`: campaign id (as text) → what it would have then; `lines` are
    the first of them in words, without their language: (name, platform, before, after)."""

    spec: RuleSpec
    question: str
    shown: dict[str, dict[str, Any]]
    lines: Sequence[tuple[str, str, str, str]]


def wanted_by(rule: Rule, now: datetime) -> Wanted | None:
    """None where the rule cannot be read, or asks for nothing any more. Evaluated alone, as an approval does it."""
    spec = rule_reading(rule).spec
    if spec is None:
        return None
    (evaluation,) = evaluate_now([spec], now=now).rules
    positions = evaluation.positions(Outcome.AWAITING_APPROVAL).tolist()
    if not positions:
        return None
    shown: dict[str, dict[str, Any]] = {}
    lines: list[tuple[str, str, str, str]] = []
    for position in positions:
        before, after = _sides(evaluation, position)
        shown[str(int(evaluation.facts.ids[position]))] = after
        if len(lines) < CAMPAIGNS_SHOWN:
            target = target_of(evaluation, position)
            lines.append((target.name, target.platform, _side_words(before), _side_words(after)))
    return Wanted(spec, gate_phrase(evaluation.explain(positions[0])), shown, lines)


def _sides(evaluation: RuleEvaluation, position: int) -> tuple[dict[str, Any], dict[str, Any]]:
    action: Performer = evaluation.spec.action  # type: ignore[assignment]  # rule_spec reads nothing else
    change = action.plan(target_of(evaluation, position))
    return _kept(change.before), _kept(change.after)


def _kept(side: Mapping[str, Any]) -> dict[str, Any]:
    """What a campaign has before or after. When a change takes itself back is known only once it is made."""
    return {name: side[name] for name in ("status", "daily_budget", "currency") if name in side}


def _side_words(side: Mapping[str, Any]) -> str:
    if isinstance(side.get("daily_budget"), int):
        return format_money(side["daily_budget"], str(side.get("currency", "")))
    return str(dict(CampaignStatus.choices).get(side.get("status", ""), side.get("status", "–")))


# --- Asking -----------------------------------------------------------------------------------------------------


def approvals_ask(*, now: datetime, actor: Actor = ACTOR) -> int:
    """Ask everybody who may approve and wants alerts about rules that began to wait; how many messages.

    Each person is asked once for each time that a rule begins to wait, in a message with a code of their own. Safe to
    run twice and at once: the contact is held while it is looked whether they were asked.
    """
    with transaction.atomic():
        rules = list(waiting_rules(now=now)[:MOST_RULES])
        contacts = _deciders() if rules else []
        asked = _asked(rules) if contacts else set()
    count = 0
    for rule in rules:
        missing = [one for one in contacts if (rule.pk, one.pk, rule.awaiting_since) not in asked]
        count += _ask_about(rule, missing, now, actor)
    return count


def _deciders() -> list[WhatsAppContact]:
    """Contacts of people who may approve, whom alerts reach, and who have proven the number themselves."""
    rows = WhatsAppContact.objects.filter(opt_in_status=OptIn.OPTED_IN, is_verified=True, is_active=True)
    rows = rows.filter(notification_types__contains=[ALERTS], user__is_active=True, user__is_deleted=False)
    found = proven_by_person(rows).select_related("user").order_by("pk")[:MOST_CONTACTS]
    return [one for one in found if one.user.can(RIGHT)]


def _asked(rules: Sequence[Rule]) -> set[tuple[int | None, int, datetime | None]]:
    rows = WhatsAppCode.objects.filter(kind=CodeKind.APPROVAL, subject_id__in=[rule.pk for rule in rules])
    return set(rows.values_list("subject_id", "contact_id", "asked_since"))


def _ask_about(rule: Rule, contacts: Sequence[WhatsAppContact], now: datetime, actor: Actor) -> int:
    """What the rule wants is found out once for each language, while nobody is held; then each contact in a transaction
    of its own, so that what they write meanwhile is read."""
    by_language: dict[str, list[WhatsAppContact]] = defaultdict(list)
    for contact in contacts:
        by_language[language_or_default(contact.language or "")].append(contact)
    count = 0
    for language, readers in by_language.items():
        with translation.override(language):
            with transaction.atomic():
                wanted = wanted_by(rule, now)
            if wanted is None:
                return count
            count += sum(_ask(contact, rule, wanted, now, actor) for contact in readers)
    return count


@transaction.atomic
def _ask(contact: WhatsAppContact, rule: Rule, wanted: Wanted, now: datetime, actor: Actor) -> int:
    held = WhatsAppContact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    if (rule.pk, held.pk, rule.awaiting_since) in _asked([rule]):
        return 0
    question, text = _question(held, rule, wanted, now)
    queued = message_queue(
        contact_ids=[held.pk],
        content=text,
        variables={},
        dedupe_key=f"approval:{question.pk}",
        buttons=_buttons(question),
        actor=actor,
    )
    return len(queued.messages)


def _question(contact: WhatsAppContact, rule: Rule, wanted: Wanted, now: datetime) -> tuple[WhatsAppCode, str]:
    question, code = approval_ask(
        contact, rule_id=rule.pk, asked_since=rule.awaiting_since, shown=wanted.shown, now=now
    )
    return question, _words(rule, wanted, code)


def _words(rule: Rule, wanted: Wanted, code: str) -> str:
    """In at most MAX_TEXT characters; the first line is the title where a template carries it."""
    count = len(wanted.shown)
    would = ngettext("It would change %(count)s campaign:", "It would change %(count)s campaigns:", count)
    lines = [f"• {cut(name, LONGEST_NAME)} ({Platform(platform).label}): {before_and_now(before, after)}"
             for name, platform, before, after in wanted.lines]  # fmt: skip
    more = count - len(lines)
    if more:
        lines.append(_("and %(count)s more") % {"count": format_number(more)})
    language = translation.get_language() or "en"
    how = _("Write “%(approve)s %(code)s” or “%(reject)s %(code)s” within 24 hours.") % {
        "approve": shown_word(CommandVerb.APPROVE, language),
        "reject": shown_word(CommandVerb.REJECT, language),
        "code": code,
    }
    head = [
        _("Waits for approval: %(rule)s") % {"rule": cut(rule.name, LONGEST_NAME)},
        cut(sentence(wanted.spec), LONGEST_SENTENCE),
        cut(wanted.question, LONGEST_SENTENCE),
        would % {"count": format_number(count)},
    ]
    # What is cut is never the code.
    return "\n".join([cut("\n".join([*filter(None, head), *lines]), MAX_TEXT - len(how) - 1), how])


def _buttons(question: WhatsAppCode) -> list[tuple[str, str]]:
    return yes_and_no(question, _("Approve"), _("Reject"))


# --- Answers ----------------------------------------------------------------------------------------------------


class _OtherNow(Exception):
    """The rule acted on something else than what was shown: undone with its transaction."""


class _Busy(Exception):
    """The rules are being evaluated by somebody else: undone with its transaction, the code stays good."""


def approved(asked: Asked, question: WhatsAppCode) -> Reply:
    """The rule acts, if it would still change exactly what this person was shown."""
    rule = Rule.objects.filter(pk=question.subject_id or 0).first()
    if rule is None:
        return refused(_("The rule is not there any more."))
    if not _is_open(question, asked.now):
        return refused(over_words())
    wanted = wanted_by(rule, asked.now)
    if wanted is not None and digest(wanted.shown) != question.payload_hash:
        return _shown_anew(asked, rule, wanted)
    try:
        with transaction.atomic():
            return _act(asked, rule, question)
    except _OtherNow:
        again = wanted_by(rule, asked.now)
        return _shown_anew(asked, rule, again) if again else refused(over_words())
    except _Busy:
        return refused(_("The rules are being evaluated at this moment. Approve again in a few seconds."))
    except DomainError as error:
        return refused(str(error))


def _is_open(question: WhatsAppCode, now: datetime) -> bool:
    return question.used_at is None and question.expires_at > now


def _act(asked: Asked, rule: Rule, question: WhatsAppCode) -> Reply:
    if not question_use(question, asked.now):
        return refused(over_words())
    executions = RuleExecution.objects.filter(rule=rule)
    before = executions.aggregate(last=Max("pk"))["last"] or 0
    counts = rule_approve(rule=rule, actor=asked.actor)
    if counts is None:
        raise _Busy
    made = list(executions.filter(pk__gt=before, outcome__in=(Outcome.ACTED, Outcome.FAILED)).order_by("pk"))
    # Between the look and the act numbers may have come in: what was not shown is not approved.
    for one in made:
        after = _kept((one.action_result or {}).get("after", {}))
        if question.payload.get(str(one.campaign_id)) != after:
            raise _OtherNow
    acted = [one for one in made if one.outcome == Outcome.ACTED]
    text = _("Approved: “%(rule)s” changed %(acted)s campaigns, %(failed)s could not be changed.") % {
        "rule": cut(rule.name, LONGEST_NAME),
        "acted": format_number(len(acted)),
        "failed": format_number(len(made) - len(acted)),
    }
    return Reply(
        text,
        CommandOutcome.DONE,
        made={"rule": rule.pk, "executions": [made[0].pk, made[-1].pk] if acted else []},
        to_send=counts.to_send,
        slack=bool(counts.slack),
    )


def _shown_anew(asked: Asked, rule: Rule, wanted: Wanted) -> Reply:
    question, text = _question(asked.contact, rule, wanted, asked.now)
    told = _("What the rule would change is not what you were shown. Nothing was done. This is how it is now:")
    return Reply(cut(f"{told}\n\n{text}", 1024), CommandOutcome.ASKED, _buttons(question))


def rejected(asked: Asked, question: WhatsAppCode) -> Reply:
    """Nothing is changed, and the rule does not ask again for a day."""
    rule = Rule.objects.filter(pk=question.subject_id or 0).first()
    if rule is None:
        return refused(_("The rule is not there any more."))
    try:
        with transaction.atomic():
            if not question_use(question, asked.now):
                return refused(over_words())
            rule_dismiss(rule=rule, actor=asked.actor)
    except DomainError as error:
        return refused(str(error))
    text = _("Rejected: “%(rule)s” changes nothing, and does not ask again for 24 hours.")
    # Known as the last command, so that taking back does not reach past it.
    made = {"rejected": rule.pk}
    return Reply(text % {"rule": cut(rule.name, LONGEST_NAME)}, CommandOutcome.DONE, made=made)
