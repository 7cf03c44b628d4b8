"""Where code of a model runs: seen by nobody, seeing nothing, gone when it is done."""
