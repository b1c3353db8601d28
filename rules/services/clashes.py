"""No rule is switched on unasked that another active one undoes."""

from collections.abc import Collection, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rules.actions.specs import active_specs
from rules.conditions import RuleSpec
from rules.queries.clashes import Clash, clashes_among
from stratum.lib.errors import DomainError
from tenants.locks import workspace_lock


class ClashError(DomainError):
    """A rule that was not switched on, because it and active rules would undo each other."""

    def __init__(self, clashes: Sequence[Clash]):
        more = len(clashes) - 1
        if more:
            text = ngettext(
                "Not switched on yet: it and “%(other)s” (and %(more)s more rule) would undo each other.",
                "Not switched on yet: it and “%(other)s” (and %(more)s more rules) would undo each other.",
                more,
            )
        else:
            text = _("Not switched on yet: it and “%(other)s” would undo each other.")
        super().__init__(text % {"other": clashes[0].name, "more": more}, code="clashes")
        self.clashes = tuple(clashes)


def clashes_of(spec: RuleSpec) -> list[Clash]:
    """The active rules that undo what a rule, saved or not, would do. One statement; none for labels and alerts."""
    return [] if spec.action.field is None else clashes_among(spec, active_specs())


def clashes_refuse(spec: RuleSpec, accepted: Collection[int]) -> dict[str, list[int]]:
    """ClashError where a rule that is about to be active really clashes with others than those accepted; what the
    audit trail keeps of accepted ones."""
    if spec.action.field is None or spec.shadow:
        return {}
    # Two rules that are switched on at the same moment would not see each other.
    workspace_lock("rules.clashes")
    clashes = [clash for clash in clashes_of(spec) if not clash.shadow]
    if any(clash.rule_id not in accepted for clash in clashes):
        raise ClashError(clashes)
    return {"accepted_clashes": [clash.rule_id for clash in clashes]} if clashes else {}
