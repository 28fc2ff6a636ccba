"""What happened: the cumulative figures of a strategy's runs, from the journal alone."""
