"""Batches straight into a training loop: their order, their room in memory, who draws them."""
