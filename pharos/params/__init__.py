"""Choice of parameters: pure functions of payload facts and target facts."""
