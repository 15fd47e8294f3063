"""Hooks into one version of another program, one file each. Each states library, symptom, gain, guarding test and when to remove it."""
