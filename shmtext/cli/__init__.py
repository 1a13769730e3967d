"""The command line: arguments to ``RunConfig``, and the only printing and exit codes."""
