"""Dataset mappings: one folder each (docs/mappings.md)."""
