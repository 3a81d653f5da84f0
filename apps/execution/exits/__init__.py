"""Exit plans: a scope's positions taken to zero in slices, hedges in step, resumable by any worker."""
