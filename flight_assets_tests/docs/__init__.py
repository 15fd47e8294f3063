"""Tests of the prose: README.md, docs/ and the files beside them. No service is needed."""
