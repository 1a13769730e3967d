"""Commands, a module each: what is asked of the engine, and what of its answer is said.

What takes long to import is imported by the command that needs it, when it is run.
"""
