"""The field's ratios, always from sums. A zero denominator is 'no value' (None), never 0."""

from dataclasses import dataclass

MICRO = 1_000_000


def ratio(numerator: int | float | None, denominator: int | float | None) -> float | None:
    """numerator ÷ denominator; None when either is missing or the denominator is zero."""
    if numerator is None or not denominator:
        return None
    return numerator / denominator


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over campaign-days of one currency. Money in minor units, conversions × 1,000,000."""

    impressions: int = 0
    clicks: int = 0
    conversions_micros: int = 0
    spend: int = 0
    revenue: int = 0

    @property
    def conversions(self) -> float:
        return self.conversions_micros / MICRO

    @property
    def ctr(self) -> float | None:
        """Clicks per impression, 0–1."""
        return ratio(self.clicks, self.impressions)

    @property
    def cvr(self) -> float | None:
        """Conversions per click, 0–1 (above 1 when views convert)."""
        return ratio(self.conversions, self.clicks)

    @property
    def cpc(self) -> float | None:
        """Minor units per click."""
        return ratio(self.spend, self.clicks)

    @property
    def cpm(self) -> float | None:
        """Minor units per 1,000 impressions."""
        return ratio(self.spend * 1000, self.impressions)

    @property
    def cpa(self) -> float | None:
        """Minor units per conversion."""
        return ratio(self.spend * MICRO, self.conversions_micros)

    @property
    def roas(self) -> float | None:
        """Revenue per unit of spend."""
        return ratio(self.revenue, self.spend)

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.impressions + other.impressions,
            self.clicks + other.clicks,
            self.conversions_micros + other.conversions_micros,
            self.spend + other.spend,
            self.revenue + other.revenue,
        )
