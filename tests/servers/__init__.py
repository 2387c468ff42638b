"""Real servers for tests, the demo and the benchmark; all on 127.0.0.1, none outlives its parent."""
