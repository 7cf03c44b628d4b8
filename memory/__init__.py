"""Everything that outlives a message: tables, journal, ledger, checkpoints, files and the index over them."""
