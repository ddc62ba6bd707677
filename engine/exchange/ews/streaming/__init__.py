"""Streaming notifications: groups of subscriptions, one long-lived response for each, and recovery when it ends."""
