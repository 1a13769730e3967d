"""What makes pictures look like the world's: effects, and looks made of them."""
