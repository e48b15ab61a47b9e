"""Sending the feed of revocations to webhooks."""
