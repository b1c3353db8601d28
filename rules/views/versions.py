"""A rule's versions: what changed each time, two of them side by side, and using an older one again."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.decorators import requires
from rules import services
from rules.models import Rule, RuleExecution, RuleVersion
from rules.queries.versions import campaign_names, versions
from rules.services.rules import RuleDraft
from rules.views.answers import done
from rules.views.pages import show
from rules.views.version_words import Words, chosen_ids, differences, label_of, version_words
from stratum.lib.errors import DomainError
from stratum.lib.figures import format_number
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value, status_tag

VERSION_COLUMNS = (
    Column("version", gettext_lazy("Version"), kind="main", required=True),
    Column("when", gettext_lazy("Saved")),
    Column("changes", gettext_lazy("What changed")),
    Column("actions", gettext_lazy("Actions"), kind="actions", required=True),
)
COMPARED_COLUMNS = (
    Column("setting", gettext_lazy("Setting"), kind="main", required=True),
    Column("first", gettext_lazy("First"), required=True),
    Column("second", gettext_lazy("Second"), required=True),
)
_MOST_DIGITS = 9


def versions_table(request: HttpRequest, rule: Rule) -> Table:
    """The tab of the rule's page, newest first."""
    state = TableState.from_query(request.GET, VERSION_COLUMNS, default_sort="version", default_size=25)
    page = state.paginate(versions(rule.pk))
    shown = list(page.rows)
    if not shown and page.number == 1:
        # Saved before versions were kept: its present settings are the only ones that are known.
        shown = [_present(rule)]
    earlier = list(versions(rule.pk).filter(number=shown[-1].number - 1)) if shown else []
    names = campaign_names(chosen_ids([*shown, *earlier]))
    words = {one.number: version_words(one, names) for one in [*shown, *earlier]}
    return Table(
        "versions-table",
        _("Versions of this rule"),
        state,
        [_row(request, rule, version, words) for version in shown],
        path=request.path,
        page=page,
        as_cards=True,
        empty={"icon": "history", "title": _("No version here"), "text": _("Go back to the first page.")},
    )


def _present(rule: Rule) -> RuleVersion:
    return RuleVersion(
        rule=rule, number=rule.version, settings=RuleDraft.of(rule).as_json(), created_at=rule.updated_at
    )


def _row(request: HttpRequest, rule: Rule, version: RuleVersion, words: dict[int, Words]) -> Row:
    is_current = version.number == rule.version
    name = _name(version.number)
    cells = (
        Cell(name, sub=status_tag("active", _("Current")) if is_current else "", css="nowrap"),
        Cell(_moment(version), sub=_who(version), css="nowrap"),
        Cell(_changes(version, words), css="version-changes"),
        Cell(_buttons(request, rule, version)),
    )
    return Row(str(version.number), cells, name=name)


def _name(number: int) -> str:
    return _("Version %(number)s") % {"number": format_number(number)}


def _moment(version: RuleVersion) -> str:
    return date_format(timezone.localtime(version.created_at), "j M Y, H:i")


def _who(version: RuleVersion) -> Any:
    if version.user is not None:
        return version.user.display_name
    return version.actor_label or no_value(_("It was saved before versions were kept."))


def _changes(version: RuleVersion, words: dict[int, Words]) -> SafeString:
    own, before = words[version.number], words.get(version.number - 1)
    context = {
        "first": before is None,
        "problem": own.problem,
        "unknown": before is not None and not before.lines,
        "changes": differences(before, own) if before is not None and before.lines and own.lines else [],
        "sentence": own.lines.get("sentence", ""),
    }
    return render_to_string("rules/_version_changes.html", context)


def _buttons(request: HttpRequest, rule: Rule, version: RuleVersion) -> str:
    is_current = version.number == rule.version
    context = {
        "compare_url": "" if is_current else f"{_compare_url(rule.pk)}?first={version.number}",
        "use_url": reverse("rules:rule_version_use", args=[rule.pk, version.number]),
        "may_use": request.user.can("edit_rules") and not is_current,
        "number": version.number,
        "csrf_token": get_token(request),
    }
    return render_to_string("rules/_version_buttons.html", context)


