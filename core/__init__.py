"""The words everyone uses: values and pure rules, no I/O, nothing of ours imported."""
