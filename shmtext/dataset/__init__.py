"""What lands on disk, and when it counts. Knows no pixels and no processes."""