def _compare_url(rule_id: int) -> str:
    return reverse("rules:rule_version_compare", args=[rule_id])


def decided_by(execution: RuleExecution) -> SafeString | str:
    """Beside an execution: which version decided, where the rule has another one now."""
    number, rule = execution.rule_version, execution.rule
    if number is None or number == rule.version:
        return ""
    text = _("decided by version %(number)s") % {"number": format_number(number)}
    if rule.is_deleted:
        return text
    return format_html('<a href="{}?first={}">{}</a>', _compare_url(rule.pk), number, text)


@requires("view")
def rule_version_compare(request: HttpRequest, pk: int) -> HttpResponse:
    """Any two versions side by side: `first` and `second`, the one before the current and the current by default."""
    rule = get_object_or_404(Rule, pk=pk)
    kept = list(versions(rule.pk)) or [_present(rule)]
    by_number = {version.number: version for version in kept}
    second = _asked(request, "second", by_number, rule.version)
    first = _asked(request, "first", by_number, second.number - 1 if second.number - 1 in by_number else second.number)
    table = _compared(request, first, second)
    context = {
        "rule": rule,
        "crumbs": [
            (_("Rules"), reverse("rules:rule_list")),
            (rule.name, f"{reverse('rules:rule_detail', args=[rule.pk])}?tab=versions"),
        ],
        "table": table,
        "first": first.number,
        "second": second.number,
        "choices": [
            (one.number, _("%(name)s, %(when)s") % {"name": _name(one.number), "when": _moment(one)}) for one in kept
        ],
        "same": not any(row.css for row in table.rows),
        "is_single": len(kept) == 1,
    }
    return show(request, "rules/version_compare.html", context)


def _asked(request: HttpRequest, name: str, kept: dict[int, RuleVersion], default: int) -> RuleVersion:
    text = request.GET.get(name, "")
    number = int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else default
    if number not in kept:
        raise Http404
    return kept[number]


def _compared(request: HttpRequest, first: RuleVersion, second: RuleVersion) -> Table:
    names = campaign_names(chosen_ids([first, second]))
    left, right = version_words(first, names), version_words(second, names)
    columns = (
        COMPARED_COLUMNS[0],
        Column("first", _name(first.number), required=True),
        Column("second", _name(second.number), required=True),
    )
    rows = [_problem_row(left, right)] if left.problem or right.problem else []
    for key in [*right.lines, *(key for key in left.lines if key not in right.lines)]:
        before, after = left.lines.get(key), right.lines.get(key)
        if before is None and after is None:
            continue
        changed = before != after
        mark = status_tag("draft", _("Changed")) if changed else ""
        cells = (Cell(label_of(key), sub=mark), Cell(_said(before)), Cell(_said(after)))
        rows.append(Row(key.replace(".", "-"), cells, css="is-changed" if changed else ""))
    state = TableState.from_query({}, columns, default_sort="setting")
    return Table("compared-table", _("Two versions side by side"), state, rows, path=request.path, as_cards=True)


def _problem_row(left: Words, right: Words) -> Row:
    cells = (Cell(_("Cannot be used")), Cell(_said(left.problem)), Cell(_said(right.problem)))
    return Row("problem", cells)


def _said(text: str | None) -> Any:
    return text or no_value(_("Not set."))


@requires("edit_rules", methods=("POST",))
def rule_version_use(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    page = f"{reverse('rules:rule_detail', args=[rule.pk])}?tab=versions"
    words = {"number": format_number(number)}
    try:
        used = services.rule_use_version(rule=rule, number=number, actor=request.actor)
    except RuleVersion.DoesNotExist as error:
        raise Http404 from error
    except DomainError as error:
        text = _("Version %(number)s cannot be used again. %(reason)s") % {**words, "reason": error}
        return done(request, text, to=page, level="error")
    if used.version == rule.version:
        return done(request, _("The rule has these settings already."), to=page, level="info")
    text = _("The settings of version %(number)s are back, as version %(new)s.")
    return done(request, text % {**words, "new": format_number(used.version)}, to=page)
