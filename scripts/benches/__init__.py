"""The benches: one file a name, each measuring real parts on this machine."""
