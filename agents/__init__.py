"""The roles: one judgement per call, no loops, no I/O of their own."""
