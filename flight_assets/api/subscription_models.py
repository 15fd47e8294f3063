"""Shapes of subscriptions and deliveries, for the API's schema."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flight_assets.api.webhooks.targets import MOST_CHARACTERS
from flight_assets.contracts.message import MAX_DELAY_MINUTES, MIN_DELAY_MINUTES
from flight_assets.stores.subscriptions import VALUES, Condition, Subject, Subscription, Wish


class Asked(BaseModel):
    """Subscription to make."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        min_length=1,
        max_length=MOST_CHARACTERS,
        pattern="^https?://[!-~]+$",
        description="address that takes each delivery as a POST",
    )
    subject: Subject = Field(description="kind of thing that it is about")
    value: str = Field(max_length=40, description="flight_id, route such as EWR-IAH, or code")
    condition: Condition = Field(description="when a delivery is made, once per flight or finding")
    at_least_minutes: float | None = Field(
        default=None,
        ge=MIN_DELAY_MINUTES,
        le=MAX_DELAY_MINUTES,
        allow_inf_nan=False,
        description="least forecast delay; for the condition forecast only",
    )

    @model_validator(mode="after")
    def _belongs_together(self) -> Asked:
        if not re.fullmatch(VALUES[self.subject], self.value):
            raise ValueError(f"{self.value!r} is no {self.subject.value}")
        if (self.condition == Condition.FORECAST) != (self.at_least_minutes is not None):
            raise ValueError("at_least_minutes goes with the condition forecast, and only with it")
        return self

    def wish(self) -> Wish:
        """Return what is to be stored."""
        return Wish(self.url, self.subject, self.value, self.condition, self.at_least_minutes)


class OneSubscription(BaseModel):
    """Subscription and how its deliveries go. Times UTC."""

    id: str
    tenant: str
    url: str
    subject: Subject
    value: str
    condition: Condition
    at_least_minutes: float | None
    state: Literal["active", "paused"]
    created: datetime
    failures: int = Field(description="failed attempts since the last delivery")
    next_attempt: datetime | None = Field(description="null if it may be at once")
    paused: datetime | None
    problem: str | None = Field(description="why the newest attempt failed; null after a delivery")
    dropped: int = Field(description="deliveries beyond the most that may wait")
    waiting: int = Field(description="deliveries that wait")


class NewSubscription(OneSubscription):
    """Subscription with its secret, which is shown once."""

    secret: str = Field(description="key of the signatures, `whsec_` and base64")


class Subscriptions(BaseModel):
    """Subscriptions, newest first."""

    data: list[OneSubscription]


class Attempt(BaseModel):
    """Attempt of a delivery."""

    at: datetime
    status: int | None = Field(description="answer of the receiver; null without one")
    problem: str | None
    seconds: float


class OneDelivery(BaseModel):
    """Delivery of the log. Times UTC."""

    id: str = Field(description="header Webhook-Id, the same for each attempt")
    subscription: str
    tenant: str
    condition: Condition
    about: str = Field(description="flight_id, or id of the finding")
    state: Literal["waiting", "delivered"]
    created: datetime
    delivered: datetime | None
    attempts: int
    tries: list[Attempt] = Field(description="newest attempts, oldest first")


class Deliveries(BaseModel):
    """Log of a subscription's deliveries, newest first."""

    data: list[OneDelivery]


def subscription_row(subscription: Subscription, waiting: int) -> dict[str, Any]:
    """Return a subscription as the API shows it."""
    return {**asdict(subscription), "waiting": waiting}
