"""Addresses that are left alone: how many, and what stands against one of them."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count

from consent import models
from consent.rules.decision import SuppressionReason, SuppressionScope
from contacts import queries as contacts


def suppression_counts() -> dict[str, int]:
    """How many stand, by scope and reason, such as "marketing unsubscribed"."""
    rows = models.Suppression.objects.filter(lifted_at=None).values_list("scope", "reason")
    return {f"{scope} {reason}": number for scope, reason, number in rows.annotate(Count("id"))}


def suppressions_of(address: str) -> list[models.Suppression]:
    """What stands against one address, the latest first, each once."""
    rows = models.Suppression.objects.filter(
        address_token__in=contacts.address_tokens(address), lifted_at=None
    )
    once = {(each.scope, each.reason): each for each in rows.order_by("created_at")}
    return sorted(once.values(), key=lambda each: each.created_at, reverse=True)


def known_among(
    addresses: Collection[str], scope: SuppressionScope, reason: SuppressionReason
) -> int:
    """How many of these addresses are left alone in this way already."""
    by_token = {token: each for each in addresses for token in contacts.address_tokens(each)}
    standing = models.Suppression.objects.filter(
        address_token__in=by_token, scope=scope.value, reason=reason.value, lifted_at=None
    )
    return len({by_token[token] for token in standing.values_list("address_token", flat=True)})
