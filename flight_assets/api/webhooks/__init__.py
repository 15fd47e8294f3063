"""Webhooks: changes are matched with subscriptions, put into the outbox, signed and sent."""
