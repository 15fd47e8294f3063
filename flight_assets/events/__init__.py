"""Complex events: patterns over the stream of flight events, found, explained, stored and alerted."""
