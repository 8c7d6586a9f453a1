"""Names of the countries that have help lines of their own, for choosing one."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["WORLDWIDE", "country_choices", "country_name"]

WORLDWIDE = "ZZ"

_NAMES = {
    "AR": "Argentina",
    "AT": "Austria",
    "AU": "Australia",
    "BE": "Belgium",
    "BR": "Brazil",
    "CA": "Canada",
    "CH": "Switzerland",
    "CL": "Chile",
    "CO": "Colombia",
    "DE": "Germany",
    "DK": "Denmark",
    "ES": "Spain",
    "FI": "Finland",
    "FR": "France",
    "GB": "United Kingdom",
    "IE": "Ireland",
    "IN": "India",
    "IT": "Italy",
    "JP": "Japan",
    "MX": "Mexico",
    "NL": "Netherlands",
    "NO": "Norway",
    "NZ": "New Zealand",
    "PL": "Poland",
    "PT": "Portugal",
    "SE": "Sweden",
    "UA": "Ukraine",
    "US": "United States",
    "ZA": "South Africa",
    WORLDWIDE: "Another country (worldwide list)",
}


def country_name(code: str) -> str:
    """Return the English name of a country, or its code where we have none."""
    return _NAMES.get(code, code)


def country_choices(
    countries: Iterable[str], country: str | None
) -> tuple[list[tuple[str, str]], str]:
    """Return what can be chosen, by name with the worldwide list last, and what stands first."""
    known = sorted(countries, key=country_name)
    choices = [(country_name(code), code) for code in known]
    code = {"UK": "GB"}.get(country or "", country or "")
    return [*choices, (country_name(WORLDWIDE), WORLDWIDE)], code if code in known else WORLDWIDE
