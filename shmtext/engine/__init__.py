"""Who does what, when, and what happens when one of them dies."""
