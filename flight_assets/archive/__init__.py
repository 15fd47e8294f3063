"""Hot to cold and back: the policy (pure), the record of an archive, its files, its steps, and restoring."""
