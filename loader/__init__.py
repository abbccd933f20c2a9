"""Turn published files into a release: tidy, check, convert, store (DESIGN: docs/architecture.md)."""
