"""What people look at: samples of a config or of a run, on a sheet or a page."""
