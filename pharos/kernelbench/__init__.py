"""KernelBench's problems: a suite of our own, any checkout of the public one, and the harness."""
