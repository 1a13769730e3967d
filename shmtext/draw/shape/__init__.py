"""Lines of text to glyphs and their places, as Pillow's Raqm has them, without Raqm."""
