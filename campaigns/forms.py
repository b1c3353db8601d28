"""Forms of this app: they validate what a request brings, services decide what is done with it."""

import zoneinfo
from collections.abc import Sequence
from functools import cache
from typing import Any

from django import forms
from django.core.validators import DecimalValidator
from django.utils.translation import gettext_lazy as _

from campaigns.exports.currency import EXPONENTS
from campaigns.models import AdAccount
from campaigns.queries.import_answers import Answers
from campaigns.queries.import_preview import Preview
from campaigns.services.campaigns import MAX_LABEL_LENGTH
from campaigns.services.changes import BudgetWish
from campaigns.services.imports import BY_NAME
from campaigns.services.saved_views import MAX_NAME
from stratum.lib.money import decimals, to_minor


class LabelForm(forms.Form):
    """One label for one campaign."""

    label = forms.CharField(
        label=_("Label"),
        max_length=MAX_LABEL_LENGTH,
        error_messages={"required": _("Write a label first.")},
    )


class SelectionForm(forms.Form):
    """The ticked campaigns, or all that match the list's `state` (its query string)."""

    scope = forms.ChoiceField(choices=[("selected", _("Selected")), ("all", _("All"))], required=False)
    state = forms.CharField(max_length=2000, required=False, strip=False)
    ids = forms.TypedMultipleChoiceField(
        coerce=int, required=False, error_messages={"invalid_choice": _("Select the campaigns again.")}
    )

    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)
        # Ids are checked by the service, which finds only the workspace's own.
        sent = self.data.getlist("ids") if hasattr(self.data, "getlist") else []
        self.fields["ids"].choices = [(one, one) for one in sent if one.isascii() and one.isdigit() and len(one) < 10]


class BulkLabelForm(SelectionForm, LabelForm):
    """One label for a selection of campaigns."""


