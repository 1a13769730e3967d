"""Questions about speed and memory, each asked by one script and answered by measuring.

Nothing here is needed to render. What is measured is ``shmtext`` as it is installed or lies beside
this folder; what it is measured against is written here, or found in an environment the user names.
"""
