"""The transparency log: canonical entries, the RFC 9162 tree over them, its proofs, checkpoints and receipts. Pure."""
