"""Where flight events come from: real flights replayed or bootstrapped to now, and how they reach Kafka."""
