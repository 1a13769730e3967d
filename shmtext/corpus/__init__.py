"""Where texts come from and how they lie in memory. Knows no pixels and no output."""