class BudgetForm(forms.Form):
    """A daily budget in major units of one currency."""

    amount = forms.DecimalField(
        label=_("New daily budget"),
        max_digits=18,
        error_messages={"required": _("Write an amount."), "invalid": _("Write an amount.")},
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.fields["amount"].decimal_places = decimals(currency)
        self.fields["amount"].validators.append(DecimalValidator(18, decimals(currency)))

    @property
    def minor(self) -> int:
        """Of a valid form: minor units."""
        return to_minor(self.cleaned_data["amount"], self.currency)


class TargetsForm(forms.Form):
    """What a campaign should reach, in major units of its currency. An empty field is no target."""

    cpa = forms.DecimalField(label=_("Target CPA"), max_digits=15, min_value=0, required=False)
    roas = forms.DecimalField(label=_("Target ROAS"), max_digits=8, decimal_places=2, min_value=0, required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.fields["cpa"].validators.append(DecimalValidator(15, decimals(currency)))

    @property
    def cpa_minor(self) -> int | None:
        """Of a valid form: minor units."""
        amount = self.cleaned_data["cpa"]
        return None if amount is None else to_minor(amount, self.currency)


class BulkChangeForm(SelectionForm):
    """Pause, enable, or another daily budget for a selection of campaigns.

    `expected` is how many campaigns the person was told it is about, once they have confirmed it.
    """

    PAUSE, ENABLE, BUDGET = "pause", "enable", "budget"
    SET, RAISE, LOWER = "set", "raise", "lower"
    # More than a thousandfold is a slip of the keyboard.
    MOST_PERCENT = 100_000

    change = forms.ChoiceField(choices=[(PAUSE, PAUSE), (ENABLE, ENABLE), (BUDGET, BUDGET)])
    how = forms.ChoiceField(
        choices=[(RAISE, _("Raise by")), (LOWER, _("Lower by")), (SET, _("Set to"))], required=False
    )
    amount = forms.DecimalField(max_digits=18, decimal_places=4, required=False)
    currency = forms.CharField(max_length=3, required=False)
    expected = forms.IntegerField(min_value=0, required=False)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("how") and "amount" not in self.errors:
            self._check_amount(values)
        return values

    def _check_amount(self, values: dict[str, Any]) -> None:
        amount, how = values.get("amount"), values["how"]
        if amount is None:
            self.add_error("amount", _("Write an amount."))
        elif amount <= 0:
            self.add_error("amount", _("Write an amount above nothing."))
        elif how == self.LOWER and amount >= 100:
            self.add_error("amount", _("A budget can be lowered by less than 100 %."))
        elif how != self.SET and (amount > self.MOST_PERCENT or amount * 100 != int(amount * 100)):
            self.add_error("amount", _("Write a percentage with at most two decimals."))

    def wish(self) -> BudgetWish | None:
        """Of a valid form: the budget that is wished for, None while nothing is said about it."""
        values = self.cleaned_data
        if not values["how"] or values["amount"] is None:
            return None
        if values["how"] == self.SET:
            return BudgetWish.set_to(to_minor(values["amount"], values["currency"]), values["currency"])
        hundredths = int(values["amount"] * 100)
        return BudgetWish.percent(hundredths if values["how"] == self.RAISE else -hundredths)


class SavedViewForm(forms.Form):
    """A name for the list as it is."""

    name = forms.CharField(label=_("Name"), max_length=MAX_NAME)
    query = forms.CharField(max_length=2000, required=False, strip=False)


class ImportAnswersForm(forms.Form):
    """What a report does not say itself: its ad account, a currency, a zone; and that its warnings were read."""

    FROM_FILE, NEW = "file", "new"

    account = forms.ChoiceField(label=_("Ad account"))
    account_name = forms.CharField(
        label=_("Name of the new ad account"),
        max_length=255,
        error_messages={"required": _("Give the new ad account a name.")},
    )
    # Needed or not by what is chosen above it: clean() says so.
    currency = forms.ChoiceField(label=_("Currency of the amounts"), required=False)
    timezone = forms.ChoiceField(
        label=_("Time zone of the new ad account"),
        help_text=_("Days of the report are days of this zone. The platform shows it in the account’s settings."),
    )
    accepted = forms.BooleanField(label=_("I have read the warnings; import the report all the same."), required=False)

    def __init__(self, *args: Any, preview: Preview, accounts: Sequence[AdAccount], zone: str, **kwargs: Any):
        """`accounts` are the workspace's accounts of the report's platform, `zone` its own zone."""
        super().__init__(*args, **kwargs)
        assert preview.whole is not None  # the form is shown once the whole file was read
        self.whole, self.accounts = preview.whole, {str(account.pk): account for account in accounts}
        self.lacks_currency = preview.head.lacks_currency
        self.fields["account"].choices = self._account_choices()
        self.fields["currency"].choices = [("", _("Choose a currency")), *currency_choices()]
        self.fields["currency"].initial = next(iter(preview.head.currency_candidates), "")
        self.fields["timezone"].choices = [(name, name.replace("_", " ")) for name in zone_names()]
        self.fields["timezone"].initial = preview.head.zone if preview.head.zone in zone_names() else zone
        # Asked of new accounts only; without an account chosen yet they are shown as what they will be.
        is_new = self.data.get("account", self.NEW) in (self.NEW, self.FROM_FILE)
        for name in ("account_name", "timezone"):
            self.fields[name].required = is_new
        if self.names_accounts:
            del self.fields["account_name"]
        if self.currencies:
            del self.fields["currency"]
        if not preview.whole.needs_confirmation:
            del self.fields["accepted"]

    @property
    def names_accounts(self) -> bool:
        return bool(self.whole.accounts)

    @property
    def currencies(self) -> list[str]:
        """What the file itself says; what it was read by for the time being is no answer."""
        return [] if self.lacks_currency else self.whole.currencies

    def _account_choices(self) -> list[tuple[str, str]]:
        known = [
            (key, f"{one.name} ({one.currency}, {one.timezone})")
            for key, one in self.accounts.items()
            if not self.currencies or self.currencies == [one.currency]
        ]
        if not self.names_accounts:
            # Of several accounts none is taken for granted: numbers in the wrong one are hard to notice.
            ask = [("", _("Choose the ad account"))] if len(known) > 1 else []
            return [*ask, *known, (self.NEW, _("A new ad account"))]
        names = ", ".join(account.name for account in self.whole.accounts[:5])
        if len(self.whole.accounts) > 1:
            known = []
        # An account known by its name only may be the one that the file gives an id for.
        nameless = [(key, text) for key, text in known if self.accounts[key].external_id.startswith(BY_NAME)]
        return [(self.FROM_FILE, _("As in the report: %(names)s") % {"names": names}), *nameless]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        chosen = self.accounts.get(values.get("account", ""))
        may_be_known = values.get("account") == self.FROM_FILE and not self.lacks_currency
        if "currency" in self.fields and chosen is None and not may_be_known and not values.get("currency"):
            self.add_error("currency", _("The report does not say its currency: choose the one of the ad account."))
        if "accepted" in self.fields and not values.get("accepted"):
            self.add_error("accepted", _("Read the warnings and confirm that you have."))
        return values

    def answers(self) -> Answers:
        """Of a valid form."""
        values = self.cleaned_data
        chosen = self.accounts.get(values["account"])
        return Answers(
            account_id=chosen.pk if chosen else None,
            account_name=values["account_name"] if values["account"] == self.NEW else "",
            currency=chosen.currency if chosen else values.get("currency", ""),
            timezone=values.get("timezone") or (chosen.timezone if chosen else "UTC"),
            accepted=values.get("accepted", False),
        )


def currency_choices() -> list[tuple[str, str]]:
    return [(code, code) for code in sorted(EXPONENTS)]


@cache
def zone_names() -> list[str]:
    """Zones by place, as people look for them; the technical ones are left out."""
    names = zoneinfo.available_timezones()
    return sorted(
        name for name in names if ("/" in name and not name.startswith(("Etc/", "SystemV/"))) or name == "UTC"
    )
